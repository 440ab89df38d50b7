/**
 * The partition's own judgement of each record, before any view sees it: undecodable, bad_timestamp, future,
 * too_late, duplicate, in this order. It looks at bytes, time and event id alone, so that no view's definition can move
 * another's time. Only accepted records move the watermark.
 */
import { dueRecords } from './amendments.ts'
import type { HealedRecord, PartitionAmendments } from './amendments.ts'
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
  /** Passed over by an amendment: dropped, or folded at another place of the log. */
  AMENDED: 7,
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
  'amended',
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
  /** Accepted by amendment, in the order in which they were judged. */
  readonly healed: readonly HealedRecord[]
  /** Where healed records are among the others: their index in the batch that was read, -1 for a healed one. */
  readonly origins?: Int32Array
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
  /** Newest day that an id was remembered under, with what was healed by it. */
  readonly newestIdDay: DayIndex
  /** Newest day that had an event before this record; -Infinity at the first. */
  readonly newestDayBefore: DayIndex
}

/** The latest bucket of each id that was accepted, or itself a duplicate, before this batch. */
export type SeenIds = ReadonlyMap<string, DayIndex>

export class Judge {
  readonly #time: PartitionTime
  readonly #calendar: Calendar
  readonly #duplicatesWithinMs: number
  readonly #amendments: PartitionAmendments | undefined

  constructor(
    time: PartitionTime,
    policy: { readonly duplicatesWithinMs: number },
    amendments?: PartitionAmendments,
  ) {
    this.#time = time
    this.#calendar = time.calendar
    this.#duplicatesWithinMs = policy.duplicatesWithinMs
    this.#amendments = amendments
  }

  judge(events: EventBatch, known: SeenIds): JudgedBatch {
    const { count } = events.records
    const verdicts = new Uint8Array(count)
    const buckets = new Int32Array(count)
    const closedBefore = new Float64Array(count)
    const closes: LogClose[] = []
    const healed: HealedRecord[] = []
    const seen = new Map<string, DayIndex>()
    let late = 0
    for (let i = 0; i < count; i += 1) {
      closedBefore[i] = this.#time.closedDay
      const verdict = this.#verdict(events, i, { buckets, known, seen })
      verdicts[i] = verdict
      if (verdict !== Verdict.ACCEPTED) continue
      if ((buckets[i] as number) <= this.#time.logClosedDay) late += 1
      const close = this.#accept(events, i)
      if (close === undefined) continue
      healed.push(...this.#heal(events, close, { known, seen }))
      closes.push({ ...close, newestIdDay: this.#time.newestIdDay })
    }
    return { verdicts, buckets, closedBefore, late, closes, healed, seen }
  }

  #verdict(events: EventBatch, i: number, batch: BatchIds & BatchBuckets): number {
    if (this.#amendments?.dropped.has(events.records.offsets[i] as number) === true)
      return Verdict.AMENDED
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
    if (this.#wasHealed(events.records.offsets[i] as number, bucket)) return Verdict.AMENDED
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
    this.#time.noteId(bucket)
    return counts
  }

  /** Judged at the close of its day already. */
  #wasHealed(offset: number, bucket: DayIndex): boolean {
    if (this.#amendments === undefined || bucket > this.#time.logClosedDay) return false
    return this.#amendments.accepted.offsets.has(offset)
  }

  /** Accepted records whose day is closed now: whether they repeat an event is all that is asked of them. */
  #heal(events: EventBatch, close: Closing, batch: BatchIds): HealedRecord[] {
    if (this.#amendments === undefined) return []
    const { accepted } = this.#amendments
    const offset = events.records.offsets[close.index] as number
    return dueRecords(accepted, { ...close, offset }).map((index) => {
      const id = accepted.events.ids?.[index]
      const day = accepted.days[index] as DayIndex
      const isDuplicate = id !== undefined && this.#isDuplicate(id, day, batch)
      const verdict = isDuplicate ? Verdict.DUPLICATE : Verdict.ACCEPTED
      return { after: close.index, index, verdict, closedDay: this.#time.closedDay }
    })
  }

  /** @returns what the log closed by it */
  #accept(events: EventBatch, i: number): Closing | undefined {
    const time = this.#time
    const newest = time.maxEventTime
    const after = time.logClosedDay
    const closedBefore = time.closedDay
    const eventTime = events.eventTimes[i] as number
    if (!time.accept(eventTime, events.records.offsets[i] as number)) return undefined
    return {
      index: i,
      after,
      through: time.logClosedDay,
      closedBefore,
      watermark: time.watermark,
      maxEventTime: eventTime,
      newestDayBefore: newest === -Infinity ? -Infinity : this.#calendar.dayOf(newest),
    }
  }
}

type Closing = Omit<LogClose, 'newestIdDay'>

interface BatchBuckets {
  readonly buckets: Int32Array
}

interface BatchIds {
  readonly known: SeenIds
  readonly seen: Map<string, DayIndex>
}
