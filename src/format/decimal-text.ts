/**
 * Decimal text to exact integers. No float is involved: what cannot be held exactly is refused, never rounded.
 */
import { narrow } from '../core/exact.ts'
import type { FieldType } from '../core/value.ts'

/** Any integer of a field has fewer digits; more are not worth a BigInt. */
const DIGITS_MAX = 40
const ZERO = 0x30

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const INT32_MAX = 0x7fff_ffff

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Digits with an optional sign, and a fraction: numbers that producers send as strings to keep them exact. */
export const INTEGER_TEXT = /^-?\d+$/
export const DECIMAL_TEXT = /^-?\d+(?:\.\d+)?$/

/**
 * The number in `text` (as JSON writes it) times 10^scale, where that is an integer of at most 40 digits: 12.34 at scale
 * 2 is 1234, and so are 1234e-2 and 12.3400; 12.345 is undefined.
 */
export function scaleDecimal(text: string, scale: number): number | bigint | undefined {
  const match = NUMBER.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = whole + fraction
  // Loops, since /0+$/ takes quadratic time on zeros that are not at the end.
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end--
  let start = 0
  while (start < end && digits.charCodeAt(start) === ZERO) start++
  if (start === end) return 0
  const zeros = Number(exponent) - fraction.length + scale + (digits.length - end)
  if (zeros < 0 || end - start + zeros > DIGITS_MAX) return undefined
  const magnitude = BigInt(digits.slice(start, end) + '0'.repeat(zeros))
  return narrow(sign === '-' ? -magnitude : magnitude)
}

/** The integer if the type can hold it: the width of integers, the precision of decimals. */
export function fitInteger(
  type: FieldType & { readonly kind: 'int32' | 'int64' | 'decimal' },
  value: number | bigint | undefined,
): number | bigint | undefined {
  if (value === undefined) return undefined
  switch (type.kind) {
    case 'int32':
      return value >= -INT32_MAX - 1 && value <= INT32_MAX ? value : undefined
    case 'int64':
      return typeof value === 'number' || (value >= INT64_MIN && value <= INT64_MAX)
        ? value
        : undefined
    case 'decimal':
      return fitsPrecision(value, type.precision) ? value : undefined
  }
}

/** Safe integers have fewer than 17 digits; a comparison with a bigint would cost more than reading the number. */
function fitsPrecision(value: number | bigint, precision: number): boolean {
  if (typeof value === 'number') return precision >= 16 || Math.abs(value) < 10 ** precision
  const limit = 10n ** BigInt(precision)
  return value > -limit && value < limit
}
