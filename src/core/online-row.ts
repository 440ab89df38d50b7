/**
 * The value of an entity in the online store: all windows cut at one moment, as decimal text, with what a reader needs to
 * judge its age.
 *
 * `online: current` serves max(day of the newest tile, last closed day + 1): an event shows at the next commit, and a day's
 * close moves every entity on. `online: closed` serves the row of the last closed day, the same as the table has.
 */
import type { DayIndex } from './day.ts'
import { formatValue } from './text.ts'
import type { ViewPlan } from './view-plan.ts'
import type { WindowEvaluator } from './window.ts'

/** What a stored value carries beside its features: no feature may be named so. */
export const ENVELOPE: ReadonlySet<string> = new Set([
  '_asof',
  '_next',
  '_watermark',
  '_event_time',
  '_state',
  '_version',
  '_partition',
  '_definition',
])

export interface OnlineRow {
  readonly asOf: DayIndex
  readonly fields: readonly (readonly [name: string, text: string])[]
  readonly nextDay: DayIndex | undefined
  readonly eventTime: number | undefined
}

/** As of which day a value is served, for an entity whose tiles `windows` has loaded. */
export function onlineAsOf(
  view: ViewPlan,
  windows: WindowEvaluator,
  closedDay: DayIndex,
): DayIndex {
  if (view.definition.online === 'closed') return closedDay
  return Math.max(windows.days.at(-1) ?? -Infinity, closedDay + 1)
}

export function onlineRow(
  view: ViewPlan,
  windows: WindowEvaluator,
  closedDay: DayIndex,
): OnlineRow {
  const asOf = onlineAsOf(view, windows, closedDay)
  const fields: [string, string][] = []
  windows.valuesAsOf(asOf).forEach((value, index) => {
    const column = view.features[index]
    if (value !== null && column !== undefined)
      fields.push([column.name, formatValue(value, column.type)])
  })
  return { asOf, fields, nextDay: windows.nextChange(asOf), eventTime: windows.newestEvent(asOf) }
}

/**
 * Whether the value of an entity as of `to` can differ from the one as of `from`, no event having come since: a tile left a
 * window, or entered the closed days.
 */
export function changesBetween(windows: WindowEvaluator, from: DayIndex, to: DayIndex): boolean {
  const next = windows.nextChange(from)
  return next !== undefined && next <= to
}
