/**
 * What a JSON text holds that `JSON.parse` would lose: digits. A parsed number is a double and does not tell whether its
 * text had more digits than a double keeps. Two facts make that cheap to know:
 *
 * - Decimals of up to 15 significant digits survive a double, so only long runs of digits are looked at, and a run of
 *   16 characters covers one of every 16 positions.
 * - A number that was printed from a double in the shortest form comes back as the same text.
 */
import { LosslessNumber, parse } from 'lossless-json'

const RUN = 16
const DOT = 0x2e
const SLASH = 0x2f
const NINE = 0x39
const LOWER_E = 0x65
const TINY = /\d[eE]-\d{3,}[\s,\]}]/
const EXPONENT = /^[eE][+-]?\d+/
const EXPONENT_CHARS_MAX = 12

/** Whether a number with a fraction or an exponent may have lost digits; strings that look like one count as well. */
export function hasLongNumber(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start + RUN - 1; at < end; at += RUN) {
    if (!isNumeric(bytes[at]!)) continue
    let from = at
    while (from > start && isNumeric(bytes[from - 1]!)) from--
    let to = at + 1
    while (to < end && isNumeric(bytes[to]!)) to++
    if (to - from >= RUN && isLossy(bytes, from, to, end)) return true
  }
  return false
}

/** Whether a number so small that a double takes it for 0 may be in the text. */
export function hasTinyNumber(text: string): boolean {
  return TINY.test(text)
}

/** The text with every number as `LosslessNumber`; of keys that are repeated the last counts, as in `JSON.parse`. */
export function parseExact(text: string): unknown {
  return parse(text, undefined, { onDuplicateKey: ({ newValue }) => newValue })
}

export { LosslessNumber }

function isNumeric(byte: number): boolean {
  return byte >= DOT && byte <= NINE && byte !== SLASH
}

function isLossy(bytes: Uint8Array, from: number, to: number, end: number): boolean {
  const hasExponent = to < end && (bytes[to]! | 0x20) === LOWER_E
  // Integers without an exponent need no look: those that are no safe integers are noticed by their value.
  if (!hasExponent && !bytes.subarray(from, to).includes(DOT)) return false
  const run = latin1(bytes, from, to)
  const rest = hasExponent ? latin1(bytes, to, Math.min(end, to + EXPONENT_CHARS_MAX)) : ''
  const number = run + (EXPONENT.exec(rest)?.[0] ?? '')
  return String(Number(number)) !== number
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
