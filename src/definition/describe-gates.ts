/** The limits of a view as its file would have them, one entry per column. */
import type { ColumnGates, ViewGates } from '../core/view-gates.ts'
import { formatValue } from '../core/text.ts'
import type { Value } from '../core/value.ts'
import type { Json } from './describe-places.ts'
import { formatShare } from './units.ts'

export function describeGates({ previousDays, rows, columns }: ViewGates): Json {
  const { change, ...counts } = rows
  return {
    rows: { ...counts, ...(change !== undefined && { change: formatShare(change) }) },
    nulls: byColumn(columns, ({ nullsMax }) => shareOf(nullsMax)),
    ranges: byColumn(columns, rangeOf),
    change: byColumn(columns, (gates) => shareOf(gates.change)),
    previousDays,
  }
}

function byColumn(
  columns: ViewGates['columns'],
  limitOf: (gates: ColumnGates) => Json | undefined,
): Json {
  const limits: Record<string, Json> = {}
  for (const [column, gates] of Object.entries(columns)) {
    const limit = limitOf(gates)
    if (limit !== undefined) limits[column] = limit
  }
  return limits
}

function shareOf(share: number | undefined): Json | undefined {
  return share === undefined ? undefined : formatShare(share)
}

function rangeOf({ min, max, type }: ColumnGates): Json | undefined {
  if (min === undefined && max === undefined) return undefined
  const show = (value: Exclude<Value, null>): Json =>
    typeof value === 'number' &&
    type.kind !== 'decimal' &&
    !['timestamp', 'date'].includes(type.kind)
      ? value
      : formatValue(value, type)
  return {
    ...(min !== undefined && { min: show(min) }),
    ...(max !== undefined && { max: show(max) }),
  }
}
