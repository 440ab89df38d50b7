/**
 * The memory of one column, by its type. 64-bit integers arrive as numbers nearly always: they are written as two halves
 * through a 32-bit view of the same memory, since a BigInt per value would cost more than the rest of the row.
 */
import { TidemarkError, unreachable } from '../errors.ts'
import { formatDecimal } from './decimal.ts'
import { joinInt64, narrow } from './exact.ts'
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN } from './text.ts'
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

export type CellValue = Exclude<Value, null> | Uint8Array

export interface CellSpec {
  readonly name: string
  readonly type: ColumnType
}

export interface Cells {
  readonly data: ColumnData
  /** @throws VALUE_OUT_OF_RANGE */
  set(row: number, value: CellValue): void
  get(row: number): CellValue
  /** What is in a row that is null. */
  clear(row: number): void
  grow(rows: number): void
  reset(): void
}

export function createCells(spec: CellSpec, rows: number): Cells {
  const { type } = spec
  switch (type.kind) {
    case 'double':
      return doubleCells(spec, rows)
    case 'int32':
    case 'date':
      return int32Cells(spec, rows)
    case 'int64':
    case 'timestamp':
      return wideCells(spec, rows, { words: 1, min: INT64_MIN, max: INT64_MAX })
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision) - 1n
      return wideCells(spec, rows, { words: type.precision > 18 ? 2 : 1, min: -limit, max: limit })
    }
    case 'boolean':
      return booleanCells(spec, rows)
    case 'string':
      return listCells(spec, '')
    case 'binary':
      return listCells(spec, new Uint8Array(0))
    default:
      return unreachable(type)
  }
}

function doubleCells(spec: CellSpec, rows: number): Cells {
  let values = new Float64Array(rows)
  return {
    get data() {
      return { kind: 'double', values } as const
    },
    set(row, value) {
      if (typeof value !== 'number') throw wrongKind(spec, 'doubles')
      if (!Number.isFinite(value)) throw outOfRange(spec, value)
      values[row] = value + 0 // -0 is not a value of ours
    },
    get: (row) => values[row]!,
    clear: (row) => (values[row] = 0),
    grow: (length) => (values = copyInto(new Float64Array(length), values)),
    reset: () => undefined,
  }
}

function int32Cells(spec: CellSpec, rows: number): Cells {
  let values = new Int32Array(rows)
  return {
    get data() {
      return { kind: 'int32', values } as const
    },
    set(row, value) {
      if (!isNumeric(value)) throw wrongKind(spec, 'integers')
      const fits = Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX
      if (!fits) throw outOfRange(spec, value)
      values[row] = Number(value)
    },
    get: (row) => values[row]!,
    clear: (row) => (values[row] = 0),
    grow: (length) => (values = copyInto(new Int32Array(length), values)),
    reset: () => undefined,
  }
}

interface WideRange {
  /** 64-bit words per value. */
  readonly words: 1 | 2
  readonly min: bigint
  readonly max: bigint
}

/** Where the low half of a 64-bit word is in a 32-bit view: first, but on big-endian machines. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1
const HIGH = 1 - LOW
const TWO_32 = 0x1_0000_0000

function wideCells(spec: CellSpec, rows: number, { words, min, max }: WideRange): Cells {
  let values = new BigInt64Array(rows * words)
  let halves = new Int32Array(values.buffer)
  // Bounds as doubles say so wherever they are beyond the safe integers, which is all that a number may be.
  const [numberMin, numberMax] = [Number(min), Number(max)]

  function setNumber(row: number, value: number): void {
    if (!Number.isSafeInteger(value) || value < numberMin || value > numberMax) {
      throw outOfRange(spec, value)
    }
    const at = row * words * 2
    halves[at + LOW] = value // Taken modulo 2^32.
    halves[at + HIGH] = Math.floor(value / TWO_32)
    if (words === 2) halves[at + 2] = halves[at + 3] = value < 0 ? -1 : 0
  }

  function setBig(row: number, value: bigint): void {
    if (value < min || value > max) throw outOfRange(spec, value)
    values[row * words] = value // Taken modulo 2^64.
    if (words === 2) values[row * words + 1] = value >> 64n
  }

  return {
    get data() {
      return { kind: words === 2 ? 'int128' : 'int64', values } as const
    },
    set(row, value) {
      if (typeof value === 'number') setNumber(row, value)
      else if (typeof value === 'bigint') setBig(row, value)
      else throw wrongKind(spec, 'integers')
    },
    get(row) {
      const at = row * words * 2
      if (words === 1) return joinInt64(halves[at + HIGH]!, halves[at + LOW]! >>> 0)
      return narrow((values[row * 2 + 1]! << 64n) | BigInt.asUintN(64, values[row * 2]!))
    },
    clear: (row) => {
      setNumber(row, 0)
    },
    grow(length) {
      values = copyInto(new BigInt64Array(length * words), values)
      halves = new Int32Array(values.buffer)
    },
    reset: () => undefined,
  }
}

function booleanCells(spec: CellSpec, rows: number): Cells {
  let values = new Uint8Array(rows)
  return {
    get data() {
      return { kind: 'boolean', values } as const
    },
    set(row, value) {
      if (typeof value !== 'boolean') throw wrongKind(spec, 'booleans')
      values[row] = value ? 1 : 0
    },
    get: (row) => values[row] === 1,
    clear: (row) => (values[row] = 0),
    grow: (length) => (values = copyInto(new Uint8Array(length), values)),
    reset: () => undefined,
  }
}

function listCells(spec: CellSpec, empty: string | Uint8Array): Cells {
  const isText = typeof empty === 'string'
  const values: (string | Uint8Array)[] = []
  return {
    get data() {
      return { kind: isText ? 'string' : 'binary', values } as ColumnData
    },
    set(row, value) {
      const matches = isText ? typeof value === 'string' : value instanceof Uint8Array
      if (!matches) throw wrongKind(spec, isText ? 'texts' : 'bytes')
      values[row] = value as string | Uint8Array
    },
    get: (row) => values[row]!,
    clear: (row) => (values[row] = empty),
    grow: () => undefined,
    reset: () => (values.length = 0),
  }
}

function copyInto<T extends { set(from: T): void }>(target: T, source: T): T {
  target.set(source)
  return target
}

function isNumeric(value: CellValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** A bug. Made only when it is thrown: a text per value would cost more than the value. */
function wrongKind({ name }: CellSpec, expected: string): Error {
  return new Error(`invariant broken: column ${name} is given ${expected}`)
}

function outOfRange({ name, type }: CellSpec, value: number | bigint): TidemarkError {
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
