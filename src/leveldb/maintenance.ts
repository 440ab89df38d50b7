/**
 * House-keeping of a partition's state, in pieces: days that are over settle, evicted tiles go, ids are forgotten. A
 * piece reads first (its iterators are closed before it returns) and answers what to write; the store then writes that
 * and the new layout as one batch. A crash between two pieces leaves a state in which every read is right.
 */
import type { DayIndex } from '../core/day.ts'
import type { MaintenanceBounds } from '../engine/ports.ts'
import type { Database } from './database.ts'
import { historyPlace, historyRange, idRange } from './keys.ts'
import type { Layout } from './layout.ts'
import { type Piece, recordWrites } from './piece.ts'
import { renewed } from './renewal.ts'
import { settle } from './settling.ts'
import { oldestSettled } from './tile-record.ts'

/** Bounds the memory of a piece, whatever the caller allows. */
const PIECE_MAX = 2000

/** The next piece of work; undefined: nothing is due. */
export async function nextPiece(
  database: Database,
  layout: Layout,
  bounds: MaintenanceBounds,
): Promise<Piece | undefined> {
  const limit = Math.min(bounds.limit, PIECE_MAX)
  return (
    (await settle(database, layout, bounds, limit)) ??
    (await evict(database, layout, bounds, limit)) ??
    (await forgetIds(database, layout, bounds, limit))
  )
}

/** Drops tiles from settled records, view by view. */
async function evict(
  database: Database,
  layout: Layout,
  bounds: MaintenanceBounds,
  limit: number,
): Promise<Piece | undefined> {
  const evicting: Layout['evicting'] = layout.evicting ?? dueEviction(layout, bounds.evictBefore)
  if (evicting === undefined) return undefined
  const entries = await database.range(historyRange(evicting.view, evicting.done), limit)
  const changed = entries
    .filter(([, value]) => (oldestSettled(value) ?? Infinity) < evicting.before)
    .map(([key, value]) => ({
      place: historyPlace(key),
      record: renewed(value, [], evicting.before),
    }))
  const last = entries.at(-1)
  const done = last === undefined ? {} : { done: historyPlace(last[0]) }
  const next = { ...layout, evicting: { ...evicting, ...done } }
  return {
    layout: entries.length < limit ? evictionOver(next, evicting.view, evicting.before) : next,
    write: await recordWrites(database, layout, changed),
  }
}

/**
 * A pass reads every record of a view, so it begins only when it can drop something worth it: the store may keep a
 * quarter more days than the bounds ask for.
 */
function dueEviction(
  layout: Layout,
  evictBefore: readonly DayIndex[],
): { readonly view: number; readonly before: DayIndex } | undefined {
  const { settledBefore } = layout
  if (settledBefore === undefined) return undefined
  for (const [view, before] of evictBefore.entries()) {
    if (!Number.isFinite(before)) continue
    const evictedBefore = layout.evictedBefore[view] ?? layout.oldestDay ?? Infinity
    const slack = Math.floor(Math.max(0, settledBefore - before) / 4)
    if (before > evictedBefore + slack) return { view, before }
  }
  return undefined
}

function evictionOver(layout: Layout, view: number, before: DayIndex): Layout {
  const { evicting: _, ...rest } = layout
  const views = Math.max(layout.evictedBefore.length, view + 1)
  const evictedBefore = Array.from({ length: views }, (_day, index) =>
    index === view ? before : (layout.evictedBefore[index] ?? null),
  )
  return { ...rest, evictedBefore }
}

/** Forgets the ids of the oldest bucket first. */
async function forgetIds(
  database: Database,
  layout: Layout,
  bounds: MaintenanceBounds,
  limit: number,
): Promise<Piece | undefined> {
  const [day] = layout.idDays
  if (day === undefined || day >= bounds.forgetIdsBefore) return undefined
  const entries = await database.range(idRange(day), limit)
  return {
    layout: entries.length < limit ? { ...layout, idDays: layout.idDays.slice(1) } : layout,
    write: (batch) => {
      for (const [key] of entries) batch.del(key)
    },
  }
}
