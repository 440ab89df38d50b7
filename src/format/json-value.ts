/**
 * JSON values to values of fields. The fast readers take what `JSON.parse` made and answer INEXACT where a double cannot
 * be trusted; then the exact readers get the number's text. Wrong types are undefined, nothing is rounded.
 */
import { parseDay } from '../core/day.ts'
import type { FieldType, Value } from '../core/value.ts'
import { DECIMAL_TEXT, fitInteger, INTEGER_TEXT, scaleDecimal } from './decimal-text.ts'
import { LosslessNumber } from './json-text.ts'
import { finite, instant, instantOf } from './text-value.ts'

export const INEXACT = Symbol('the double may differ from the text')

export type FastReader = (value: unknown) => Value | undefined | typeof INEXACT

/** Up to 15 digits: a double of that many digits names one decimal. */
const SURE_MAX = 999_999_999_999_999

/** Of a value that is not null. */
export function compileFastReader(type: FieldType): FastReader {
  switch (type.kind) {
    case 'string':
      return (value) => (typeof value === 'string' ? value : undefined)
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? value : undefined)
    case 'double':
      return (value) => (typeof value === 'number' ? finite(value) : undefined)
    case 'int32':
      return fastInt32
    case 'int64':
      return fastInt64
    case 'decimal':
      return compileFastDecimal(type)
    case 'timestamp':
      return (value) => (typeof value === 'string' ? instantOf(value) : fastInstant(value))
    case 'date':
      return (value) => (typeof value === 'string' ? parseDay(value) : undefined)
  }
}

/** Of a value that is not null, whose numbers are texts. */
export function readExactly(type: FieldType, value: unknown): Value | undefined {
  if (!(value instanceof LosslessNumber)) {
    const fast = compileFastReader(type)(value)
    return fast === INEXACT ? undefined : fast
  }
  switch (type.kind) {
    case 'int32':
    case 'int64':
      return fitInteger(type, scaleDecimal(value.value, 0))
    case 'decimal':
      return fitInteger(type, scaleDecimal(value.value, type.scale))
    case 'timestamp':
      return instant(scaleDecimal(value.value, 0))
    case 'double':
      return finite(Number(value.value))
    case 'string':
    case 'boolean':
    case 'date':
      return undefined
  }
}

function fastInt32(value: unknown): number | undefined | typeof INEXACT {
  if (typeof value !== 'number' || (value | 0) !== value) return undefined
  return value === 0 ? INEXACT : value
}

function fastInt64(value: unknown): Value | undefined | typeof INEXACT {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value) && value !== 0) return value
    return Number.isInteger(value) ? INEXACT : undefined
  }
  if (typeof value !== 'string' || !INTEGER_TEXT.test(value)) return undefined
  return fitInteger({ kind: 'int64' }, scaleDecimal(value, 0))
}

function compileFastDecimal(type: FieldType & { readonly kind: 'decimal' }): FastReader {
  const factor = 10 ** type.scale
  const sureMax = Math.min(SURE_MAX, 10 ** type.precision - 1)
  return (value) => {
    if (typeof value === 'number') {
      const unscaled = Math.round(value * factor)
      const isSure = unscaled <= sureMax && unscaled >= -sureMax && unscaled !== 0
      return isSure && unscaled / factor === value ? unscaled : INEXACT
    }
    if (typeof value !== 'string' || !DECIMAL_TEXT.test(value)) return undefined
    return fitInteger(type, scaleDecimal(value, type.scale))
  }
}

function fastInstant(value: unknown): number | undefined | typeof INEXACT {
  if (typeof value !== 'number') return undefined
  return value === 0 ? INEXACT : instant(value)
}
