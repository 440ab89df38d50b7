/**
 * The zig-zag variable-length integers inside Kafka's record batches: seven bits a byte, lowest first, sign in bit 0.
 *
 * Nothing here is checked against an end: a read beyond the bytes yields zeros, and whoever reads a record compares where
 * the cursor stands at its end with where it should. 64-bit values are doubles, exact within ±2^53 and the nearest double
 * beyond (a record's timestamp may be anything that a producer put there).
 */

/** A place in bytes that moves along as values are read. */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** A 32-bit value; bits beyond are dropped, as in Kafka's own readers for at most five bytes. */
export function readVarint(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at++]!
  if (first < 0x80) return (first >>> 1) ^ -(first & 1)
  const bits = (first & 0x7f) | (readGroups(cursor, 4) << 7)
  return (bits >>> 1) ^ -(bits & 1)
}

/** A 64-bit value, as the nearest double. */
export function readVarlong(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at++]!
  if (first < 0x80) return (first >>> 1) ^ -(first & 1)
  // 7 + 21 + 28 + 8 bits; halved before they are put together, so that no bit is lost below 2^53.
  const low = (first & 0x7f) | (readGroups(cursor, 3) << 7)
  const middle = isOpen(cursor) ? readGroups(cursor, 4) : 0
  const high = isOpen(cursor) ? readGroups(cursor, 2) : 0
  const magnitude = (low >>> 1) + middle * 2 ** 27 + high * 2 ** 55
  return low & 1 ? -magnitude - 1 : magnitude
}

/** Up to `count` groups of seven bits, lowest first; stops after the one that says it is the last. */
function readGroups(cursor: Cursor, count: number): number {
  let bits = 0
  for (let shift = 0; shift < count * 7; shift += 7) {
    const byte = cursor.bytes[cursor.at++]!
    bits |= (byte & 0x7f) << shift
    if (!(byte & 0x80)) break
  }
  return bits
}

/** Whether the byte before the cursor says that more follow. */
function isOpen(cursor: Cursor): boolean {
  return (cursor.bytes[cursor.at - 1]! & 0x80) !== 0
}
