/** What a run of a replay is made of, how it is to be done, and what is told of it meanwhile. */
import type { Pipeline } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { CheckpointStore } from '../engine/checkpoint-port.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { RunParts } from '../engine/parts.ts'
import type { Milestone } from '../engine/ports.ts'
import type { RejectSink } from '../engine/reject-port.ts'
import type { TileTables } from './load-tiles.ts'
import type { Pace } from './pace.ts'
import type { PartitionReplay, ReplayPlan } from './plan.ts'
import type { LiveCopy } from './start-parts.ts'
import type { PartitionResult, StagedTable } from './records.ts'

/** States, tables and rejects are the replay's own; nothing in it can reach those of the pipeline. */
export type ReplayParts = Pick<
  RunParts,
  'source' | 'decoder' | 'tables' | 'rejects' | 'clock' | 'log' | 'run' | 'zoneData' | 'amended'
> & {
  readonly plan: ReplayPlan
  readonly pipeline: Pipeline
  readonly states: Pick<RunParts, 'openState' | 'restoreState' | 'peekState'>
  /** Absent: a run of a plan that regroups nothing. */
  readonly old?: OldParts
  /** The pipeline's. */
  readonly checkpoints: CheckpointStore | undefined
  /** Undefined: nothing is handed over. */
  readonly handOvers: HandOvers | undefined
  /** The pipeline's tile tables. */
  readonly tiles: TileTables | undefined
  /** Copies of the pipeline's states of the plan's base that can be had, the newest first. */
  live(partition: number): AsyncIterable<LiveCopy>
  /** What the pipeline's newest state knows; undefined where there is none. */
  milestones(partition: number): Promise<readonly Milestone[] | undefined>
  /** All generations so far. */
  readonly records: readonly GenerationRecord[]
  /** What the staging tables hold. */
  staged(): Promise<readonly StagedTable[]>
}

/** Of old partitions, where some were added. */
export interface OldParts {
  /** Beside those of the new ones. */
  readonly states: ReplayParts['states']
  /** The pipeline's own: what an old partition refuses up to its end no owner will ever read again. */
  readonly rejects: Pick<RejectSink, 'write'>
  /** Copies of the states up to an offset that an owner of the plan's base could go on with, the furthest first. */
  stateUpTo(partition: number, offset: number): AsyncIterable<LiveCopy>
}

export interface PartitionWatch {
  readonly signal: AbortSignal
  readonly onProgress?: (progress: PartitionReplayProgress) => void
}

export interface ReplayOptions extends PartitionWatch {
  /** Partitions at once. */
  readonly parallel: number
  readonly pace: Pace
}

/** Does one partition, from its start or from where it was left; undefined where it was stopped before its end. */
export type PartitionRunner = (
  replay: PartitionReplay,
  watch: PartitionWatch,
) => Promise<PartitionResult | undefined>

/** Of one partition; what is not told does not move. */
export interface PartitionReplayProgress {
  readonly partition: number
  readonly phase: 'preparing' | 'ids' | 'reading' | 'writing' | 'done'
  readonly nextOffset: number
  readonly endOffset: number
  /** Read by this run. */
  readonly records: number
}
