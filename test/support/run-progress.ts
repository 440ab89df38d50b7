/** Where a run stands, for tests of what watches it: a live partition with nothing wrong, changed as a test says. */
import { PartitionMeters } from '../../src/engine/meters.ts'
import type {
  OnlineProgress,
  PartitionProgress,
  RunProgress,
  TableProgress,
} from '../../src/engine/parts.ts'

export const ONLINE: OnlineProgress = {
  failing: false,
  backlog: 0,
  untoldSince: [undefined],
  position: 100,
  asOf: 20_000,
  refused: 0,
  foreign: 0,
  scan: undefined,
  scansByReason: {},
}

export const TABLE: TableProgress = {
  failing: false,
  dirtySlots: 0,
  waitingDays: 0,
  complete: [19_999],
  corrections: 0,
}

/** At the end of the log, all told, as of 2024-10-04; its clocks stand at 0. */
export function partitionOf(
  partition: number,
  changed: Partial<PartitionProgress> = {},
): PartitionProgress {
  return {
    partition,
    startOffset: 0,
    nextOffset: 100,
    endOffset: 100,
    records: 100,
    counts: {},
    startCounts: {},
    rejectShare: 0,
    watermark: 1_728_000_000_000,
    closedDay: 19_999,
    rowsWritten: 0,
    valuesWritten: 0,
    phase: 'live',
    newest: { eventTime: 1_728_001_800_000, offset: 42 },
    turnedMs: 0,
    advancedMs: 0,
    held: false,
    toFormerPosition: 0,
    idle: 'records come',
    online: ONLINE,
    table: TABLE,
    checkpoint: undefined,
    meters: new PartitionMeters([60]),
    ...changed,
  }
}

export function progressOf(
  partitions: readonly PartitionProgress[],
  changed: Partial<RunProgress> = {},
): RunProgress {
  const assigned = partitions.length
  return { views: ['activity@1'], partitions, lease: 'held', assigned, generation: 1, ...changed }
}
