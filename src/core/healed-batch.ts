/** A batch as it is folded: accepted records of amendments in it, each behind the record by which the log closed its day. */
import type { AcceptedRecords, HealedRecord } from './amendments.ts'
import type { DayIndex } from './day.ts'
import type { Column, EventBatch } from './event.ts'
import type { JudgedBatch } from './judge.ts'

/** The judged batch names, by record, its index in the batch that was read: see `JudgedBatch.origins`. */
export function withHealed(
  events: EventBatch,
  judged: JudgedBatch,
  accepted: AcceptedRecords | undefined,
): { readonly events: EventBatch; readonly judged: JudgedBatch } {
  if (judged.healed.length === 0 || accepted === undefined) return { events, judged }
  const order = orderOf(events.records.count, judged.healed)
  const count = order.length
  const merge = (
    into: Float64Array | Int32Array | Uint8Array,
    own: ArrayLike<number>,
    healedValue: (healed: HealedRecord) => number,
  ): void => {
    for (const [i, at] of order.entries())
      into[i] = typeof at === 'number' ? (own[at] as number) : healedValue(at)
  }
  const { records } = events
  const offsets = new Float64Array(count)
  merge(offsets, records.offsets, ({ after }) => records.offsets[after] as number)
  const timestamps = new Float64Array(count)
  const { events: kept, days } = accepted
  merge(timestamps, records.timestamps, ({ index }) => kept.records.timestamps[index] as number)
  const eventTimes = new Float64Array(count)
  merge(eventTimes, events.eventTimes, ({ index }) => kept.eventTimes[index] as number)
  const verdicts = new Uint8Array(count)
  merge(verdicts, judged.verdicts, ({ verdict }) => verdict)
  const buckets = new Int32Array(count)
  merge(buckets, judged.buckets, ({ index }) => days[index] as DayIndex)
  const closedBefore = new Float64Array(count)
  merge(closedBefore, judged.closedBefore, ({ closedDay }) => closedDay)
  const columns = events.columns.map((column, field): Column =>
    order.map((at) => (typeof at === 'number' ? column[at] : kept.columns[field]?.[at.index])),
  )
  return {
    events: { ...events, records: { ...records, count, offsets, timestamps }, eventTimes, columns },
    judged: {
      ...judged,
      verdicts,
      buckets,
      closedBefore,
      origins: Int32Array.from(order, (at) => (typeof at === 'number' ? at : -1)),
    },
  }
}

/** Indexes of the batch, and the healed each right behind the record that closed their day. */
function orderOf(count: number, healed: readonly HealedRecord[]): (number | HealedRecord)[] {
  const order: (number | HealedRecord)[] = []
  let next = 0
  for (let i = 0; i < count; i += 1) {
    order.push(i)
    for (let one = healed[next]; one?.after === i; one = healed[next]) {
      order.push(one)
      next += 1
    }
  }
  return order
}
