/**
 * Statistics of a data file as the Delta log keeps them: rows, and per column smallest value, largest value and number of
 * nulls. Readers skip files by them, so that a bound may be too wide but never too narrow.
 *
 * Integers and decimals are written digit for digit (JSON numbers beyond 2^53 are not rounded), long strings are cut and
 * the upper bound raised. Only the first 32 columns have them, Delta's own default.
 */
import type { ColumnSpec, ColumnVector, GrowingVector, RowBuffer } from '../core/columns.ts'
import { formatDay } from '../core/day.ts'
import { formatDecimal } from '../core/decimal.ts'
import { compareText } from '../core/text.ts'
import type { ColumnType, Value } from '../core/value.ts'
import type { ColumnSummary, FileSummary } from './parquet.ts'

const COLUMNS_MAX = 32
/** Code points of a string that are kept. */
const TEXT_MAX = 32
/** Sorts after every character: makes a cut string an upper bound. */
const LAST_CODE_POINT = '\u{10ffff}'
const SURROGATE = /[\ud800-\udfff]/

export function summarizeRows(rows: RowBuffer): FileSummary {
  return { rows: rows.rows, columns: rows.columns.slice(0, COLUMNS_MAX).map(summarizeColumn) }
}

/** The JSON text of an `add` action's `stats`. */
export function statsJson(columns: readonly ColumnSpec[], summary: FileSummary): string {
  const minValues: string[] = []
  const maxValues: string[] = []
  const nullCounts: string[] = []
  columns.slice(0, COLUMNS_MAX).forEach(({ name, type }, i) => {
    const found = summary.columns[i]
    if (!found) return
    const key = JSON.stringify(name)
    nullCounts.push(`${key}:${found.nulls}`)
    const min = boundJson(type, found.min, cutDown)
    const max = boundJson(type, found.max, cutUp)
    if (min === undefined || max === undefined) return
    minValues.push(`${key}:${min}`)
    maxValues.push(`${key}:${max}`)
  })
  const bounds = `"minValues":{${minValues.join(',')}},"maxValues":{${maxValues.join(',')}}`
  return `{"numRecords":${summary.rows},${bounds},"nullCount":{${nullCounts.join(',')}}}`
}

export function statsRows(stats: string | null | undefined): number {
  if (typeof stats !== 'string') return 0
  const { numRecords } = JSON.parse(stats) as { numRecords?: number }
  return numRecords ?? 0
}

/** True where every row is at or after its predecessor by these columns, nulls first. */
export function isSorted(rows: RowBuffer, columns: readonly ColumnVector[]): boolean {
  for (let row = 1; row < rows.rows; row++) {
    if (compareRows(columns, row - 1, row) > 0) return false
  }
  return true
}

function compareRows(columns: readonly ColumnVector[], above: number, below: number): number {
  for (const column of columns) {
    const order = compareCells(column.at(above), column.at(below))
    if (order !== 0) return order
  }
  return 0
}

type Cell = ReturnType<ColumnVector['at']>

function compareCells(a: Cell, b: Cell): number {
  if (a === b) return 0
  if (a === null) return -1
  if (b === null) return 1
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return a < b ? -1 : 1
}

function summarizeColumn(column: ColumnVector): ColumnSummary {
  if (column.type.kind === 'binary') return countNulls(column)
  if ('data' in column) {
    const { data, nulls, length } = column as GrowingVector
    if (data.kind === 'double' || data.kind === 'int32') {
      return summarizeNumbers(data.values, nulls, length)
    }
  }
  let min: Cell = null
  let max: Cell = null
  let nulls = 0
  let last: Cell = null
  for (let row = 0; row < column.length; row++) {
    const cell = column.at(row)
    // Columns that hardly change cost one comparison per row, ascending ones two.
    if (cell === last && cell !== null) continue
    last = cell
    const value = wellFormed(cell)
    if (value === null) nulls++
    else if (max === null) min = max = value
    else if (compareCells(value, max) > 0) max = value
    else if (compareCells(value, min) < 0) min = value
  }
  return { min: min as Value, max: max as Value, nulls }
}

function summarizeNumbers(
  values: Float64Array | Int32Array,
  nulls: Uint8Array,
  length: number,
): ColumnSummary {
  let min = Infinity
  let max = -Infinity
  let nullCount = 0
  for (let row = 0; row < length; row++) {
    if (nulls[row] === 1) {
      nullCount++
      continue
    }
    const value = values[row]!
    if (value < min) min = value
    if (value > max) max = value
  }
  const empty = nullCount === length
  return { min: empty ? null : min, max: empty ? null : max, nulls: nullCount }
}

/** Half a surrogate pair becomes U+FFFD in the file, and must in its bounds. */
function wellFormed(value: Cell): Cell {
  return typeof value === 'string' && SURROGATE.test(value)
    ? value.replace(/\p{Surrogate}/gu, '\ufffd')
    : value
}

function countNulls(column: ColumnVector): ColumnSummary {
  let nulls = 0
  for (let row = 0; row < column.length; row++) if (column.at(row) === null) nulls++
  return { min: null, max: null, nulls }
}

function boundJson(
  type: ColumnType,
  value: Value,
  cut: (text: string) => string,
): string | undefined {
  if (value === null) return undefined
  switch (type.kind) {
    case 'string':
      return JSON.stringify(cut(String(value)))
    case 'int32':
    case 'int64':
      return String(value)
    case 'double':
      return Number.isFinite(value) ? JSON.stringify(value) : undefined
    case 'decimal':
      return formatDecimal(value as number | bigint, type.scale)
    case 'timestamp':
      return JSON.stringify(new Date(value as number).toISOString())
    case 'date':
      return JSON.stringify(formatDay(value as number))
    case 'boolean':
    case 'binary':
      return undefined
  }
}

function cutDown(text: string): string {
  return text.length <= TEXT_MAX ? text : Array.from(text).slice(0, TEXT_MAX).join('')
}

function cutUp(text: string): string {
  const kept = cutDown(text)
  return kept.length === text.length ? text : kept + LAST_CODE_POINT
}
