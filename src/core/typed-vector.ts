/**
 * One column of a row buffer: what its vectors have in common, whatever their type.
 *
 * Appending is one call that touches little memory: a page of entities goes into the columns of many days at once, so that
 * most of its cost is cache misses. Marks of nulls are therefore written for nulls only.
 */
import { TidemarkError } from '../errors.ts'
import { formatDecimal } from './decimal.ts'
import { typeName } from './value.ts'
import type { ColumnType, Value } from './value.ts'

/** What a column's values are stored in; two entries per row, low half first, where it says `int128`. */
export type ColumnData =
  | { readonly kind: 'double'; readonly values: Float64Array }
  /** int32 and date. */
  | { readonly kind: 'int32'; readonly values: Int32Array }
  /** int64, timestamp (ms) and decimals of at most 18 digits. */
  | { readonly kind: 'int64'; readonly values: BigInt64Array }
  /** Decimals of more digits. */
  | { readonly kind: 'int128'; readonly values: BigInt64Array }
  | { readonly kind: 'boolean'; readonly values: Uint8Array }
  | { readonly kind: 'string'; readonly values: readonly string[] }
  | { readonly kind: 'binary'; readonly values: readonly Uint8Array[] }

/** What may be appended; null is one of them. */
export type Cell = Value | Uint8Array

export interface VectorSpec {
  readonly name: string
  readonly type: ColumnType
}

/** A vector has no memory before its first row, since many slots of a day are empty, and keeps what it has grown to. */
const ROWS_AT_FIRST = 32

/** Of no row, so that all may have it. */
const NO_NULLS = new Uint8Array(0)

export abstract class TypedVector {
  readonly spec: VectorSpec
  length = 0
  nullCount = 0
  /** 0 from `length` on. */
  nulls: Uint8Array<ArrayBuffer> = NO_NULLS
  #rowsMax = 0

  constructor(spec: VectorSpec) {
    this.spec = spec
  }

  get type(): ColumnType {
    return this.spec.type
  }

  abstract get data(): ColumnData

  /** @throws VALUE_OUT_OF_RANGE; the vector is then as it was. */
  abstract append(value: Cell): void

  at(row: number): Cell {
    return row < this.length && this.nulls[row] === 0 ? this.cell(row) : null
  }

  /** Empties it; the memory stays for the rows that follow. */
  reset(): void {
    if (this.nullCount > 0) this.nulls.fill(0, 0, this.length)
    this.length = 0
    this.nullCount = 0
  }

  /** The place of a new row. */
  protected nextRow(): number {
    if (this.length === this.#rowsMax) this.#grow(Math.max(ROWS_AT_FIRST, this.length * 2))
    return this.length++
  }

  /** The place of a new row that is null. */
  protected nextNull(): number {
    const row = this.nextRow()
    this.nulls[row] = 1
    this.nullCount++
    return row
  }

  /** The value of a row that is not null. */
  protected abstract cell(row: number): Cell
  protected abstract growCells(rows: number): void

  #grow(rows: number): void {
    this.growCells(rows)
    this.nulls = copyInto(new Uint8Array(rows), this.nulls)
    this.#rowsMax = rows
  }
}

export function copyInto<T extends { set(from: T): void }>(target: T, source: T): T {
  target.set(source)
  return target
}

/** A bug. Made only when it is thrown: a text per value would cost more than the value. */
export function wrongKind({ name }: VectorSpec, expected: string): Error {
  return new Error(`invariant broken: column ${name} is given ${expected}`)
}

export function outOfRange({ name, type }: VectorSpec, value: number | bigint): TidemarkError {
  const shown = type.kind === 'decimal' ? formatIfInteger(value, type.scale) : String(value)
  return new TidemarkError(
    'VALUE_OUT_OF_RANGE',
    `column ${name}: ${shown} does not fit ${typeName(type)}; nothing was rounded or written. Give the field a wider type, or filter such records out with \`where\``,
    { details: { column: name, type: typeName(type) } },
  )
}

function formatIfInteger(value: number | bigint, scale: number): string {
  return typeof value === 'bigint' || Number.isInteger(value)
    ? formatDecimal(value, scale)
    : String(value)
}
