/**
 * Integers as few bytes: seven bits each, least significant first, the high bit set where more follow. Offsets and
 * lengths are small or medium, so most take one to five bytes; any safe integer >= 0 fits.
 */
import { TidemarkError } from '../errors.ts'

/** A place in bytes that reading moves on. */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1
  return length
}

/** Writes at `at`; returns the place after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let next = at
  // Bit operations see 32 bits only; the division takes over above them.
  while (rest >= 0x8000_0000) {
    const high = Math.floor(rest / 128)
    bytes[next++] = rest - high * 128 + 128
    rest = high
  }
  while (rest >= 128) {
    bytes[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[next++] = rest
  return next
}

/** @throws STATE_DAMAGED where the bytes end before the integer does */
export function readVarint(cursor: Cursor): number {
  const { bytes } = cursor
  let value = 0
  let scale = 1
  for (;;) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) throw truncated(bytes)
    if (byte < 128) return value + byte * scale
    value += (byte - 128) * scale
    scale *= 128
  }
}

/** What stands for the offset -1, right before a log's first record: what regrouping hands to a partition that was added. */
const BEFORE_ALL = Number.MAX_SAFE_INTEGER

export function offsetLength(offset: number): number {
  return varintLength(offset < 0 ? BEFORE_ALL : offset)
}

/** An offset, or -1. */
export function writeOffset(bytes: Uint8Array, at: number, offset: number): number {
  return writeVarint(bytes, at, offset < 0 ? BEFORE_ALL : offset)
}

/** @throws STATE_DAMAGED where the bytes end before the offset does */
export function readOffset(cursor: Cursor): number {
  const written = readVarint(cursor)
  return written === BEFORE_ALL ? -1 : written
}

/** Small negative numbers stay small: 0, -1, 1, -2 ... become 0, 1, 2, 3 ... */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

export function truncated(bytes: Uint8Array): TidemarkError {
  return new TidemarkError(
    'STATE_DAMAGED',
    `a stored record of ${bytes.length} bytes ends too early: a file of the state was damaged. Move its directory away and start again; the state is rebuilt from the log`,
  )
}
