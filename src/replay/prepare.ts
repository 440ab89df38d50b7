/**
 * The state that a partition's replay begins with, in the replay's own directory. Each step can be repeated after a crash:
 *
 *     nothing -> [tiles, marked as generation 0] -> [ids are read] -> ready, of the replay's generation
 *
 * A state that is ready, or further, is gone on with. Where the plan begins at the origin there is nothing to prepare.
 */
import { NO_TIME } from '../core/partition-time.ts'
import type { TimeState } from '../core/partition-time.ts'
import type { Checkpoint } from '../engine/checkpoint-port.ts'
import type { Milestone, PartitionState, StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { dueSlots, markDue, settleDue } from './due-slots.ts'
import { emptyHead, nothingBut, originOf, UNREADY, viewStates } from './heads.ts'
import { loadTiles } from './load-tiles.ts'
import type { PartitionReplay, ReplayStart } from './plan.ts'
import { completeLive } from './prepare-live.ts'
import { restoreFirst } from './restore-copy.ts'
import { stagedDays } from './staged.ts'
import type { StartParts } from './start-parts.ts'

type Counted = Extract<ReplayStart, { readonly kind: 'milestone' | 'tiles' }>

/**
 * @returns 'ids': those from the start's offset up to `countsFrom` are to be remembered, then `afterIds` called
 * @throws REPLAY_REFUSED, CHECKPOINT_*, TABLE_REFUSED, STATE_*
 */
export async function prepareState(
  parts: StartParts,
  replay: PartitionReplay,
): Promise<'ready' | 'ids'> {
  const { partition, start } = replay
  const found = await withState(parts, partition, (state) => Promise.resolve(state.head))
  if (found?.generation === parts.plan.record.generation)
    return found.views.length === 0 ? 'ids' : 'ready'
  switch (start.kind) {
    case 'origin':
      await beginAtOrigin(parts, partition, start.offset)
      return 'ready'
    case 'checkpoint':
      if (found === undefined) await restore(parts, partition, start)
      await withState(parts, partition, (state) => takeOver(parts, partition, state))
      return 'ready'
    case 'live':
      if (found === undefined) await copyLive(parts, partition)
      await withState(parts, partition, (state) => completeTaken(parts, state))
      return 'ready'
    case 'regrouped':
      throw new Error(`partition ${partition} is regrouped before it is prepared`)
    case 'milestone':
    case 'tiles':
      return withState(parts, partition, (state) => begin(parts, partition, state, start))
  }
}

/** The ids are in the state: now it stands at the milestone, at exactly the milestone's time. */
export async function afterIds(
  parts: StartParts,
  { partition, start }: PartitionReplay,
): Promise<void> {
  if (start.kind !== 'milestone' && start.kind !== 'tiles') return
  await withState(parts, partition, async (state) => {
    const { head } = state
    // Ready since, or stopped before it had read them all.
    if (head === undefined || head.views.length > 0 || head.nextOffset < start.countsFrom) return
    const { logIdentity } = head
    const milestones = passedOf(parts, start, await knownMilestones(parts, partition, start))
    const ready = { ...readyHead(parts, partition, start), logIdentity }
    await state.commit({ ...nothingBut(ready), milestones })
  })
}

async function withState<T>(
  { states }: StartParts,
  partition: number,
  work: (state: PartitionState) => Promise<T>,
): Promise<T> {
  const state = await states.openState(partition)
  try {
    return await work(state)
  } finally {
    await state[Symbol.asyncDispose]()
  }
}

/** The generation's own origin needs no preparation; a later one (the log has lost its beginning) is noted. */
async function beginAtOrigin(parts: StartParts, partition: number, offset: number): Promise<void> {
  if (offset === originOf(parts.plan, partition)) return
  const head = emptyHead(parts, partition)
  await withState(parts, partition, (state) =>
    state.commit(
      nothingBut({ ...head, origin: offset, nextOffset: offset, views: viewStates(parts.views) }),
    ),
  )
}

async function restore(
  { states, checkpoints, handOvers, plan }: StartParts,
  partition: number,
  { checkpoint: id, place }: Extract<ReplayStart, { readonly kind: 'checkpoint' }>,
): Promise<void> {
  const store = place === undefined ? checkpoints : handOvers?.states(place)
  const kept: readonly Checkpoint[] = (await store?.list(partition)) ?? []
  const checkpoint = kept.find((each) => each.id === id)
  if (checkpoint === undefined || store === undefined) {
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id} begins partition ${partition} with the checkpoint ${id}, which is not kept any more. Nothing was read. Plan it again: \`tidemark replay plan\``,
    )
  }
  try {
    await states.restoreState(partition, store.read(checkpoint))
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error
    // The plan names this one, so no run of it will ever find another.
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id} begins partition ${partition} with the checkpoint ${id}, which is damaged. Nothing of it was taken. Plan it again with another --start, ` +
        'or once what is damaged is given up: `tidemark checkpoint verify --discard`, then `tidemark replay plan`',
      { cause: error },
    )
  }
}

async function copyLive(parts: StartParts, partition: number): Promise<void> {
  const { states, plan, log } = parts
  const isCopied = await restoreFirst(
    parts.live(partition),
    (files) => states.restoreState(partition, files),
    log,
  )
  if (!isCopied) {
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id} begins partition ${partition} with the live state, and none of generation ${plan.base} is on this machine or among the checkpoints. ` +
        'Nothing was read. Run it where the consumer runs, or plan it again with --start origin',
    )
  }
}

