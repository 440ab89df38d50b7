/**
 * Zstandard. Kafka's producers write frames without their content's size, and the package then reserves 1 MiB and gives up
 * above it; so the frame's blocks are walked first, which bounds the result to within a block's size each.
 *
 *   magic u32 | descriptor u8 | window u8? | dictionary u8/16/32? | content size u8/16/32/64?
 *   block header u24: last 1 bit, type 2 bits, size 21 bits | block | ... | content checksum u32?
 */
import { decompress, init } from '@bokuweb/zstd-wasm'

const MAGIC = 0xfd2fb528
const DICTIONARY_BYTES = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]
const SINGLE_SEGMENT = 0x20
const BLOCK_HEADER_BYTES = 3
const BlockType = { RUN: 1, COMPRESSED: 2 } as const
/** What a compressed block holds at most, whatever the window. */
const BLOCK_BYTES_MAX = 128 * 1024

let loading: Promise<void> | undefined

export function loadZstd(): Promise<void> {
  loading ??= init()
  return loading
}

export function decompressZstd(bytes: Buffer, bytesMax: number): Buffer {
  const room = contentBytesMax(bytes)
  if (room > bytesMax)
    throw new Error(`up to ${room} bytes when decompressed, the limit is ${bytesMax}`)
  const content = decompressInto(room, bytes)
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}

function decompressInto(room: number, bytes: Buffer): Uint8Array {
  try {
    return decompress(bytes, { defaultHeapSize: room })
  } catch (cause) {
    throw new Error('a zstd frame that cannot be decompressed', { cause })
  }
}

/** What the frame says that it holds, or a bound from its blocks where it does not say. */
function contentBytesMax(bytes: Buffer): number {
  if (readUint(bytes, 0, 4) !== MAGIC) throw new Error('bytes that are no zstd frame')
  const descriptor = readUint(bytes, 4, 1)
  const isSingle = (descriptor & SINGLE_SEGMENT) !== 0
  const sizeAt = 5 + (isSingle ? 0 : 1) + DICTIONARY_BYTES[descriptor & 3]!
  const sizeBytes = CONTENT_SIZE_BYTES[descriptor >>> 6]! || (isSingle ? 1 : 0)
  if (sizeBytes === 0) return blockBytes(bytes, sizeAt)
  // A size of two bytes counts from 256: smaller ones have one byte.
  return readUint(bytes, sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
}

function blockBytes(bytes: Buffer, start: number): number {
  let total = 0
  for (let at = start, isLast = false; !isLast;) {
    const header = readUint(bytes, at, BLOCK_HEADER_BYTES)
    const size = header >>> 3
    const type = (header >>> 1) & 3
    isLast = (header & 1) !== 0
    total += type === BlockType.COMPRESSED ? BLOCK_BYTES_MAX : size
    at += BLOCK_HEADER_BYTES + (type === BlockType.RUN ? 1 : size)
  }
  return total
}

/** Little-endian, of up to 8 bytes. */
function readUint(bytes: Buffer, at: number, length: number): number {
  if (at + length > bytes.length) throw new Error('a zstd frame that ends too early')
  if (length <= 4) return bytes.readUIntLE(at, length)
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
}
