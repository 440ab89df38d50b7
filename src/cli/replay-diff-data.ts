/** A diff for machines: instants, days and decimals as text, other numbers as numbers. */
import type { ColumnSpec } from '../core/columns.ts'
import { formatDay } from '../core/day.ts'
import { formatValue } from '../core/text.ts'
import type { ColumnType, Value } from '../core/value.ts'
import { isEqual, QUANTILES, summaryOf } from '../replay/comparison.ts'
import type {
  ColumnDifference,
  ColumnDistribution,
  ComparedColumns,
  DayDifference,
  RowDifference,
  ViewDifference,
} from '../replay/comparison.ts'
import { OPEN_DAY } from '../replay/plan.ts'
import type { Replay } from '../replay/records.ts'
import { dayOrNull } from './words.ts'

export function diffData(replay: Replay, views: readonly ViewDifference[]): object {
  const { id, staged } = replay.plan
  return {
    replay: id,
    equal: views.every(isEqual),
    staged: {
      first: dayOrNull(staged.first),
      last: staged.last === OPEN_DAY ? null : dayOrNull(staged.last),
    },
    views: views.map((view) => ({
      ...summaryOf(view),
      table: view.table,
      columns: columnsData(view.total, view.columns),
      days: view.days.map((day) => ({
        day: formatDay(day.day),
        ...countsOf(day),
        // What did not change is in the totals.
        columns: isDifferent(day) ? columnsData(day, view.columns) : {},
      })),
      sample: view.sample.map((row) => rowData(row, view.columns)),
    })),
  }
}

export function isDifferent({ added, removed, changed }: DayDifference): boolean {
  return added + removed + changed > 0
}

function countsOf({
  live,
  staged,
  added,
  removed,
  changed,
  changedFeatures,
}: DayDifference): object {
  return { live, staged, added, removed, changed, changedFeatures }
}

function columnsData({ columns }: DayDifference, known: ComparedColumns): Record<string, object> {
  const data: Record<string, object> = {}
  for (const [name, column] of Object.entries(columns)) {
    data[name] = columnData(column, typeOf(name, known), known)
  }
  return data
}

function columnData(column: ColumnDifference, type: ColumnType, known: ComparedColumns): object {
  const { changed, filled, nulled, largest, typical, before, after } = column
  return {
    changed,
    filled,
    nulled,
    ...(largest && {
      largest: {
        by: largest.by,
        day: formatDay(largest.day),
        partition: largest.partition,
        entity: entityData(largest.entity, known),
        before: valueData(largest.before, type),
        after: valueData(largest.after, type),
      },
    }),
    ...(typical !== undefined && { typical }),
    ...(before && { before: distributionData(before, type) }),
    ...(after && { after: distributionData(after, type) }),
  }
}

function distributionData(
  { rows, nulls, min, max, mean, quantiles }: ColumnDistribution,
  type: ColumnType,
): object {
  const named = quantiles.map(
    (value, index) => [quantileName(QUANTILES[index] ?? 0), value] as const,
  )
  return {
    rows,
    nulls,
    nullRate: rows === 0 ? null : nulls / rows,
    min: valueData(min, type),
    ...Object.fromEntries(named),
    mean,
    max: valueData(max, type),
  }
}

/** `p05`, `p50`. */
function quantileName(share: number): string {
  return `p${String(Math.round(share * 100)).padStart(2, '0')}`
}

function rowData(
  { kind, day, partition, entity, columns }: RowDifference,
  known: ComparedColumns,
): object {
  return {
    kind,
    day: formatDay(day),
    partition,
    entity: entityData(entity, known),
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, { before, after }]) => {
        const type = typeOf(name, known)
        return [name, { before: valueData(before, type), after: valueData(after, type) }]
      }),
    ),
  }
}

function entityData(entity: readonly Value[], { entity: specs }: ComparedColumns): object {
  return Object.fromEntries(
    specs.map(({ name, type }, index) => [name, valueData(entity[index] ?? null, type)]),
  )
}

export function typeOf(
  name: string,
  { entity, common, onlyLive, onlyStaged }: ComparedColumns,
): ColumnType {
  const specs: readonly ColumnSpec[] = [...entity, ...common, ...onlyLive, ...onlyStaged]
  return specs.find((spec) => spec.name === name)?.type ?? { kind: 'string' }
}

function valueData(value: Value, type: ColumnType): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (type.kind === 'decimal' || type.kind === 'timestamp' || type.kind === 'date')
    return formatValue(value, type)
  return value
}
