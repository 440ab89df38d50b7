/**
 * LZ4 frames: a header, then blocks that are compressed or stored, each with its length before it, and a length of 0 at
 * the end. The blocks are the package's work; the frame is walked here first, to learn how much room the result may
 * need. Its checksums are not looked at: the record batch has one over all of it.
 *
 *   magic u32 | flags u8 | block size u8 | content size u64? | dictionary u32? | header checksum u8
 *   length u32 | block | checksum u32? | ... | 0 u32 | content checksum u32?
 *
 * Little-endian; what has a question mark is there when its flag is set.
 */
import { decompressBlock } from 'lz4js'

const MAGIC = 0x184d2204
const BLOCK_CHECKSUM = 0x10
const CONTENT_SIZE = 0x08
const DICTIONARY = 0x01
const STORED = 0x8000_0000
/** A byte of LZ4 yields at most 255. */
const EXPANSION_MAX = 255

interface Block {
  readonly start: number
  readonly length: number
  readonly isStored: boolean
}

export function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  const { blocks, room } = readFrame(bytes)
  if (room > bytesMax)
    throw new Error(`up to ${room} bytes when decompressed, the limit is ${bytesMax}`)
  const target = Buffer.alloc(room)
  let at = 0
  for (const { start, length, isStored } of blocks) {
    if (isStored) bytes.copy(target, at, start, start + length)
    at = isStored ? at + length : decompressBlock(bytes, target, start, length, at)
    if (at > room) throw new Error('a block that is longer than its frame says')
  }
  return target.subarray(0, at)
}

function readFrame(bytes: Buffer): { readonly blocks: Block[]; readonly room: number } {
  if (uint32(bytes, 0) !== MAGIC) throw new Error('bytes that are no LZ4 frame')
  const flags = bytes.readUInt8(4)
  const blockBytesMax = blockSize(bytes.readUInt8(5))
  const blocks: Block[] = []
  let room = 0
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0)
  for (let prefix = uint32(bytes, at); prefix !== 0; prefix = uint32(bytes, at)) {
    const isStored = prefix >= STORED
    const length = isStored ? prefix - STORED : prefix
    const start = at + 4
    at = start + length + (flags & BLOCK_CHECKSUM ? 4 : 0)
    blocks.push({ start, length, isStored })
    room += isStored ? length : Math.min(blockBytesMax, length * EXPANSION_MAX)
  }
  return { blocks, room }
}

/** 4 to 7 mean 64 KiB to 4 MiB. */
function blockSize(descriptor: number): number {
  const exponent = (descriptor >>> 4) & 7
  if (exponent < 4) throw new Error(`block size ${exponent} where LZ4 has 4 to 7`)
  return 2 ** (8 + 2 * exponent)
}

function uint32(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new Error('a frame that ends too early')
  return bytes.readUInt32LE(at)
}
