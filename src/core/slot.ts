/**
 * The hash slot of an entity: which of a day's files, and which part of the state, it is in.
 *
 * MurmurHash3 (x86, 32 bits, seed 0) of the entity's UTF-8 bytes, modulo the number of slots. Pinned for ever, as state and
 * tables are laid out by it; and another function than a Kafka client's murmur2, so that the keys of one partition
 * still spread over all slots.
 */

/** 0 .. slots-1. */
export function slotOf(entity: string, slots: number): number {
  return hashText(entity) % slots
}

/** Unsigned 32 bits. Text in ASCII, which most keys are, is hashed where it lies. */
export function hashText(text: string): number {
  const length = text.length
  const blocks = length & ~3
  let hash = 0
  for (let i = 0; i < blocks; i += 4) {
    const a = text.charCodeAt(i)
    const b = text.charCodeAt(i + 1)
    const c = text.charCodeAt(i + 2)
    const d = text.charCodeAt(i + 3)
    if ((a | b | c | d) > 0x7f) return hashBytes(utf8(text))
    hash = mixBlock(hash, a | (b << 8) | (c << 16) | (d << 24))
  }
  let tail = 0
  for (let i = length - 1; i >= blocks; i--) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return hashBytes(utf8(text))
    tail = (tail << 8) | code
  }
  return finish(hash, tail, length)
}

function hashBytes(bytes: readonly number[]): number {
  const blocks = bytes.length & ~3
  let hash = 0
  for (let i = 0; i < blocks; i += 4) {
    const low = bytes[i]! | (bytes[i + 1]! << 8)
    hash = mixBlock(hash, low | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
  }
  let tail = 0
  for (let i = bytes.length - 1; i >= blocks; i--) tail = (tail << 8) | bytes[i]!
  return finish(hash, tail, bytes.length)
}

function scramble(block: number): number {
  const product = Math.imul(block, 0xcc9e2d51)
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593)
}

function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

/** A tail of no bytes is 0, which scrambles to 0. */
function finish(hash: number, tail: number, length: number): number {
  let mixed = hash ^ scramble(tail) ^ length
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** As every encoder does it: half of a surrogate pair is U+FFFD. */
function utf8(text: string): number[] {
  const bytes: number[] = []
  for (const character of text) {
    const point = character.codePointAt(0)!
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), continuation(code, 0))
    else if (code < 0x10000) {
      bytes.push(0xe0 | (code >> 12), continuation(code, 6), continuation(code, 0))
    } else {
      const lead = 0xf0 | (code >> 18)
      bytes.push(lead, continuation(code, 12), continuation(code, 6), continuation(code, 0))
    }
  }
  return bytes
}

function continuation(code: number, shift: number): number {
  return 0x80 | ((code >> shift) & 0x3f)
}
