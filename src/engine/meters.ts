/**
 * What a partition measures of itself: plain numbers that the loop and its followers raise and that whoever watches reads
 * when asked. Nothing here decides anything, and nothing waits for a reader.
 */

/** Upper bounds in seconds: from a live record to a backlog of days. */
const DELAY_BOUNDS = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400,
] as const
/** How late events come: what `outOfOrderness` should cover. */
const DISORDER_BOUNDS = [
  0.1, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 10_800, 43_200, 86_400, 259_200,
] as const
const DURATION_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
] as const

/** A histogram with fixed upper bounds (`le`), as Prometheus has them. */
export class Distribution {
  readonly bounds: readonly number[]
  /** Per bound, not cumulative; one more for what is above the last. */
  readonly counts: Float64Array
  #sum = 0
  #count = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  get sum(): number {
    return this.#sum
  }

  get count(): number {
    return this.#count
  }

  /** `weight` observations of one value. */
  observe(value: number, weight = 1): void {
    if (Number.isNaN(value)) return
    let at = 0
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at += 1
    this.counts[at] = (this.counts[at] as number) + weight
    this.#sum += value * weight
    this.#count += weight
  }
}

/** All delays in seconds. Wall clocks of several machines are compared: a delay may be a little negative. */
export class PartitionMeters {
  /** The record's timestamp - the event's time, per accepted record: event to broker. */
  readonly eventDelay = new Distribution(DELAY_BOUNDS)
  /** The partition's newest event time - the event's, per accepted record: what `outOfOrderness` must cover. */
  readonly disorder = new Distribution(DISORDER_BOUNDS)
  /** The commit - the record's timestamp, per record: broker to commit. */
  readonly commitDelay = new Distribution(DELAY_BOUNDS)
  /** How long a commit took. */
  readonly commitSeconds = new Distribution(DURATION_BOUNDS)
  /** Bytes of records that commits have made durable. */
  committedBytes = 0
  /** The online store's acknowledgement - the commit, per round of telling. */
  readonly onlineDelay = new Distribution(DELAY_BOUNDS)
  /** How long a write of values took, retries included. */
  readonly onlineSeconds = new Distribution(DURATION_BOUNDS)
  /** The table's transaction - the day's close, per closed day of a view. */
  readonly tableDelay = new Distribution(DELAY_BOUNDS)
  /** How long a table transaction took, its files included. */
  readonly tableSeconds = new Distribution(DURATION_BOUNDS)
  /** How long the loop stood still for a snapshot. */
  readonly snapshotSeconds = new Distribution(DURATION_BOUNDS)
  /** How long storing a checkpoint took, retries included. */
  readonly checkpointSeconds = new Distribution(DELAY_BOUNDS)
  /** Effects on sinks that failed and are tried again. */
  retries = 0
  /** By view: value readable - the oldest untold record's timestamp, per value. The objective is the view's `freshness`. */
  readonly freshness: readonly Distribution[]

  /** @param objectives of the views, seconds: each is a bound of its view's distribution, so that it is judged exactly */
  constructor(objectives: readonly number[]) {
    this.freshness = objectives.map((objective) => {
      const bounds = new Set([...DELAY_BOUNDS, objective])
      return new Distribution([...bounds].sort((a, b) => a - b))
    })
  }
}
