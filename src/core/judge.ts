/**
 * The partition's own judgement of each record, before any view sees it: undecodable, bad_timestamp, future,
 * too_late, duplicate, in this order. It looks at bytes, time and event id alone, so that no view's definition can move
 * another's time. Only accepted records move the watermark.
 */
import type { Calendar, DayIndex } from './day.ts'
import { Decoded } from './event.ts'
import type { EventBatch } from './event.ts'
import type { PartitionTime } from './partition-time.ts'

export const Verdict = {
  ACCEPTED: 0,
  TOMBSTONE: 1,
  UNDECODABLE: 2,
  BAD_TIMESTAMP: 3,
  FUTURE: 4,
  TOO_LATE: 5,
  DUPLICATE: 6,
} as const

/** How a verdict is counted and told; by the value of `Verdict`. */
export const VERDICT_NAMES = [
  'accepted',
  'tombstone',
  'undecodable',
  'bad_timestamp',
  'future',
  'too_late',
  'duplicate',
] as const

export interface JudgedBatch {
  /** One of `Verdict` per record. */
  readonly verdicts: Uint8Array
  /** Bucket of each accepted or too-late record. */
  readonly buckets: Int32Array
  /** Last closed day before each record, for corrections. */
  readonly closedBefore: Float64Array
  /** Accepted records whose bucket the log had closed. */
  readonly late: number
  readonly closes: readonly LogClose[]
  /** Ids of accepted and duplicate records with the bucket that they are remembered under. */
  readonly seen: ReadonlyMap<string, DayIndex>
}

/** By the record at `index` the log closed the days (`after`, `through`]. */
export interface LogClose {
  readonly index: number
  readonly after: DayIndex
  readonly through: DayIndex
  /** Last day that was closed before it, by log or tick: a tick may have closed some of these days already. */
  readonly closedBefore: DayIndex
  readonly watermark: number
  readonly maxEventTime: number
  /** Newest day that had an event before this record; -Infinity at the first. */
  readonly newestDayBefore: DayIndex
}

/** The latest bucket of each id that was accepted, or itself a duplicate, before this batch. */
export type SeenIds = ReadonlyMap<string, DayIndex>

export class Judge {
  readonly #time: PartitionTime
  readonly #calendar: Calendar
  readonly #duplicatesWithinMs: number

  constructor(time: PartitionTime, policy: { readonly duplicatesWithinMs: number }) {
    this.#time = time
    this.#calendar = time.calendar
    this.#duplicatesWithinMs = policy.duplicatesWithinMs
  }

  judge(events: EventBatch, known: SeenIds): JudgedBatch {
    const { count } = events.records
    const verdicts = new Uint8Array(count)
    const buckets = new Int32Array(count)
    const closedBefore = new Float64Array(count)
    const closes: LogClose[] = []
    const seen = new Map<string, DayIndex>()
    let late = 0
    for (let i = 0; i < count; i += 1) {
      closedBefore[i] = this.#time.closedDay
      const verdict = this.#verdict(events, i, { buckets, known, seen })
      verdicts[i] = verdict
      if (verdict !== Verdict.ACCEPTED) continue
      if ((buckets[i] as number) <= this.#time.logClosedDay) late += 1
      this.#accept(events, i, closes)
    }
    return { verdicts, buckets, closedBefore, late, closes, seen }
  }

  #verdict(events: EventBatch, i: number, batch: BatchIds): number {
    const outcome = events.outcomes[i]
    if (outcome === Decoded.TOMBSTONE) return Verdict.TOMBSTONE
    if (outcome === Decoded.UNDECODABLE) return Verdict.UNDECODABLE
    if (outcome === Decoded.BAD_TIMESTAMP) return Verdict.BAD_TIMESTAMP
    const eventTime = events.eventTimes[i] as number
    if (this.#time.isFuture(eventTime, events.records.timestamps[i] as number))
      return Verdict.FUTURE
    const bucket = this.#calendar.dayOf(eventTime)
    batch.buckets[i] = bucket
    if (this.#time.isTooLate(bucket)) return Verdict.TOO_LATE
    const id = events.ids?.[i]
    return id !== undefined && this.#isDuplicate(id, bucket, batch)
      ? Verdict.DUPLICATE
      : Verdict.ACCEPTED
  }

  /** Remembers the id under the later of its buckets, whatever the verdict. */
  #isDuplicate(id: string, bucket: DayIndex, { known, seen }: BatchIds): boolean {
    const before = seen.get(id) ?? known.get(id)
    const counts =
      before !== undefined &&
      this.#calendar.endOf(before) + this.#duplicatesWithinMs > this.#time.watermark
    seen.set(id, before === undefined ? bucket : Math.max(before, bucket))
    return counts
  }

  #accept(events: EventBatch, i: number, closes: LogClose[]): void {
    const time = this.#time
    const newest = time.maxEventTime
    const after = time.logClosedDay
    const closedBefore = time.closedDay
    const eventTime = events.eventTimes[i] as number
    if (!time.accept(eventTime, events.records.offsets[i] as number)) return
    closes.push({
      index: i,
      after,
      through: time.logClosedDay,
      closedBefore,
      watermark: time.watermark,
      maxEventTime: eventTime,
      newestDayBefore: newest === -Infinity ? -Infinity : this.#calendar.dayOf(newest),
    })
  }
}

interface BatchIds {
  readonly buckets: Int32Array
  readonly known: SeenIds
  readonly seen: Map<string, DayIndex>
}
