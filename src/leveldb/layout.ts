/**
 * Where a tile is: the stored facts from which it follows.
 *
 * A tile begins loose, one key of its own: a day under way is rewritten all the time. When its day is over it settles:
 * it moves into the one record of its entity. Settling goes through the loose days before `settling.before` in the order
 * of records; up to `settling.done` they are settled, behind it they are loose:
 *
 *     day:      ... settled ... | settledBefore ... settling ... | settling.before ... loose ...
 *     record:                     done <= : settled, beyond: loose
 *
 * So one look at the layout tells the key of any tile, and a tile is never in two places. The layout is written in the
 * batch that moves tiles.
 */
import type { DayIndex } from '../core/day.ts'
import { TidemarkError, invariant } from '../errors.ts'
import { type RecordPlace, VIEW_MAX, comparePlaces } from './keys.ts'

export const LAYOUT_KEY = '!layout'
const FORMAT = 1

export interface Layout {
  readonly format: typeof FORMAT
  /** How many views have been written to. */
  readonly views: number
  /** The lowest day that a tile was ever written to; undefined while there was none. */
  readonly oldestDay?: DayIndex
  /** Undefined in a new store: nothing is settled. */
  readonly settledBefore?: DayIndex
  readonly settling?: { readonly before: DayIndex; readonly done?: RecordPlace }
  /** Days that may have loose tiles, ascending. */
  readonly looseDays: readonly DayIndex[]
  /** Buckets that may have ids, ascending. */
  readonly idDays: readonly DayIndex[]
  /** Per view: days before it have no settled tiles, but for some that came late. */
  readonly evictedBefore: readonly (DayIndex | null)[]
  readonly evicting?: {
    readonly view: number
    readonly before: DayIndex
    readonly done?: RecordPlace
  }
}

export const NEW_LAYOUT: Layout = {
  format: FORMAT,
  views: 0,
  looseDays: [],
  idDays: [],
  evictedBefore: [],
}

export function isSettled(layout: Layout, place: RecordPlace, day: DayIndex): boolean {
  if (layout.settledBefore !== undefined && day < layout.settledBefore) return true
  const { settling } = layout
  if (settling?.done === undefined || day >= settling.before) return false
  return comparePlaces(place, settling.done) <= 0
}

/** The layout with room for what a commit writes. */
export function withDays(
  layout: Layout,
  added: {
    readonly views: number
    readonly oldestDay: DayIndex
    readonly looseDays: Iterable<DayIndex>
    readonly idDays: Iterable<DayIndex>
  },
): Layout {
  const looseDays = union(layout.looseDays, added.looseDays)
  const idDays = union(layout.idDays, added.idDays)
  const views = Math.max(layout.views, added.views)
  invariant(views <= VIEW_MAX, `a store has at most ${VIEW_MAX} views`)
  const oldestDay = Math.min(layout.oldestDay ?? Infinity, added.oldestDay)
  const oldest = Number.isFinite(oldestDay) ? { oldestDay } : {}
  return { ...layout, ...oldest, looseDays, idDays, views }
}

export function encodeLayout(layout: Layout): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(layout))
}

/** @throws STATE_DAMAGED for a layout of another format */
export function decodeLayout(bytes: Uint8Array): Layout {
  const layout = JSON.parse(new TextDecoder().decode(bytes)) as Layout
  if ((layout.format as number) === FORMAT) return layout
  throw new TidemarkError(
    'STATE_DAMAGED',
    `the state has layout ${layout.format}, this version reads ${FORMAT}. Use the version that wrote it, or move its directory away and start again; the state is rebuilt from the log`,
  )
}

function union(days: readonly DayIndex[], added: Iterable<DayIndex>): readonly DayIndex[] {
  const fresh = [...added].filter((day) => !days.includes(day))
  return fresh.length === 0 ? days : [...new Set([...days, ...fresh])].sort((a, b) => a - b)
}
