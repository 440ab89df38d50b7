/** What the loop of a partition is made of. */
import type { BatchFold } from './batch-fold.ts'
import type { CheckpointFollower } from './checkpoint-follower.ts'
import type { IdleTicks } from './idle-ticks.ts'
import type { LeftSlots } from './left-slots.ts'
import type { OnlineFollower } from './online-follower.ts'
import type { PartitionContext } from './partition-context.ts'
import type { Decoder, PartitionReader, StateHead } from './ports.ts'
import type { RejectSink } from './reject-port.ts'
import type { TableFollower } from './table-follower.ts'

export interface PartitionTaskParts {
  readonly context: PartitionContext
  readonly topic: string
  readonly reader: PartitionReader
  readonly decoder: Decoder
  readonly rejects: RejectSink
  readonly head: StateHead
  readonly batchFold: BatchFold
  readonly online: OnlineFollower | undefined
  readonly table: TableFollower | undefined
  readonly leftSlots: LeftSlots
  readonly checkpoints: CheckpointFollower | undefined
  readonly ticks: IdleTicks
  /** Stop, drained, once this offset is reached. */
  readonly stopAt: number | undefined
  /** Stop now: commit, tell what is committed, release. */
  readonly stop: AbortSignal
  /** Stop at once, where the last commit left it: something has failed. */
  readonly failed: AbortSignal
  /** Where the partition stands, for those who watch its group. */
  readonly publish: (nextOffset: number) => void
}
