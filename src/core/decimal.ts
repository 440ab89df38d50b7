/** Decimals as they are held: an unscaled integer, 12.34 with scale 2 being 1234. Text and doubles of them. */

const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/** The nearest double. */
export function decimalToDouble(unscaled: number | bigint, scale: number): number {
  const power = POWERS_OF_TEN[scale]
  // Both operands are exact, so the one rounding is that of the division; beyond them only the text is exact.
  if (typeof unscaled === 'number' && power !== undefined) return unscaled / power
  return Number(formatDecimal(unscaled, scale))
}

/** With all digits of the scale: 1230 with scale 2 is `12.30`. */
export function formatDecimal(unscaled: number | bigint, scale: number): string {
  if (scale === 0) return String(unscaled)
  const text = String(unscaled)
  const isNegative = text.startsWith('-')
  const digits = (isNegative ? text.slice(1) : text).padStart(scale + 1, '0')
  const sign = isNegative ? '-' : ''
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

const DECIMAL_TEXT = /^(-?)(\d+)(?:\.(\d+))?$/

/** Exact; undefined for other text and where digits would be lost (`1.005` with scale 2; `1.500` is 1.50). */
export function parseDecimal(text: string, scale: number): number | bigint | undefined {
  const match = DECIMAL_TEXT.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', written = ''] = match
  const fraction = written.replace(/0+$/, '')
  if (fraction.length > scale) return undefined
  return exactInteger(sign + whole + fraction.padEnd(scale, '0'))
}

/** Integer text -> a number while it is safe, a bigint beyond. `text` is digits with an optional minus. */
export function exactInteger(text: string): number | bigint {
  const value = Number(text)
  // `-0` is 0.
  return Number.isSafeInteger(value) ? value + 0 : BigInt(text)
}
