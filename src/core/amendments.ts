/**
 * What a generation amends about single records of one partition's log.
 *
 *     drop     the record is passed over, as if the log did not have it
 *     accept   the record came too late, and stays that where it stands. It is judged once more, as if it stood right after
 *              the record by which the log closed its day: there it is late and nothing else, and is folded unless it
 *              repeats the id of an event. Several of one close follow in the order of their offsets; their values count as
 *              from the closing record's offset, so that what a tile says is a function of the log up to an offset.
 *
 * An accepted record that is no longer too late, since another amendment took back the watermark, is folded once: where it
 * stands if its day is still open there, else at the close.
 */
import type { DayIndex } from './day.ts'
import { Decoded } from './event.ts'
import type { EventBatch } from './event.ts'
import type { PartitionTime } from './partition-time.ts'

/** Of one partition. */
export interface PartitionAmendments {
  /** Offsets. */
  readonly dropped: ReadonlySet<number>
  readonly accepted: AcceptedRecords
}

/** Records that came too late and count all the same, decoded; ascending by offset. */
export interface AcceptedRecords {
  readonly events: EventBatch
  /** Bucket of each. */
  readonly days: readonly DayIndex[]
  readonly offsets: ReadonlySet<number>
}

/** An accepted record at the close of its day. */
export interface HealedRecord {
  /** In the batch: the record that closed its day. */
  readonly after: number
  /** Among the accepted. */
  readonly index: number
  /** Accepted, or a duplicate. */
  readonly verdict: number
  /** Last closed day by then. */
  readonly closedDay: DayIndex
}

/** The accepted whose day is closed by a record at `offset` and that stand behind it: those before it were on time. */
export function dueRecords(
  { events, days }: AcceptedRecords,
  close: { readonly after: DayIndex; readonly through: DayIndex; readonly offset: number },
): number[] {
  const due: number[] = []
  for (const [index, day] of days.entries()) {
    const isClosed = day > close.after && day <= close.through
    if (isClosed && (events.records.offsets[index] as number) > close.offset) due.push(index)
  }
  return due
}

/** Ids of the accepted whose day a batch may close. */
export function dueIds(
  { events, days }: AcceptedRecords,
  { outcomes, eventTimes }: EventBatch,
  time: PartitionTime,
): string[] {
  let newest = time.maxEventTime
  for (const [i, outcome] of outcomes.entries())
    if (outcome === Decoded.EVENT) newest = Math.max(newest, eventTimes[i] as number)
  const through = time.closedBy(newest)
  return days.flatMap((day, index) => {
    const id = day > time.logClosedDay && day <= through ? events.ids?.[index] : undefined
    return id === undefined ? [] : [id]
  })
}