/** Days that it has closed and the replay stages all the same are due: owners still write or correct them. */
async function takeOver(
  parts: StartParts,
  partition: number,
  state: PartitionState,
): Promise<void> {
  const { head } = state
  if (head === undefined) return
  const ready = takenOver(parts, head)
  const { first } = stagedDays(parts.plan, partition)
  const due = dueSlots(parts, { first, last: ready.time.closedDay ?? -Infinity })
  await markDue(state, head, due)
  await settleDue(state, ready, due)
}

async function completeTaken(parts: StartParts, state: PartitionState): Promise<void> {
  const { head } = state
  if (head !== undefined) await completeLive(parts, state, takenOver(parts, head))
}

/** A state of an earlier generation becomes one of this; what its followers and its ticks did is not the replay's. */
export function takenOver({ plan, time, calendar }: StartParts, head: StateHead): StateHead {
  const { maxEventTime } = head.time
  const closedDay =
    maxEventTime === undefined
      ? undefined
      : calendar.dayOf(maxEventTime - time.outOfOrdernessMs) - 1
  return {
    ...head,
    generation: plan.record.generation,
    time: { ...head.time, ticked: undefined, tickCloses: [], closedDay },
    rejects: { judged: 0, rejected: 0 },
    counts: {},
    online: undefined,
    table: { complete: [] },
  }
}

async function begin(
  parts: StartParts,
  partition: number,
  state: PartitionState,
  start: Counted,
): Promise<'ready' | 'ids'> {
  const known = await knownMilestones(parts, partition, start)
  const unready = { ...emptyHead(parts, partition), generation: UNREADY }
  if (start.kind === 'tiles') await putTiles(parts, { state, head: unready, start, partition })
  const milestones = passedOf(parts, start, known)
  const readsIds = start.offset < start.countsFrom
  const head = readsIds
    ? {
        ...emptyHead(parts, partition),
        nextOffset: start.offset,
        time: timeAt(parts, { partition, start, known }),
      }
    : readyHead(parts, partition, start)
  await state.commit({ ...nothingBut(head), milestones })
  return readsIds ? 'ids' : 'ready'
}

/** Without them the state could not hand them on. @throws REPLAY_REFUSED */
async function knownMilestones(
  parts: StartParts,
  partition: number,
  { countsFrom }: Counted,
): Promise<readonly Milestone[]> {
  const known = await parts.milestones(partition)
  if (known === undefined && countsFrom !== originOf(parts.plan, partition))
    throw unknownMilestone(parts, partition, countsFrom)
  return known ?? []
}

function unknownMilestone({ plan }: StartParts, partition: number, offset: number): TidemarkError {
  return new TidemarkError(
    'REPLAY_REFUSED',
    `replay ${plan.id} begins partition ${partition} at a time that is known at offset ${offset}, and no state that knows it is on this machine or among the checkpoints. ` +
      `Nothing was read. Run it where it was planned, or plan it again here: \`tidemark replay plan\``,
  )
}

/** The log before the start says the same in this generation; what reading ids made of it is replaced. */
function passedOf(
  { plan: { record } }: StartParts,
  { countsFrom }: Counted,
  known: readonly Milestone[],
): Milestone[] {
  return known
    .filter(({ offset }) => offset <= countsFrom)
    .map((milestone) => ({ ...milestone, generation: record.generation }))
}

async function putTiles(
  { tiles, views, plan, records }: StartParts,
  at: {
    readonly state: PartitionState
    readonly head: StateHead
    readonly start: Extract<ReplayStart, { readonly kind: 'tiles' }>
    readonly partition: number
  },
): Promise<void> {
  const { state, head, start, partition } = at
  if (tiles === undefined) {
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id} begins with tiles of the tile tables, and the pipeline has no sinks.offline now. Plan it again: \`tidemark replay plan\``,
    )
  }
  const { slots } = plan.record
  const pages = loadTiles({ tables: tiles, views, partition, days: start.tiles, slots, records })
  for await (const page of pages) await state.commit({ ...nothingBut(head), tiles: page })
}

/** Where the ids begin there is a milestone, or the origin: its time is exact, too. */
function timeAt(
  parts: StartParts,
  at: {
    readonly partition: number
    readonly start: Counted
    readonly known: readonly Milestone[]
  },
): TimeState {
  const { partition, start, known } = at
  if (start.offset === originOf(parts.plan, partition)) return NO_TIME
  const milestone = known.findLast(({ offset }) => offset === start.offset)
  if (milestone === undefined) throw unknownMilestone(parts, partition, start.offset)
  const { maxEventTime, watermark, newestIdDay } = milestone
  return {
    ...NO_TIME,
    maxEventTime,
    maxEventOffset: start.offset - 1,
    closedDay: parts.calendar.dayOf(watermark) - 1,
    completeFrom: start.time.completeFrom,
    ...(newestIdDay === -Infinity ? {} : { newestIdDay }),
  }
}

function readyHead(parts: StartParts, partition: number, start: Counted): StateHead {
  const { countsFrom: nextOffset, time } = start
  return { ...emptyHead(parts, partition), nextOffset, time, views: viewStates(parts.views) }
}
