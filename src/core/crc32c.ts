/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), the checksum of Kafka's batches and of our frames.
 *
 * Several bytes per step through several tables ("slicing"): table k holds what a byte does to the checksum when k more
 * bytes follow it, so that look-ups that do not wait for each other replace a chain of them. Long ranges go sixteen
 * bytes at a time over a view of words, a third faster than eight bytes; making the view does not pay for short ones.
 */

const SLICES = 16
const TABLE = buildTable()
const WORDS_FROM_BYTES = 2048
/** A view of words has the machine's byte order, which the steps below rely on. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/** Of `bytes[start, end)`. `seed` is the checksum of what came before. Unsigned. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  let crc = ~seed
  let at = start
  if (end - start >= WORDS_FROM_BYTES && IS_LITTLE_ENDIAN) {
    const aligned = start + (-(bytes.byteOffset + start) & 3)
    const words = new Int32Array(
      bytes.buffer,
      bytes.byteOffset + aligned,
      ((end - aligned) >> 4) * 4,
    )
    crc = byWords(words, byBytes(bytes, start, aligned, crc))
    at = aligned + words.byteLength
  }
  return ~byBytes(bytes, at, end, crc) >>> 0
}

function byWords(words: Int32Array, before: number): number {
  let crc = before
  for (let at = 0; at < words.length; at += 4) {
    const first = crc ^ words[at]!
    const second = words[at + 1]!
    const third = words[at + 2]!
    const fourth = words[at + 3]!
    crc =
      TABLE[0xf00 | (first & 0xff)]! ^
      TABLE[0xe00 | ((first >>> 8) & 0xff)]! ^
      TABLE[0xd00 | ((first >>> 16) & 0xff)]! ^
      TABLE[0xc00 | (first >>> 24)]! ^
      TABLE[0xb00 | (second & 0xff)]! ^
      TABLE[0xa00 | ((second >>> 8) & 0xff)]! ^
      TABLE[0x900 | ((second >>> 16) & 0xff)]! ^
      TABLE[0x800 | (second >>> 24)]! ^
      TABLE[0x700 | (third & 0xff)]! ^
      TABLE[0x600 | ((third >>> 8) & 0xff)]! ^
      TABLE[0x500 | ((third >>> 16) & 0xff)]! ^
      TABLE[0x400 | (third >>> 24)]! ^
      TABLE[0x300 | (fourth & 0xff)]! ^
      TABLE[0x200 | ((fourth >>> 8) & 0xff)]! ^
      TABLE[0x100 | ((fourth >>> 16) & 0xff)]! ^
      TABLE[fourth >>> 24]!
  }
  return crc
}

function byBytes(bytes: Uint8Array, start: number, end: number, before: number): number {
  let crc = before
  let at = start
  for (const last = end - 8; at <= last; at += 8) {
    const low =
      crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      TABLE[0x700 | (low & 0xff)]! ^
      TABLE[0x600 | ((low >>> 8) & 0xff)]! ^
      TABLE[0x500 | ((low >>> 16) & 0xff)]! ^
      TABLE[0x400 | (low >>> 24)]! ^
      TABLE[0x300 | bytes[at + 4]!]! ^
      TABLE[0x200 | bytes[at + 5]!]! ^
      TABLE[0x100 | bytes[at + 6]!]! ^
      TABLE[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 0xff]!
  return crc
}

function buildTable(): Int32Array {
  const table = new Int32Array(SLICES * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    table[byte] = crc
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256]!
    table[at] = (before >>> 8) ^ table[before & 0xff]!
  }
  return table
}
