/**
 * Vectors of 64-bit integers, timestamps and decimals. The values arrive as numbers nearly always: those are written as
 * two halves through a 32-bit view of the same memory, since a BigInt per value would cost more than the rest of the row.
 */
import { joinInt64, narrow } from './exact.ts'
import { TypedVector, copyInto, outOfRange, wrongKind } from './typed-vector.ts'
import type { Cell, ColumnData, VectorSpec } from './typed-vector.ts'

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
/** Of no row, so that all may have it. */
const NO_WORDS = new BigInt64Array(0)
const NO_HALVES = new Int32Array(0)

export class WideVector extends TypedVector {
  readonly #range: WideRange
  readonly #words: 1 | 2
  /** Bounds as doubles say so wherever they are beyond the safe integers, which is all that a number may be. */
  readonly #numberMin: number
  readonly #numberMax: number
  #values = NO_WORDS
  #halves = NO_HALVES

  constructor(spec: VectorSpec, range: WideRange) {
    super(spec)
    this.#range = range
    this.#words = range.words
    this.#numberMin = Number(range.min)
    this.#numberMax = Number(range.max)
  }

  get data(): ColumnData {
    return { kind: this.#words === 2 ? 'int128' : 'int64', values: this.#values }
  }

  append(value: Cell): void {
    if (typeof value === 'number') this.#appendNumber(value)
    else if (value === null) this.#setNumber(this.nextNull(), 0)
    else if (typeof value === 'bigint') this.#appendBig(value)
    else throw wrongKind(this.spec, 'integers')
  }

  #appendNumber(value: number): void {
    const fits = Number.isSafeInteger(value) && value >= this.#numberMin && value <= this.#numberMax
    if (!fits) throw outOfRange(this.spec, value)
    this.#setNumber(this.nextRow(), value)
  }

  #setNumber(row: number, value: number): void {
    const halves = this.#halves
    const at = row * this.#words * 2
    halves[at + LOW] = value // Taken modulo 2^32.
    halves[at + HIGH] = Math.floor(value / TWO_32)
    if (this.#words === 2) halves[at + 2] = halves[at + 3] = value < 0 ? -1 : 0
  }

  #appendBig(value: bigint): void {
    const { words, min, max } = this.#range
    if (value < min || value > max) throw outOfRange(this.spec, value)
    const row = this.nextRow()
    this.#values[row * words] = value // Taken modulo 2^64.
    if (words === 2) this.#values[row * words + 1] = value >> 64n
  }

  protected cell(row: number): number | bigint {
    const at = row * this.#words * 2
    if (this.#words === 1) {
      return joinInt64(this.#halves[at + HIGH]!, this.#halves[at + LOW]! >>> 0)
    }
    const [low, high] = [this.#values[row * 2]!, this.#values[row * 2 + 1]!]
    return narrow((high << 64n) | BigInt.asUintN(64, low))
  }

  protected growCells(rows: number): void {
    this.#values = copyInto(new BigInt64Array(rows * this.#words), this.#values)
    this.#halves = new Int32Array(this.#values.buffer)
  }
}
