/** Heads of states that a replay writes itself, beside the engine: before the first record, and after the last. */
import { NO_TIME } from '../core/partition-time.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { StateCommit, StateHead, ViewState } from '../engine/ports.ts'
import type { ReplayPlan } from './plan.ts'

export interface HeadParts {
  readonly plan: ReplayPlan
  /** Of the log. */
  readonly partitions: number
}

/** A generation that is none: the state is not whole yet. */
export const UNREADY = 0

/** Of a partition that has read nothing. Its views are noted when it can be gone on with. */
export function emptyHead({ plan, partitions }: HeadParts, partition: number): StateHead {
  const origin = originOf(plan, partition)
  return {
    format: 1,
    pipeline: plan.pipeline,
    partition,
    partitions,
    logIdentity: undefined,
    generation: plan.record.generation,
    origin,
    nextOffset: origin,
    time: NO_TIME,
    views: [],
    rejects: { judged: 0, rejected: 0 },
    counts: {},
    online: undefined,
    table: { complete: [] },
  }
}

/** With the layouts that views have now, and no other. */
export function viewStates(views: readonly ViewPlan[]): ViewState[] {
  return views.map(({ definition: { name, version, hash }, layout }) => {
    return { name, version, hash, layouts: [layout.signature] }
  })
}

export function originOf({ record }: ReplayPlan, partition: number): number {
  return record.segments.find((segment) => segment.partition === partition)?.origin ?? 0
}

export function nothingBut(head: StateHead): StateCommit {
  return { head, tiles: [], ids: [], milestones: [], dirty: new Map(), cleared: [] }
}
