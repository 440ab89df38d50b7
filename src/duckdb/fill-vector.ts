/**
 * One column of a chunk: from our vectors to DuckDB's, exact for every type.
 *
 * Both sides keep numbers in arrays of the same layout, so that a chunk is copied, not converted. The arrays behind
 * DuckDB's vectors are no public API: each is looked at before use, and where it is not what is expected the values go
 * over one by one through `setItem`.
 */
import {
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBTimestampTZValue,
  type DuckDBValue,
  type DuckDBVector,
} from '@duckdb/node-api'
import type { ColumnVector, GrowingVector } from '../core/columns.ts'
import type { ColumnType, Value } from '../core/value.ts'

export interface RowRange {
  readonly start: number
  readonly count: number
}

export function fillVector(target: DuckDBVector, column: ColumnVector, range: RowRange): void {
  const copied = isGrowing(column) && copyData(target, column, range)
  if (copied) setNulls(target, column, range)
  else fillOneByOne(target, column, range)
  target.flush()
}

export function fillOneByOne(target: DuckDBVector, column: ColumnVector, range: RowRange): void {
  for (let i = 0; i < range.count; i++) {
    const value = column.at(range.start + i)
    target.setItem(i, value === null ? null : toDuckDb(column.type, value))
  }
}

function isGrowing(column: ColumnVector): column is GrowingVector {
  return 'data' in column && 'nulls' in column
}

/** False where the memory behind the vector is not as expected: nothing was written then. */
function copyData(
  target: DuckDBVector,
  column: GrowingVector,
  { start, count }: RowRange,
): boolean {
  const { type, data } = column
  const bytes = memoryOf(target)
  if (!bytes) return false
  switch (data.kind) {
    case 'double':
      return copyBytes(bytes, data.values.subarray(start, start + count))
    case 'int32':
      return copyBytes(bytes, data.values.subarray(start, start + count))
    case 'int64': {
      const values = data.values.subarray(start, start + count)
      if (type.kind === 'timestamp') return copyMicros(bytes, values)
      // DuckDB keeps decimals of up to nine digits in 16 or 32 bits.
      return (type.kind !== 'decimal' || type.precision > 9) && copyBytes(bytes, values)
    }
    case 'int128':
      return copyBytes(bytes, data.values.subarray(start * 2, (start + count) * 2))
    case 'boolean':
      return copyBytes(bytes, data.values.subarray(start, start + count))
    case 'string':
    case 'binary':
      return false
  }
}

/** The memory that `flush` copies into the vector; undefined where there is none. */
function memoryOf(target: DuckDBVector): Uint8Array | undefined {
  const items: unknown = Reflect.get(target, 'items') ?? Reflect.get(target, 'dataView')
  if (!ArrayBuffer.isView(items)) return undefined
  return new Uint8Array(items.buffer, items.byteOffset, items.byteLength)
}

function copyBytes(target: Uint8Array, source: NodeJS.TypedArray): boolean {
  if (target.byteLength !== source.byteLength) return false
  target.set(new Uint8Array(source.buffer, source.byteOffset, source.byteLength))
  return true
}

/**
 * Milliseconds times 1000, by 32-bit halves: a BigInt per value would cost more than the rest of the column. Instants of
 * the calendar (8.64e15 ms) stay within 64 bits.
 */
function copyMicros(target: Uint8Array, ms: BigInt64Array): boolean {
  if (target.byteLength !== ms.byteLength || target.byteOffset % 4 !== 0) return false
  const from = new Int32Array(ms.buffer, ms.byteOffset, ms.length * 2)
  const to = new Int32Array(target.buffer, target.byteOffset, ms.length * 2)
  for (let i = 0; i < to.length; i += 2) {
    const low = (from[i]! >>> 0) * 1000
    to[i] = low // Taken modulo 2^32.
    to[i + 1] = from[i + 1]! * 1000 + Math.floor(low / 0x1_0000_0000)
  }
  return true
}

/** All rows are valid in a fresh chunk. */
function setNulls(target: DuckDBVector, column: ColumnVector, { start, count }: RowRange): void {
  if (!isGrowing(column) || column.nullCount === 0) return
  const first = column.nulls.indexOf(1, start) - start
  if (first < 0 || first >= count) return
  target.setItem(first, null)
  const bits = validityBits(target)
  for (let i = first + 1; i < count; i++) {
    if (column.nulls[start + i] === 0) continue
    if (bits) bits[i >> 3]! &= ~(1 << (i & 7))
    else target.setItem(i, null)
  }
}

/** One bit per row, made by the first null; undefined where it is not as expected. */
function validityBits(target: DuckDBVector): Uint8Array | undefined {
  const validity: unknown = Reflect.get(target, 'validity')
  if (typeof validity !== 'object' || validity === null) return undefined
  const words: unknown = Reflect.get(validity, 'data')
  if (!(words instanceof BigUint64Array) || Reflect.get(validity, 'offset') !== 0) return undefined
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

function toDuckDb(type: ColumnType, value: Exclude<Value, null> | Uint8Array): DuckDBValue {
  switch (type.kind) {
    case 'int64':
      return BigInt(value as number | bigint)
    case 'decimal':
      return new DuckDBDecimalValue(BigInt(value as number | bigint), type.precision, type.scale)
    case 'timestamp':
      return new DuckDBTimestampTZValue(BigInt(value as number) * 1000n)
    case 'date':
      return new DuckDBDateValue(value as number)
    case 'binary':
      return new DuckDBBlobValue(value as Uint8Array)
    case 'string':
    case 'int32':
    case 'double':
    case 'boolean':
      return value as string | number | boolean
  }
}
