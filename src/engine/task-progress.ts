/** Where a partition stands, put together for whoever watches: from the loop's own counters and what its parts know. */
import type { PartitionProgress } from './parts.ts'
import type { PartitionTaskParts } from './task-parts.ts'

export type LoopCounters = Pick<
  PartitionProgress,
  'startOffset' | 'nextOffset' | 'records' | 'counts' | 'phase' | 'turnedMs' | 'advancedMs' | 'held'
>

export function progressOf(
  { context, reader, online, table, checkpoints, ticks, head, batchFold }: PartitionTaskParts,
  counters: LoopCounters,
): PartitionProgress {
  const { time } = batchFold
  const { maxEventTime, maxEventOffset } = time.state
  return {
    ...counters,
    partition: context.partition,
    endOffset: counters.nextOffset + reader.lag(counters.nextOffset),
    startCounts: head.counts,
    rejectShare: batchFold.rejectShare,
    watermark: Number.isFinite(time.watermark) ? time.watermark : undefined,
    closedDay: Number.isFinite(time.closedDay) ? time.closedDay : undefined,
    rowsWritten: table?.rowsWritten ?? 0,
    valuesWritten: online?.valuesWritten ?? 0,
    newest:
      maxEventTime === undefined
        ? undefined
        : { eventTime: maxEventTime, offset: maxEventOffset ?? -1 },
    toFormerPosition: Math.max(0, context.heldUntil - counters.nextOffset),
    idle: ticks.why,
    online: online?.progress,
    table: table?.progress,
    checkpoint: checkpoints?.progress,
    meters: context.meters,
  }
}
