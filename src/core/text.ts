/**
 * A value as text, one text per value: fields of the online store, parts of a key, what a person types and reads.
 *
 * Integers and decimals are exact at any size, doubles in the shortest form that reads back as the same double,
 * instants ISO 8601 in UTC, dates YYYY-MM-DD. Null has no text: who writes leaves the field out.
 */
import { invariant } from '../errors.ts'
import { formatDay, parseDay } from './day.ts'
import { exactInteger, formatDecimal, parseDecimal } from './decimal.ts'
import { formatInstant, parseInstant } from './instant.ts'
import type { ColumnType, Value } from './value.ts'

export type PresentValue = Exclude<Value, null>

export const INT32_MIN = -0x8000_0000
export const INT32_MAX = 0x7fff_ffff
export const INT64_MIN = -(2n ** 63n)
export const INT64_MAX = 2n ** 63n - 1n

export function formatValue(value: PresentValue, type: ColumnType): string {
  switch (type.kind) {
    case 'decimal':
      return formatDecimal(value as number | bigint, type.scale)
    case 'timestamp':
      return formatInstant(Number(value))
    case 'date':
      return formatDay(Number(value))
    default:
      invariant(type.kind !== 'binary', 'a binary column has no text form')
      return String(value)
  }
}

/** Reads what `formatValue` writes; undefined for text that is no value of the type, or one out of its range. */
export function parseValue(text: string, type: ColumnType): PresentValue | undefined {
  switch (type.kind) {
    case 'string':
      return text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'int32':
      return parseInt32(text)
    case 'int64':
      return parseInt64(text)
    case 'double':
      return parseDouble(text)
    case 'decimal': {
      const unscaled = parseDecimal(text, type.scale)
      return unscaled !== undefined && fitsPrecision(unscaled, type.precision)
        ? unscaled
        : undefined
    }
    case 'timestamp': {
      const time = parseInstant(text)
      return typeof time === 'number' ? time : undefined
    }
    case 'date':
      return parseDay(text)
    case 'binary':
      return undefined
  }
}

/**
 * Order of strings everywhere in Tidemark: that of their UTF-8 bytes, which is the order of keys in the stores and of rows
 * in files. It differs from the language's own `<` only above U+D7FF, where surrogates sort below U+E000..U+FFFF.
 */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return codeOrder(x) - codeOrder(y)
  }
  return a.length - b.length
}

/** Moves surrogates (halves of code points from U+10000) above all other code units. */
function codeOrder(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

export function fitsPrecision(unscaled: number | bigint, precision: number): boolean {
  const limit = 10n ** BigInt(precision)
  return unscaled < limit && unscaled > -limit
}

const INTEGER = /^-?\d+$/

function parseInt32(text: string): number | undefined {
  const value = INTEGER.test(text) ? Number(text) + 0 : Number.NaN
  return value >= INT32_MIN && value <= INT32_MAX ? value : undefined
}

function parseInt64(text: string): number | bigint | undefined {
  if (!INTEGER.test(text)) return undefined
  const value = exactInteger(text)
  if (typeof value === 'number') return value
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined
}

function parseDouble(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value + 0 : undefined
}
