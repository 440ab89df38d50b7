/**
 * How fast a replay may read, and when: a log whose reading is slowed down. Whoever reads is never held up for long: a read
 * that must wait answers "nothing now" after a moment, so that commits and followers go on meanwhile.
 */
import { createZone } from '../core/zone.ts'
import type { Zone } from '../core/zone.ts'
import type { Clock, PartitionReader, RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** A read that has to wait says so after this long. */
const WAIT_MS = 50
/** A slow reader asks for about so much time's worth of records at once. */
const BATCH_MS = 1_000
const BATCH_BYTES_MIN = 16 * 1024

/** Of a local day, half-open; an end at or before the start is on the next day. */
export interface Hours {
  readonly startMinute: number
  readonly endMinute: number
  /** As it was typed. */
  readonly text: string
}

export interface PaceLimits {
  readonly recordsPerSecond?: number
  readonly hours?: Hours
  /** In which the hours are meant. */
  readonly zone: string
}

/** `02:00-06:00`. @throws USAGE */
export function parseHours(text: string): Hours {
  const found = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text)
  const [startHour = 99, start = 99, endHour = 99, end = 99] = found?.slice(1).map(Number) ?? []
  const [startMinute, endMinute] = [startHour * 60 + start, endHour * 60 + end]
  const isTime = start < 60 && end < 60 && startMinute < 1440 && endMinute <= 1440
  if (!isTime || startMinute === endMinute) {
    throw new TidemarkError(
      'USAGE',
      `--window: expected hours such as 02:00-06:00 or 22:00-05:30, received ${text}`,
    )
  }
  return { startMinute, endMinute, text }
}

/** What all partitions of a replay have read, against what they may. */
export class Pace {
  readonly #clock: Clock
  readonly #limits: PaceLimits
  readonly #zone: Zone
  /** Monotonic ms at which what was read so far is paid for. */
  #paidMs = -Infinity
  #records = 0
  #bytes = 0

  constructor(clock: Clock, limits: PaceLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#zone = createZone(limits.zone)
  }

  /** How long until the next read; 0: now. */
  get waitMs(): number {
    return Math.max(this.hoursWaitMs, this.#paidMs - this.#clock.monotonicMs(), 0)
  }

  /** How long until the allowed hours begin; 0: they have begun, or all are allowed. */
  get hoursWaitMs(): number {
    const { hours } = this.#limits
    if (hours === undefined) return 0
    const nowMs = this.#clock.wallMs()
    const localMs = positive(nowMs + this.#zone.offsetAt(nowMs))
    const [startMs, endMs] = [hours.startMinute * MINUTE_MS, hours.endMinute * MINUTE_MS]
    const isOpen =
      startMs < endMs
        ? localMs >= startMs && localMs < endMs
        : localMs >= startMs || localMs < endMs
    return isOpen ? 0 : positive(startMs - localMs)
  }

  /** How much to ask for at once. */
  bytesMax(wantedMax: number): number {
    const { recordsPerSecond } = this.#limits
    if (recordsPerSecond === undefined || this.#records === 0) return wantedMax
    const bytes = ((recordsPerSecond * this.#bytes) / this.#records) * (BATCH_MS / 1_000)
    return Math.min(wantedMax, Math.max(BATCH_BYTES_MIN, Math.ceil(bytes)))
  }

  took(records: number, bytes: number): void {
    const { recordsPerSecond } = this.#limits
    this.#records += records
    this.#bytes += bytes
    if (recordsPerSecond === undefined) return
    const from = Math.max(this.#paidMs, this.#clock.monotonicMs())
    this.#paidMs = from + (records / recordsPerSecond) * 1_000
  }
}

function positive(ms: number): number {
  return ((ms % DAY_MS) + DAY_MS) % DAY_MS
}

export function pacedSource(source: RecordSource, pace: Pace, clock: Clock): RecordSource {
  return {
    ...readingOf(source),
    open: async (partition, offset) =>
      pacedReader(await source.open(partition, offset), pace, clock),
  }
}

/** What a source that is read in another way leaves as it is. Closing it is its owner's business. */
export function readingOf(source: RecordSource): Omit<RecordSource, 'open'> {
  return {
    topic: source.topic,
    topology: () => source.topology(),
    origins: () => source.origins(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

function pacedReader(reader: PartitionReader, pace: Pace, clock: Clock): PartitionReader {
  return {
    identity: () => reader.identity(),
    endOffset: () => reader.endOffset(),
    lag: (offset) => reader.lag(offset),
    read: async (bytesMax) => {
      if (pace.waitMs > 0) await clock.sleep(Math.min(pace.waitMs, WAIT_MS))
      if (pace.waitMs > 0) return undefined
      const batch = await reader.read(pace.bytesMax(bytesMax))
      if (batch) pace.took(batch.count, batch.bytes.length)
      return batch
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}
