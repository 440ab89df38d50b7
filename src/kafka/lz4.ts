/**
 * LZ4 frames: a header, then blocks that are compressed or stored, each with its length before it, and a length of 0 at
 * the end. Copying what a block stands for is the package's work. The frame is walked here first, and each block's lengths
 * are added up, so that the result gets the room it needs: the 4 MiB that a block may hold would be hundreds of times too
 * much for a small batch. Checksums are not looked at: the record batch has one over all of it.
 *
 *   magic u32 | flags u8 | block size u8 | content size u64? | dictionary u32? | header checksum u8
 *   length u32 | block | checksum u32? | ... | 0 u32 | content checksum u32?
 *
 * Little-endian; what has a question mark is there when its flag is set. A block is sequences of a token, whose halves are
 * two lengths (15: more bytes follow), literals, and the distance u16 of a match; the last sequence ends with its literals.
 */
import { decompressBlock } from 'lz4js'

const MAGIC = 0x184d2204
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const STORED = 0x8000_0000
const MATCH_BYTES_MIN = 4
const DISTANCE_BYTES = 2
/** Half a token that goes on in the bytes behind it. */
const LONG = 15

interface Block {
  readonly start: number
  readonly length: number
  readonly isStored: boolean
}

export function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  const blocks = readFrame(bytes)
  const sizes = blocks.map((block) => (block.isStored ? block.length : contentBytes(bytes, block)))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > bytesMax)
    throw new Error(`${total} bytes when decompressed, the limit is ${bytesMax}`)
  const target = Buffer.alloc(total)
  let at = 0
  for (const { start, length, isStored } of blocks) {
    if (isStored) at += bytes.copy(target, at, start, start + length)
    else at = decompressBlock(bytes, target, start, length, at)
  }
  return target
}

function readFrame(bytes: Buffer): Block[] {
  if (uint32(bytes, 0) !== MAGIC) throw new Error('bytes that are no LZ4 frame')
  const flags = bytes.readUInt8(4)
  const blocks: Block[] = []
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0)
  for (let prefix = uint32(bytes, at); prefix !== 0; prefix = uint32(bytes, at)) {
    const isStored = prefix >= STORED
    const length = isStored ? prefix - STORED : prefix
    const start = at + 4
    blocks.push({ start, length, isStored })
    at = start + length + (flags & BLOCK_CHECKSUM ? 4 : 0)
  }
  return blocks
}

/** What a compressed block stands for, by its lengths alone. */
function contentBytes(bytes: Buffer, { start, length }: Block): number {
  const end = start + length
  let total = 0
  let at = start
  while (at < end) {
    const token = bytes[at++]!
    let literals = token >>> 4
    if (literals === LONG) {
      const more = longLength(bytes, at)
      literals += more
      at += lengthBytes(more)
    }
    at += literals
    total += literals
    if (at >= end) break
    at += DISTANCE_BYTES
    let match = token & 15
    if (match === LONG) {
      const more = longLength(bytes, at)
      match += more
      at += lengthBytes(more)
    }
    total += match + MATCH_BYTES_MIN
  }
  if (at !== end) throw new Error('a block whose lengths do not add up')
  return total
}

/** What follows half a token that is full: each byte of 255 goes on. */
function longLength(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] === 255) at++
  return (at - start) * 255 + (bytes[at] ?? 0)
}

function lengthBytes(more: number): number {
  return Math.floor(more / 255) + 1
}

function uint32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new Error('a frame that ends too early')
  return bytes.readUInt32LE(at)
}
