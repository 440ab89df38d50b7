/**
 * Values in a pipeline file -> values of a field's type, exactly: a decimal becomes its unscaled integer, an integer keeps
 * all its digits, and whatever would have to be rounded is refused.
 */
import { parseDay } from '../core/day.ts'
import { parseDecimal } from '../core/decimal.ts'
import { narrow } from '../core/exact.ts'
import { parseInstant } from '../core/instant.ts'
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, fitsPrecision } from '../core/text.ts'
import { typeName } from '../core/value.ts'
import type { ColumnType, Value } from '../core/value.ts'

export type Literal = string | number | bigint | boolean

export type LiteralResult =
  | { readonly value: Exclude<Value, null> }
  /** Completes "expected ...". */
  | { readonly expected: string }

const INTEGER_RANGES = {
  int32: [BigInt(INT32_MIN), BigInt(INT32_MAX)],
  int64: [INT64_MIN, INT64_MAX],
} as const

/** `text` is the number as it was written; digits that a double does not hold are still there. */
export function convertLiteral(literal: Literal, text: string, type: ColumnType): LiteralResult {
  switch (type.kind) {
    case 'string':
      if (typeof literal === 'string') return { value: literal }
      return { expected: `a text (write "${text}" in quotes)` }
    case 'boolean':
      return typeof literal === 'boolean' ? { value: literal } : { expected: '`true` or `false`' }
    case 'int32':
    case 'int64':
      return convertInteger(literal, type.kind)
    case 'double':
      return convertDouble(literal)
    case 'decimal':
      return convertDecimal(literal, text, type)
    case 'timestamp':
      return convertInstant(literal)
    case 'date': {
      const day = typeof literal === 'string' ? parseDay(literal) : undefined
      return day === undefined ? { expected: 'a date such as `2026-01-31`' } : { value: day }
    }
    case 'binary':
      return { expected: 'a column that is not binary' }
  }
}

function convertInteger(literal: Literal, kind: 'int32' | 'int64'): LiteralResult {
  const whole =
    typeof literal === 'bigint' || Number.isSafeInteger(literal) ? BigInt(literal) : undefined
  const [min, max] = INTEGER_RANGES[kind]
  return whole !== undefined && whole >= min && whole <= max
    ? { value: narrow(whole) }
    : { expected: `a whole number that fits ${kind}` }
}

function convertDouble(literal: Literal): LiteralResult {
  if (typeof literal === 'bigint') {
    const near = Number(literal)
    if (Number.isFinite(near) && BigInt(near) === literal) return { value: near }
    return { expected: 'a number that a double holds exactly' }
  }
  if (typeof literal !== 'number' || !Number.isFinite(literal))
    return { expected: 'a finite number' }
  return { value: literal === 0 ? 0 : literal }
}

function convertDecimal(
  literal: Literal,
  text: string,
  type: Extract<ColumnType, { kind: 'decimal' }>,
): LiteralResult {
  const written = typeof literal === 'string' ? literal : text
  const isNumber = typeof literal !== 'boolean' && /^-?\d+(\.\d+)?$/.test(written)
  if (!isNumber) return { expected: 'a number such as `12.34`' }
  const unscaled = parseDecimal(written, type.scale)
  if (unscaled === undefined) {
    const digits = `${type.scale} digits after the point`
    return { expected: `at most ${digits} for ${typeName(type)} (nothing is rounded)` }
  }
  return fitsPrecision(unscaled, type.precision)
    ? { value: unscaled }
    : { expected: `a number that fits ${typeName(type)}` }
}

function convertInstant(literal: Literal): LiteralResult {
  const isTooFine = typeof literal === 'string' && /[.,]\d{3}\d*[1-9]/.test(literal)
  const timeMs = typeof literal === 'string' ? parseInstant(literal) : literal
  return typeof timeMs === 'number' && Number.isSafeInteger(timeMs) && !isTooFine
    ? { value: timeMs }
    : { expected: 'an instant such as `2026-01-31T00:00:00Z`, or integer milliseconds' }
}
