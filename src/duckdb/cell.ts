/**
 * Values that come out of DuckDB, as the engine holds them (see `src/core/value.ts`): exact integers, decimals unscaled,
 * timestamps in milliseconds, dates in days. Nested values become arrays and objects.
 */
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api'
import { invariant } from '../errors.ts'
import type { Value } from '../core/value.ts'

export type Cell = Value | Uint8Array | readonly Cell[] | { readonly [name: string]: Cell }

export function toCell(value: DuckDBValue): Cell {
  if (typeof value === 'bigint') return toInteger(value)
  if (value === null || typeof value !== 'object') return value
  if (value instanceof DuckDBDecimalValue) return toInteger(value.value)
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) {
    return toMilliseconds(value.micros)
  }
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBBlobValue) return new Uint8Array(value.bytes)
  if (value instanceof DuckDBListValue) return value.items.map(toCell)
  if (value instanceof DuckDBStructValue) return toFields(Object.entries(value.entries))
  if (value instanceof DuckDBMapValue) {
    return toFields(value.entries.map((entry) => [String(entry.key), entry.value]))
  }
  invariant(false, `no cell for a ${value.constructor.name}; cast the column in the query`)
}

function toFields(entries: readonly (readonly [string, DuckDBValue])[]): Record<string, Cell> {
  return Object.fromEntries(entries.map(([name, value]) => [name, toCell(value)]))
}

function toInteger(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Micros that are no whole milliseconds keep their fraction: a checker must see that they differ. */
function toMilliseconds(micros: bigint): number {
  return Number(micros / 1000n) + Number(micros % 1000n) / 1000
}
