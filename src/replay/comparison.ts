/**
 * What a replay would change in the tables, view by view: rows that only one side has, rows whose values differ, and how the
 * values of a column lie before (live) and after (staged). Counted by a database over the files of both; shown by `replay diff`.
 *
 * Content counts: entity, day, features, and the columns that say what a row reflects. Who wrote a row, and when, does not.
 */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type { Value } from '../core/value.ts'
import type { ColumnProfile } from './day-profile.ts'

/** Columns of every table that are no content. */
const PROVENANCE: ReadonlySet<string> = new Set(['_known_at', '_run'])

export interface ViewDifference {
  /** Title: `user_activity@1`. */
  readonly view: string
  readonly table: string
  /** Versions of the tables that were read; undefined: there is no such table. */
  readonly liveVersion: number | undefined
  readonly stagedVersion: number | undefined
  readonly columns: ComparedColumns
  readonly total: DayDifference
  /** Ascending; days that have rows on either side. */
  readonly days: readonly (DayDifference & { readonly day: DayIndex })[]
  /** Some of the rows that differ, the same ones each time. */
  readonly sample: readonly RowDifference[]
}

export interface ComparedColumns {
  readonly entity: readonly ColumnSpec[]
  /** Compared: content that both sides have. */
  readonly common: readonly ColumnSpec[]
  readonly onlyLive: readonly ColumnSpec[]
  readonly onlyStaged: readonly ColumnSpec[]
}

export interface DayDifference {
  readonly live: number
  readonly staged: number
  /** Rows that only the staged side has, and only the live one. */
  readonly added: number
  readonly removed: number
  /** Rows of both sides with another value in a column that both have. */
  readonly changed: number
  /** Of those: in a feature. The others differ in columns that begin with `_`. */
  readonly changedFeatures: number
  /** By name; those of `common` and of one side only. */
  readonly columns: Readonly<Record<string, ColumnDifference>>
}

export interface ColumnDifference {
  /** Rows of both sides that differ in it. */
  readonly changed: number
  /** Of those: null before, and null after. */
  readonly filled: number
  readonly nulled: number
  /** Of numbers that changed: the largest change, where it is, and the median of all, without signs. */
  readonly largest?: LargestChange
  readonly typical?: number
  /** Over all rows of a side; undefined where it has none, or not this column. */
  readonly before?: ColumnDistribution
  readonly after?: ColumnDistribution
}

export interface LargestChange {
  readonly by: number
  readonly day: DayIndex
  readonly partition: number
  readonly entity: readonly Value[]
  readonly before: Value
  readonly after: Value
}

export interface ColumnDistribution extends ColumnProfile {
  readonly rows: number
  /** As QUANTILES has them, of numbers: exact for few rows, else those of a sample of entities, the same on both sides. */
  readonly quantiles: readonly (number | null)[]
}

export const QUANTILES: readonly number[] = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99]

export interface RowDifference {
  readonly kind: DifferenceKind
  readonly day: DayIndex
  readonly partition: number
  readonly entity: readonly Value[]
  /** By column, those that differ: null where a row is missing. */
  readonly columns: Readonly<Record<string, { readonly before: Value; readonly after: Value }>>
}

export type DifferenceKind = 'added' | 'removed' | 'changed'

/** What is compared of a table with these columns on either side. */
export function comparedColumns(
  live: readonly ColumnSpec[],
  staged: readonly ColumnSpec[],
  entity: readonly string[],
): ComparedColumns {
  const isContent = ({ name }: ColumnSpec): boolean =>
    !PROVENANCE.has(name) && !entity.includes(name)
  const lacks = (columns: readonly ColumnSpec[]) => (column: ColumnSpec) =>
    !columns.some(({ name }) => name === column.name)
  const known = staged.length > 0 ? staged : live
  return {
    entity: entity.flatMap((name) => known.find((column) => column.name === name) ?? []),
    // With one side only there is nothing to tell apart: its rows are all added, or all removed.
    common: known.filter(
      (column) => isContent(column) && !(live.length > 0 && lacks(live)(column)),
    ),
    onlyLive: staged.length === 0 ? [] : live.filter(isContent).filter(lacks(staged)),
    onlyStaged: live.length === 0 ? [] : staged.filter(isContent).filter(lacks(live)),
  }
}

export function isFeature({ name }: Pick<ColumnSpec, 'name'>): boolean {
  return !name.startsWith('_') && name !== 'event_timestamp'
}

/** Publishing would change nothing that a reader sees. A column without any value is like none. */
export function isEqual({ total, columns }: ViewDifference): boolean {
  const isEmpty = ({ name }: ColumnSpec): boolean => {
    const { before, after } = total.columns[name] ?? {}
    return [before, after].every((side) => side === undefined || side.nulls === side.rows)
  }
  const oneSided = [...columns.onlyLive, ...columns.onlyStaged]
  return total.added + total.removed + total.changed === 0 && oneSided.every(isEmpty)
}

/** For the audit trail: counts, no values. */
export function summaryOf(difference: ViewDifference): Readonly<Record<string, unknown>> {
  const { view, total, days, columns, liveVersion, stagedVersion } = difference
  const { live, staged, added, removed, changed } = total
  const names = (specs: readonly ColumnSpec[]): string[] => specs.map(({ name }) => name)
  return {
    view,
    equal: isEqual(difference),
    rows: { live, staged, added, removed, changed, changedFeatures: total.changedFeatures },
    daysCompared: days.length,
    daysDifferent: days.filter((day) => day.added + day.removed + day.changed > 0).length,
    columnsChanged: Object.fromEntries(
      Object.entries(total.columns)
        .filter(([, column]) => column.changed > 0)
        .map(([name, column]) => [name, column.changed]),
    ),
    columnsAdded: names(columns.onlyStaged),
    columnsRemoved: names(columns.onlyLive),
    versions: { live: liveVersion ?? null, staged: stagedVersion ?? null },
  }
}
