/**
 * Avro's logical types as Tidemark reads them: decimals are their unscaled integers, timestamps integer ms whatever their
 * unit; dates and local timestamps stay the integers that they are, but can be told from plain ones.
 */
import avro from 'avsc'
import type { Type, types } from 'avsc'
import { narrow } from '../core/exact.ts'

/** The part of avsc's reading position that types are read with. */
export interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  skipString(): void
}

interface LogicalSchema {
  readonly logicalType: string
  readonly scale?: number
}

/** Marks a logical schema whose underlying type is being made. */
const UNDERLYING = Symbol('underlying')
/** Not for the schema of the type underneath, while that is made. */
export function isLogical(schema: unknown): schema is LogicalSchema {
  if (typeof schema !== 'object' || schema === null || !('logicalType' in schema)) return false
  if (UNDERLYING in schema) return false
  return Object.hasOwn(LOGICAL_TYPES, String(schema.logicalType))
}

/** Ms. Digits below are dropped towards the past, as event times have it. */
class TimestampType extends avro.types.LogicalType {
  readonly perMs: number

  constructor(schema: never, options: unknown) {
    super(underlying(schema), options)
    const { logicalType } = schema as LogicalSchema
    this.perMs =
      logicalType === 'timestamp-millis' ? 1 : logicalType === 'timestamp-micros' ? 1e3 : 1e6
  }

  override _fromValue(value: number | bigint): number | bigint {
    if (this.perMs === 1) return value
    if (typeof value === 'number') return Math.floor(value / this.perMs)
    const unit = BigInt(this.perMs)
    const quotient = value / unit
    return narrow(value < 0n && quotient * unit !== value ? quotient - 1n : quotient)
  }

  override _toValue(ms: number): number {
    return ms * this.perMs
  }

  /** Both are ms by then, whatever unit the writer had; without a logical type the reader's unit is assumed. */
  override _resolve(writer: Type): unknown {
    if (avro.Type.isType(writer, 'logical:timestamp-')) return (ms: unknown) => ms
    return avro.Type.isType(writer, 'int', 'long')
      ? (value: number | bigint) => this._fromValue(value)
      : undefined
  }
}

class DecimalType extends avro.types.LogicalType {
  readonly scale: number
  /** Bytes of a fixed; undefined where each value tells its own. */
  readonly size: number | undefined

  constructor(schema: never, options: unknown) {
    super(underlying(schema), options)
    this.scale = (schema as LogicalSchema).scale ?? 0
    this.size = (this.underlyingType as Partial<types.FixedType>).size
  }

  /** From where the bytes lie, since a buffer of its own for each amount costs more than the rest of a datum. */
  _read(tap: Tap): number | bigint {
    const length = this.size ?? tap.readLong()
    const start = tap.pos
    const end = start + length
    if (length < 0 || end > tap.buf.length) throw new Error(`a decimal of ${length} bytes`)
    tap.pos = end
    return unscaledInteger(tap.buf, start, end)
  }

  override _fromValue(bytes: Buffer): number | bigint {
    return unscaledInteger(bytes, 0, bytes.length)
  }

  override _toValue(unscaled: number | bigint): Buffer {
    const size = this.size ?? Math.floor(BigInt(unscaled).toString(2).length / 8) + 1
    const bits = BigInt.asUintN(size * 8, BigInt(unscaled))
    return Buffer.from(bits.toString(16).padStart(size * 2, '0'), 'hex')
  }

  /** A writer of another scale means other amounts by the same integers. */
  override _resolve(writer: Type): unknown {
    return writer instanceof DecimalType && writer.scale === this.scale
      ? (unscaled: unknown) => unscaled
      : undefined
  }
}

/** Integers that mean something: read as they are, told apart from plain ones. */
class MarkedType extends avro.types.LogicalType {
  readonly mark: string

  constructor(schema: never, options: unknown) {
    super(underlying(schema), options)
    this.mark = (schema as LogicalSchema).logicalType
  }

  override _fromValue(value: unknown): unknown {
    return value
  }

  override _toValue(value: unknown): unknown {
    return value
  }

  override _resolve(writer: Type): unknown {
    const underneath = writer instanceof MarkedType ? writer.underlyingType : writer
    return underneath.typeName === this.underlyingType.typeName
      ? (value: unknown) => value
      : undefined
  }
}

export const LOGICAL_TYPES = {
  decimal: DecimalType,
  'timestamp-millis': TimestampType,
  'timestamp-micros': TimestampType,
  'timestamp-nanos': TimestampType,
  date: MarkedType,
  'local-timestamp-millis': MarkedType,
  'local-timestamp-micros': MarkedType,
  'local-timestamp-nanos': MarkedType,
}

/** `date`, `local-timestamp-...`; undefined for other types. */
export function markOf(type: Type): string | undefined {
  return type instanceof MarkedType ? type.mark : undefined
}

/** The scale of a type that is a decimal. */
export function decimalScale(type: Type): number | undefined {
  return type instanceof DecimalType ? type.scale : undefined
}

function unscaledInteger(bytes: Buffer, start: number, end: number): number | bigint {
  const length = end - start
  if (length === 0) return 0
  if (length <= 6) return bytes.readIntBE(start, length)
  return narrow(BigInt.asIntN(length * 8, BigInt(`0x${bytes.toString('hex', start, end)}`)))
}

function underlying(schema: object): never {
  return { ...schema, [UNDERLYING]: true } as never
}
