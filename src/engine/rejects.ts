/** What is kept of a record that is refused: its own bytes, where it was, and why, in words. */
import type { DayIndex } from '../core/day.ts'
import { formatDay } from '../core/day.ts'
import type { EventBatch } from '../core/event.ts'
import { entityOf, whyUnused } from '../core/fold.ts'
import type { ViewReject } from '../core/fold.ts'
import { Verdict } from '../core/judge.ts'
import { typeName } from '../core/value.ts'
import type { PartitionContext } from './partition-context.ts'
import type { Reject, RejectReason } from './reject-port.ts'

const REASONS: Readonly<Record<number, RejectReason>> = {
  [Verdict.UNDECODABLE]: 'undecodable',
  [Verdict.BAD_TIMESTAMP]: 'bad_timestamp',
  [Verdict.FUTURE]: 'future',
  [Verdict.TOO_LATE]: 'too_late',
}

/** A record that the partition refused. */
export function rejectOf(
  context: PartitionContext,
  events: EventBatch,
  record: { readonly index: number; readonly verdict: number; readonly bucket: DayIndex },
): Reject {
  const { index, verdict, bucket } = record
  const reason = REASONS[verdict] ?? 'undecodable'
  const eventTime = verdict >= Verdict.FUTURE ? events.eventTimes[index] : undefined
  const reject = {
    ...bytesOf(context, events, index),
    reason,
    views: [],
    eventTime,
    message: messageOf(context, events, { index, reason, bucket }),
  }
  if (reason !== 'too_late') return reject
  const entities = context.views.flatMap((view) => {
    const isUsed = whyUnused(view, events, index, bucket) === undefined
    return isUsed ? [{ view: view.title, entity: entityOf(view, events, index) }] : []
  })
  return { ...reject, late: { day: bucket, entities } }
}

/** Records that views could not use: one reject per record, which names all its views. */
export function viewRejects(
  context: PartitionContext,
  events: EventBatch,
  rejects: readonly ViewReject[],
): Reject[] {
  const byRecord = new Map<number, ViewReject[]>()
  for (const reject of rejects) {
    const others = byRecord.get(reject.index)
    if (others === undefined) byRecord.set(reject.index, [reject])
    else others.push(reject)
  }
  return [...byRecord].map(([index, ofRecord]) => ({
    ...bytesOf(context, events, index),
    reason: ofRecord[0]?.reason ?? 'bad_field',
    views: ofRecord.map(({ view }) => view.title),
    eventTime: events.eventTimes[index],
    message: [...new Set(ofRecord.map((reject) => fieldMessage(context, reject)))].join('; '),
  }))
}

function fieldMessage({ pipeline }: PartitionContext, { field, reason }: ViewReject): string {
  const definition = pipeline.source.fields[field]
  const expected = definition
    ? `${definition.name}: expected ${typeName(definition.type)}`
    : 'a field'
  return reason === 'missing_key'
    ? `${expected}, the key of the source, but it is missing`
    : `${expected}, received another type`
}

function messageOf(
  { pipeline }: PartitionContext,
  events: EventBatch,
  record: { readonly index: number; readonly reason: RejectReason; readonly bucket: DayIndex },
): string {
  const { index, reason, bucket } = record
  const eventTime = new Date(events.eventTimes[index] ?? 0)
  switch (reason) {
    case 'future': {
      const timestamp = events.records.timestamps[index] ?? NaN
      return `event time ${eventTime.toISOString()} is more than ${pipeline.time.maxFutureMs} ms after the record's timestamp ${instantText(timestamp)}`
    }
    case 'too_late':
      return `event time ${eventTime.toISOString()}: its day ${formatDay(bucket)} and the allowed lateness of ${pipeline.time.allowedLatenessMs} ms were over`
    default:
      return events.problems.get(index) ?? reason
  }
}

/** A producer may set any timestamp, also one that no calendar has. */
function instantText(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`
}

function bytesOf(
  { partition, generation }: PartitionContext,
  { records }: EventBatch,
  index: number,
): Omit<Reject, 'reason' | 'views' | 'message' | 'eventTime'> {
  return {
    partition,
    generation,
    offset: records.offsets[index] as number,
    timestamp: records.timestamps[index] as number,
    key: slice(records.bytes, records.keyStarts[index] as number, records.keyEnds[index] as number),
    value: slice(
      records.bytes,
      records.valueStarts[index] as number,
      records.valueEnds[index] as number,
    ),
    headers: records.headers?.[index] ?? [],
  }
}

function slice(bytes: Buffer, start: number, end: number): Uint8Array | null {
  return start < 0 ? null : bytes.subarray(start, end)
}
