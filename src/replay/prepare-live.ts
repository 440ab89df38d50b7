/**
 * A replay that asks only for what stored tiles hold: a longer window, a derived column, one that had come without its past. It
 * begins with a copy of the live state, gets the days back that states forget from the tile tables, and reads nothing of the log.
 *
 *     tile tables        [=================== first .. last =]
 *     live state                                         [== what late records and windows of today need ==]
 *     rows that are due  [=======================================================]  every closed day
 */
import { parseSlot } from '../core/dirty-slot.ts'
import type { DayIndex } from '../core/day.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { PartitionState, StateHead, TileWrite, ViewState } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { dueSlots, markDue, settleDue } from './due-slots.ts'
import { nothingBut } from './heads.ts'
import { loadTiles } from './load-tiles.ts'
import type { DayRange } from './plan.ts'
import type { StartParts } from './start-parts.ts'

/**
 * The copy is in `state`, as its owner left it; whatever is written here is written again after a crash.
 * @param ready the head that it is to have at the end
 * @throws REPLAY_REFUSED, TABLE_*, STATE_*
 */
export async function completeLive(
  parts: StartParts,
  state: PartitionState,
  ready: StateHead,
): Promise<void> {
  const views = parts.views.map((view) => withLayout(view, ready.views))
  // Until the last commit the state stays one of the base: a crash begins here again.
  const base = { ...ready, generation: parts.plan.base, views }
  const stored = await recallTiles(parts, state, base)
  const due = dueSlots(parts, { first: stored.first, last: ready.time.closedDay ?? -Infinity })
  await markDue(state, base, due)
  await settleDue(state, { ...ready, views }, due)
}

/**
 * Tiles that the copy has dropped come back from the tile tables; its dirty slots are still those of its owner.
 * @param head with every layout that tiles of the state may have
 * @param from days before it are left out
 */
export async function recallTiles(
  parts: Omit<StartParts, 'states'>,
  state: PartitionState,
  head: StateHead,
  from: DayIndex = -Infinity,
): Promise<StoredDays> {
  const stored = await storedDays(parts, state, head)
  const wanted = { ...stored, first: Math.max(stored.first, from) }
  for await (const tiles of forgottenTiles(parts, head, wanted)) {
    await state.commit({
      ...nothingBut(head),
      tiles: tiles.map((tile) => inLayout(tile, head.views, parts.views)),
    })
  }
  return stored
}

/** As the engine notes it: the layout that the view has now is among those that its tiles are read by. */
export function withLayout(
  { definition, layout }: ViewPlan,
  known: readonly ViewState[],
): ViewState {
  const { name, version, hash } = definition
  const before = known.find((view) => view.name === name && view.version === version)
  const layouts = before?.layouts ?? []
  const has = layoutIndex(layouts, layout.signature) >= 0
  return { name, version, hash, layouts: has ? layouts : [...layouts, layout.signature] }
}

function layoutIndex(layouts: ViewState['layouts'], signature: readonly string[]): number {
  const text = JSON.stringify(signature)
  return layouts.findIndex((layout) => JSON.stringify(layout) === text)
}

/** A loaded tile has the view's own layout as the first one; in this state that may be another. */
function inLayout(
  tile: TileWrite,
  views: readonly ViewState[],
  plans: readonly ViewPlan[],
): TileWrite {
  const index = layoutIndex(
    views[tile.view]?.layouts ?? [],
    plans[tile.view]?.layout.signature ?? [],
  )
  const bytes = Uint8Array.from(tile.bytes)
  bytes[1] = index
  return { ...tile, bytes }
}

interface StoredDays {
  /** The first day that has tiles anywhere; Infinity: none has. */
  readonly first: DayIndex
  /** The last one of which no slot of tiles waits to be written. */
  readonly written: DayIndex
}

async function storedDays(
  { tiles, views, plan }: Omit<StartParts, 'states'>,
  state: PartitionState,
  { partition }: StateHead,
): Promise<StoredDays> {
  if (tiles === undefined) {
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id} answers what is new from the tile tables, and the pipeline has no sinks.offline now. Plan it again: \`tidemark replay plan\``,
    )
  }
  const waiting = [...(await state.dirtySlots()).keys()].map(parseSlot)
  const days = waiting.filter(({ kind }) => kind === 'tiles').map(({ day }) => day)
  const firsts = await Promise.all(views.map((view) => tiles.firstDay(view, partition)))
  return {
    first: Math.min(...days, ...firsts.map((day) => day ?? Infinity)),
    written: Math.min(...days.map((day) => day - 1)),
  }
}

/** Of days that the state may have dropped: no record can come into them any more, and the tile tables have them for good. */
async function* forgottenTiles(
  { tiles, plan, views, records, calendar, time }: Omit<StartParts, 'states'>,
  { partition, time: { maxEventTime } }: StateHead,
  stored: StoredDays,
): AsyncGenerator<readonly TileWrite[]> {
  if (tiles === undefined || maxEventTime === undefined) return
  const finalDay = calendar.dayOf(maxEventTime - time.outOfOrdernessMs - time.allowedLatenessMs) - 1
  const base = records.find(({ generation }) => generation === plan.base)
  const kept = Math.min(...(base?.views.map(({ longestWindow }) => longestWindow) ?? []))
  const days: DayRange = { first: stored.first, last: Math.min(finalDay - kept, stored.written) }
  const { slots } = plan.record
  yield* loadTiles({ tables: tiles, views, partition, days, slots, records })
}
