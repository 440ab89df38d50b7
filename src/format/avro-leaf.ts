/**
 * Values of a writer's schema to values of the fields that the pipeline declares, which are two things: each schema may
 * write a field in another way. What the value is decides, not what would be convenient: an amount keeps its value whatever
 * scale it was written with, an instant its instant whatever unit; what is something else has the wrong type.
 */
import avro from 'avsc'
import type { Type } from 'avsc'
import { narrow } from '../core/exact.ts'
import type { FieldType, Value } from '../core/value.ts'
import { decimalScale, markOf } from './avro-logical.ts'
import { fitInteger } from './decimal-text.ts'
import { compileFastReader, INEXACT } from './json-value.ts'
import { finite, instant } from './text-value.ts'

export type LeafReader = (value: unknown) => Value | undefined

export type LeafKind =
  'text' | 'enum' | 'integer' | 'real' | 'boolean' | 'decimal' | 'instant' | 'date' | 'other'

type Integer = number | bigint

export function leafKind(type: Type): LeafKind {
  if (decimalScale(type) !== undefined) return 'decimal'
  if (avro.Type.isType(type, 'logical:timestamp-')) return 'instant'
  const mark = markOf(type)
  // A local time is no instant, and no plain number either.
  if (mark !== undefined) return mark === 'date' ? 'date' : 'other'
  switch (type.typeName) {
    case 'string':
      return 'text'
    case 'enum':
    case 'boolean':
      return type.typeName
    case 'int':
    case 'long':
      return 'integer'
    case 'float':
    case 'double':
      return 'real'
    default:
      return type.typeName === 'logical:uuid' ? 'text' : 'other'
  }
}

/** Of values that are not null. */
export function compileLeaf(leaf: Type, type: FieldType): LeafReader {
  switch (leafKind(leaf)) {
    case 'text':
      return readText(type)
    case 'enum':
      return type.kind === 'string' ? (value) => value as string : wrongType
    case 'boolean':
      return type.kind === 'boolean' ? (value) => value as boolean : wrongType
    case 'real':
      return type.kind === 'double' ? (value) => finite(value as number) : wrongType
    case 'integer':
      return ofIntegers(type)
    case 'decimal':
      return ofDecimals(type, decimalScale(leaf) ?? 0)
    case 'instant':
      if (type.kind === 'timestamp') return (ms) => instant(ms as Integer)
      return type.kind === 'int64' ? (ms) => fitInteger(type, ms as Integer) : wrongType
    case 'date':
      return type.kind === 'date' ? (day) => day as number : wrongType
    case 'other':
      return wrongType
  }
}

/** What `compileLeaf` gives where no value of the one type is one of the other. */
export function wrongType(): undefined {
  return undefined
}

/** As JSON has it: digits for integers and decimals, ISO texts for instants and dates. */
function readText(type: FieldType): LeafReader {
  if (type.kind === 'string') return (text) => text as string
  const read = compileFastReader(type)
  return (text) => {
    const value = read(text)
    return value === INEXACT ? undefined : value
  }
}

function ofIntegers(type: FieldType): LeafReader {
  switch (type.kind) {
    case 'int32':
    case 'int64':
      return (value) => fitInteger(type, value as Integer)
    case 'decimal':
      return (value) => fitInteger(type, rescale(value as Integer, type.scale))
    case 'double':
      return (value) => finite(Number(value))
    case 'timestamp':
      return (value) => instant(value as Integer)
    case 'string':
    case 'boolean':
    case 'date':
      return wrongType
  }
}

function ofDecimals(type: FieldType, scale: number): LeafReader {
  switch (type.kind) {
    case 'decimal':
      return type.scale === scale
        ? (unscaled) => fitInteger(type, unscaled as Integer)
        : (unscaled) => fitInteger(type, rescale(unscaled as Integer, type.scale - scale))
    case 'int32':
    case 'int64':
      return (unscaled) => fitInteger(type, rescale(unscaled as Integer, -scale))
    case 'double':
      return (unscaled) => finite(Number(`${unscaled as Integer}e${-scale}`))
    case 'string':
    case 'boolean':
    case 'timestamp':
    case 'date':
      return wrongType
  }
}

/** `value` x 10^by; undefined where that is no integer. */
function rescale(value: Integer, by: number): Integer | undefined {
  const factor = 10 ** Math.abs(by)
  if (typeof value === 'number' && Number.isSafeInteger(factor)) {
    if (by < 0) return value % factor === 0 ? value / factor + 0 : undefined
    if (Number.isSafeInteger(value * factor)) return value * factor
  }
  const [big, bigFactor] = [BigInt(value), 10n ** BigInt(Math.abs(by))]
  if (by >= 0) return narrow(big * bigFactor)
  return big % bigFactor === 0n ? narrow(big / bigFactor) : undefined
}
