/**
 * The rows of a view's table: as of a closed day, everything that a person joins on and everything that tells where a value
 * comes from. The columns that are no content come last.
 */
import type { Calendar, DayIndex } from './day.ts'
import type { ColumnSpec, RowBuffer } from './columns.ts'
import type { Value } from './value.ts'
import type { ViewPlan } from './view-plan.ts'
import type { WindowEvaluator } from './window.ts'

export interface RowContext {
  readonly calendar: Calendar
  readonly completeFrom: DayIndex | undefined
  /** Timestamp (ms) of the record, or wall clock of the tick, that closed a day. */
  closedAt(day: DayIndex): number | undefined
  readonly run: string
}

export function featureColumns(view: ViewPlan): ColumnSpec[] {
  return [
    ...view.entityColumns,
    {
      name: 'event_timestamp',
      type: { kind: 'timestamp' },
      description: 'End of the as-of day: what the row says was known then',
    },
    ...view.features.map(({ name, type, description }) => ({
      name,
      type,
      ...(description ? { description } : {}),
    })),
    {
      name: '_max_event_time',
      type: { kind: 'timestamp' },
      description: 'Newest event that the row reflects',
    },
    {
      name: '_complete_from',
      type: { kind: 'date' },
      description: 'First day that the log of this partition covers whole',
    },
    {
      name: '_definition',
      type: { kind: 'string' },
      description: 'Hash of the definition of the view',
    },
    {
      name: '_known_at',
      type: { kind: 'timestamp' },
      description: 'Timestamp of the record that closed or last corrected the row',
    },
    { name: '_run', type: { kind: 'string' }, description: 'Run that wrote the row' },
  ]
}

/** Appends the row as of `day` of the entity that `windows` has loaded, if there is one. `entity`: its fields' values. */
export function appendFeatureRow(
  rows: RowBuffer,
  entity: readonly Value[],
  day: DayIndex,
  { view, windows, context }: { view: ViewPlan; windows: WindowEvaluator; context: RowContext },
): void {
  if (windows.rowKind(day) === 'none') return
  let at = appendEntity(rows, entity)
  rows.columns[at++]?.append(context.calendar.endOf(day))
  for (const value of windows.valuesAsOf(day)) rows.columns[at++]?.append(value)
  rows.columns[at++]?.append(windows.newestEvent(day) ?? null)
  rows.columns[at++]?.append(context.completeFrom ?? null)
  rows.columns[at++]?.append(view.definitionOf(day))
  rows.columns[at++]?.append(laterOf(context.closedAt(day), windows.latestTimestamp(day)))
  rows.columns[at]?.append(context.run)
}

export function appendEntity(rows: RowBuffer, entity: readonly Value[]): number {
  let at = 0
  for (const value of entity) rows.columns[at++]?.append(value)
  return at
}

function laterOf(a: number | undefined, b: number | undefined): number | null {
  if (a === undefined || b === undefined) return a ?? b ?? null
  return Math.max(a, b)
}
