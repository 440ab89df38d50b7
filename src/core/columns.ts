/**
 * Rows of a table, by column, growing in memory until a file of them is written.
 *
 * Typed arrays under the hood: a feature row of the hot path must cost no object per value. What a column can hold is
 * checked when it is appended, with the column's name, so that nothing is rounded or wrapped on the way to a file.
 */
import { createVector } from './create-vector.ts'
import type { ColumnData } from './typed-vector.ts'
import type { ColumnType, Value } from './value.ts'

export interface ColumnSpec {
  readonly name: string
  readonly type: ColumnType
  readonly description?: string
}

export interface ColumnVector {
  readonly type: ColumnType
  readonly length: number
  /** Appends a value of the column's type; decimals unscaled, timestamps in ms. @throws VALUE_OUT_OF_RANGE */
  append(value: Value | Uint8Array): void
  at(row: number): Value | Uint8Array
}

export interface RowBuffer {
  readonly columns: readonly ColumnVector[]
  /** Complete rows: those that the last column has. */
  readonly rows: number
}

/** A column whose memory a file writer can copy whole. */
export interface GrowingVector extends ColumnVector {
  /** Its first `length` entries count; what stands at a null is unspecified. Valid until the next append. */
  readonly data: ColumnData
  /** 1 where a row is null; as long as `data` or longer. Valid until the next append. */
  readonly nulls: Uint8Array
  readonly nullCount: number
}

export interface GrowingRows extends RowBuffer {
  readonly columns: readonly GrowingVector[]
  /** Empties it; the memory stays for the rows that follow. */
  reset(): void
}

export function createRowBuffer(specs: readonly ColumnSpec[]): GrowingRows {
  const columns = specs.map((spec) => createVector(spec))
  const last = columns.at(-1)
  return {
    columns,
    get rows() {
      return last?.length ?? 0
    },
    reset() {
      for (const column of columns) column.reset()
    },
  }
}
