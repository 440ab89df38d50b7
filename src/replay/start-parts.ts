/** What the beginning of a replay is made from: the plan, and whatever of the live pipeline can be read without its owner. */
import type { Calendar } from '../core/day.ts'
import type { TimePolicy } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { CheckpointStore } from '../engine/checkpoint-port.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { RunParts } from '../engine/parts.ts'
import type { Log, Milestone } from '../engine/ports.ts'
import type { TileTables } from './load-tiles.ts'
import type { ReplayPlan } from './plan.ts'

/** Of a state; what it is read from stays open until the next one is asked for. */
export interface LiveCopy {
  files(): AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>
}

export interface StartParts {
  readonly plan: ReplayPlan
  /** Of the plan's record. */
  readonly views: readonly ViewPlan[]
  readonly calendar: Calendar
  readonly time: TimePolicy
  /** Those of the replay, not the pipeline's. */
  readonly states: Pick<RunParts, 'openState' | 'restoreState'>
  /** Of the log. */
  readonly partitions: number
  /** The pipeline's. */
  readonly checkpoints: CheckpointStore | undefined
  readonly handOvers: HandOvers | undefined
  /** Copies of the pipeline's states of the plan's base that can be had, the newest first. */
  live(partition: number): AsyncIterable<LiveCopy>
  /** What the pipeline's newest state knows; undefined where there is none. */
  milestones(partition: number): Promise<readonly Milestone[] | undefined>
  readonly tiles: TileTables | undefined
  /** All generations so far. */
  readonly records: readonly GenerationRecord[]
  readonly log: Log
}
