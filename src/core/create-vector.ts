/** The vector of a column, by its type. */
import { unreachable } from '../errors.ts'
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN } from './text.ts'
import { TypedVector, copyInto, outOfRange, wrongKind } from './typed-vector.ts'
import type { Cell, ColumnData, VectorSpec } from './typed-vector.ts'
import { WideVector } from './wide-vector.ts'

/** Of no row, so that all may have it: most vectors of a flush stay without rows. */
const NO_DOUBLES = new Float64Array(0)
const NO_INTEGERS = new Int32Array(0)
const NO_BYTES = new Uint8Array(0)

export function createVector(spec: VectorSpec): TypedVector {
  const { type } = spec
  switch (type.kind) {
    case 'double':
      return new DoubleVector(spec)
    case 'int32':
    case 'date':
      return new Int32Vector(spec)
    case 'int64':
    case 'timestamp':
      return new WideVector(spec, { words: 1, min: INT64_MIN, max: INT64_MAX })
    case 'decimal': {
      const limit = 10n ** BigInt(type.precision) - 1n
      return new WideVector(spec, { words: type.precision > 18 ? 2 : 1, min: -limit, max: limit })
    }
    case 'boolean':
      return new BooleanVector(spec)
    case 'string':
      return new ListVector(spec, '')
    case 'binary':
      return new ListVector(spec, NO_BYTES)
    default:
      return unreachable(type)
  }
}

class DoubleVector extends TypedVector {
  #values = NO_DOUBLES

  get data(): ColumnData {
    return { kind: 'double', values: this.#values }
  }

  append(value: Cell): void {
    if (value === null) {
      const row = this.nextNull()
      this.#values[row] = 0
      return
    }
    if (typeof value !== 'number') throw wrongKind(this.spec, 'doubles')
    if (!Number.isFinite(value)) throw outOfRange(this.spec, value)
    const row = this.nextRow()
    this.#values[row] = value + 0 // -0 is not a value of ours
  }

  protected cell(row: number): number {
    return this.#values[row]!
  }

  protected growCells(rows: number): void {
    this.#values = copyInto(new Float64Array(rows), this.#values)
  }
}

class Int32Vector extends TypedVector {
  #values = NO_INTEGERS

  get data(): ColumnData {
    return { kind: 'int32', values: this.#values }
  }

  append(value: Cell): void {
    if (value === null) {
      const row = this.nextNull()
      this.#values[row] = 0
      return
    }
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw wrongKind(this.spec, 'integers')
    const fits = Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX
    if (!fits) throw outOfRange(this.spec, value)
    const row = this.nextRow()
    this.#values[row] = Number(value)
  }

  protected cell(row: number): number {
    return this.#values[row]!
  }

  protected growCells(rows: number): void {
    this.#values = copyInto(new Int32Array(rows), this.#values)
  }
}

class BooleanVector extends TypedVector {
  #values = NO_BYTES

  get data(): ColumnData {
    return { kind: 'boolean', values: this.#values }
  }

  append(value: Cell): void {
    if (value !== null && typeof value !== 'boolean') throw wrongKind(this.spec, 'booleans')
    const row = value === null ? this.nextNull() : this.nextRow()
    this.#values[row] = value === true ? 1 : 0
  }

  protected cell(row: number): boolean {
    return this.#values[row] === 1
  }

  protected growCells(rows: number): void {
    this.#values = copyInto(new Uint8Array(rows), this.#values)
  }
}

/** Texts or bytes. */
class ListVector extends TypedVector {
  readonly #empty: string | Uint8Array
  readonly #values: (string | Uint8Array)[] = []

  constructor(spec: VectorSpec, empty: string | Uint8Array) {
    super(spec)
    this.#empty = empty
  }

  get data(): ColumnData {
    const kind = typeof this.#empty === 'string' ? 'string' : 'binary'
    return { kind, values: this.#values } as ColumnData
  }

  append(value: Cell): void {
    if (value === null) this.#values[this.nextNull()] = this.#empty
    else if (typeof this.#empty === 'string') this.#appendText(value)
    else this.#appendBytes(value)
  }

  #appendText(value: Cell): void {
    if (typeof value !== 'string') throw wrongKind(this.spec, 'texts')
    this.#values[this.nextRow()] = value
  }

  #appendBytes(value: Cell): void {
    if (!(value instanceof Uint8Array)) throw wrongKind(this.spec, 'bytes')
    this.#values[this.nextRow()] = value
  }

  protected cell(row: number): string | Uint8Array {
    return this.#values[row]!
  }

  protected growCells(): void {
    // A list grows by itself.
  }

  /** The list keeps its room, but holds on to nothing. */
  override reset(): void {
    this.#values.fill(this.#empty, 0, this.length)
    super.reset()
  }
}
