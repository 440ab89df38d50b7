/**
 * Snappy as Kafka has it, in two forms: librdkafka and most others write one raw block; the Java client writes the framing
 * of xerial's snappy-java: eight magic bytes, two version numbers, then blocks with their length before them.
 */
import { uncompress } from 'snappyjs'

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
/** Magic, version, lowest compatible version. */
const XERIAL_HEADER_BYTES = 16

export function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  if (!isXerial(bytes)) return uncompressBlock(bytes, bytesMax)
  const blocks: Buffer[] = []
  let total = 0
  let at = XERIAL_HEADER_BYTES
  while (at < bytes.length) {
    const length = at + 4 <= bytes.length ? bytes.readInt32BE(at) : -1
    const end = at + 4 + length
    if (length < 0 || end > bytes.length) throw new Error('a block that ends beyond the bytes')
    const block = uncompressBlock(bytes.subarray(at + 4, end), bytesMax - total)
    blocks.push(block)
    total += block.length
    at = end
  }
  return Buffer.concat(blocks, total)
}

function isXerial(bytes: Buffer): boolean {
  return (
    bytes.length >= XERIAL_HEADER_BYTES &&
    bytes.compare(XERIAL_MAGIC, 0, XERIAL_MAGIC.length, 0, XERIAL_MAGIC.length) === 0
  )
}

function uncompressBlock(bytes: Buffer, bytesMax: number): Buffer {
  const block = uncompress(bytes, bytesMax)
  return Buffer.from(block.buffer, block.byteOffset, block.byteLength)
}
