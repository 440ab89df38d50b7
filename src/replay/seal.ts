/**
 * The end of a partition's replay: its state becomes one that an owner can go on with. What its followers knew of the staging
 * tables is forgotten; the state is stored where the plan hands it over, once.
 */
import { VERDICT_NAMES } from '../core/judge.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { Checkpoint } from '../engine/checkpoint-port.ts'
import { replayPlace } from '../engine/hand-over-port.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { RunParts } from '../engine/parts.ts'
import type { PartitionState, StateHead } from '../engine/ports.ts'
import { retryForEver } from '../engine/retry.ts'
import type { RetryContext } from '../engine/retry.ts'
import { emptyHead, nothingBut, viewStates } from './heads.ts'
import type { HeadParts } from './heads.ts'
import type { PartitionResult } from './records.ts'

export interface SealParts extends HeadParts {
  readonly views: readonly ViewPlan[]
  readonly states: Pick<RunParts, 'openState'>
  readonly handOvers: HandOvers | undefined
  readonly run: string
  readonly retry: Omit<RetryContext, 'what'>
}

/** Repeating it stores nothing more. @throws CHECKPOINT_REFUSED, STATE_* */
export async function sealState(parts: SealParts, partition: number): Promise<PartitionResult> {
  const state = await parts.states.openState(partition)
  try {
    // A partition without a record has no state yet.
    const empty = { ...emptyHead(parts, partition), views: viewStates(parts.views) }
    const head: StateHead = {
      ...(state.head ?? empty),
      online: undefined,
      table: { complete: [] },
    }
    await state.commit({ ...nothingBut(head), cleared: [...(await state.dirtySlots()).keys()] })
    const checkpoint = parts.plan.handsOver ? await store(parts, partition, state) : undefined
    return {
      partition,
      offset: head.nextOffset,
      closedDay: head.time.closedDay,
      records: VERDICT_NAMES.reduce((sum, name) => sum + (head.counts[name] ?? 0), 0),
      counts: head.counts,
      checkpoint: checkpoint?.id,
    }
  } finally {
    await state[Symbol.asyncDispose]()
  }
}

async function store(
  { handOvers, plan, retry, run }: SealParts,
  partition: number,
  state: PartitionState,
): Promise<Checkpoint | undefined> {
  const place = handOvers?.states(replayPlace(plan.id))
  if (place === undefined) return undefined
  const what = `storing the state of partition ${partition} for the hand-over`
  return retryForEver(
    async () => {
      const text = JSON.stringify(state.head)
      const known = (await place.list(partition)).find(({ head }) => JSON.stringify(head) === text)
      if (known) return known
      await using snapshot = await state.snapshot()
      return await place.write(snapshot, run)
    },
    { ...retry, what },
  )
}
