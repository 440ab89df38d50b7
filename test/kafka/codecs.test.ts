import { compress as compressZstd } from '@bokuweb/zstd-wasm'
import { compress as compressLz4 } from 'lz4js'
import { gzipSync } from 'node:zlib'
import { compress as compressSnappy } from 'snappyjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { Codec, decompress, loadCodecs } from '../../src/kafka/codecs.ts'
import { bigEndian } from './encode-batch.ts'
import { fc } from '../support/properties.ts'

beforeAll(loadCodecs)

const COMPRESSORS = {
  gzip: (bytes: Buffer) => gzipSync(bytes),
  snappy: (bytes: Buffer) => Buffer.from(compressSnappy(bytes)),
  lz4: (bytes: Buffer) => Buffer.from(compressLz4(bytes)),
  zstd: (bytes: Buffer) => Buffer.from(compressZstd(bytes)),
}
const CODECS = [
  ['gzip', Codec.GZIP],
  ['snappy', Codec.SNAPPY],
  ['lz4', Codec.LZ4],
  ['zstd', Codec.ZSTD],
] as const

/** Frames without a size, of blocks that are one byte repeated: a few bytes that claim much. */
function zstdRuns(blocks: number, size: number): Buffer {
  const header = (isLast: boolean): Buffer => {
    const bits = (size << 3) | (1 << 1) | (isLast ? 1 : 0)
    return Buffer.from([bits & 0xff, (bits >> 8) & 0xff, bits >> 16, 0x61])
  }
  const frames = Array.from({ length: blocks }, (_, at) => header(at === blocks - 1))
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]), ...frames])
}

describe.each(CODECS)('%s', (name, codec) => {
  test('what was compressed comes back, empty and large', () => {
    for (const length of [0, 1, 100, 65_536, 3_000_000]) {
      const plain = Buffer.from(Array.from({ length }, (_, at) => (at * at) >> 9))
      expect(decompress(codec, COMPRESSORS[name](plain)).equals(plain)).toBe(true)
    }
  })

  test('a result above the limit is refused before it takes memory', () => {
    const compressed = COMPRESSORS[name](Buffer.alloc(2_000_000))
    expect(() => decompress(codec, compressed, 1_000_000)).toThrow()
    expect(decompress(codec, compressed, 10_000_000)).toHaveLength(2_000_000)
  })

  test('damaged bytes are refused or give other bytes, but never hang or take more than the limit', () => {
    const whole = COMPRESSORS[name](Buffer.from('some text, some text, some more text '.repeat(50)))
    const damage = fc.record({
      at: fc.nat(whole.length - 1),
      byte: fc.nat(255),
      end: fc.nat(whole.length),
    })
    fc.assert(
      fc.property(damage, ({ at, byte, end }) => {
        const bytes = Buffer.from(whole.subarray(0, end))
        if (at < end) bytes.writeUInt8(byte, at)
        expect(lengthOrError(codec, bytes)).toBeLessThanOrEqual(100_000)
      }),
      { numRuns: 500 },
    )
  })
})

function lengthOrError(codec: number, bytes: Buffer): number {
  try {
    return decompress(codec, bytes, 100_000).length
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    return 0
  }
}

test('a zstd frame that does not tell its size is decompressed at any size', () => {
  for (const megabytes of [1, 3, 40]) {
    const content = decompress(Codec.ZSTD, zstdRuns(megabytes * 8, 128 * 1024))
    expect(content).toHaveLength(megabytes * 1024 * 1024)
    expect(content.every((byte) => byte === 0x61)).toBe(true)
  }
})

test('a zstd frame whose blocks add up to more than the limit is refused by adding them up', () => {
  const started = performance.now()
  expect(() => decompress(Codec.ZSTD, zstdRuns(5_000, 128 * 1024))).toThrow(/655360000 bytes/)
  expect(performance.now() - started).toBeLessThan(1_000)
})

test('the size that a zstd frame tells is what the limit is compared with', () => {
  // The size has one byte, two from 256 on, four from 65,792 on.
  for (const size of [0, 1, 255, 256, 300, 65_791, 65_792, 1_000_000]) {
    const compressed = Buffer.from(compressZstd(Buffer.alloc(size, 1)))
    expect(decompress(Codec.ZSTD, compressed, size)).toHaveLength(size)
    const refusal = `up to ${size} bytes when decompressed, the limit is ${size - 1}`
    expect(() => decompress(Codec.ZSTD, compressed, size - 1)).toThrow(refusal)
  }
})

describe('lz4 frames', () => {
  const magic = Buffer.from([0x04, 0x22, 0x4d, 0x18])
  const VERSION = 0x40
  const KIB_64 = 0x40
  const text = Buffer.from('stored as it is')
  const little = (value: number): Buffer => bigEndian(4, value).reverse()
  const stored = [little(0x8000_0000 + text.length), text]
  const end = little(0)

  test('with every optional field and stored blocks are read', () => {
    const fields = [Buffer.alloc(8, 9), Buffer.alloc(4, 9), Buffer.of(0)]
    const head = [magic, Buffer.of(VERSION | 0x1d, KIB_64), ...fields]
    const checksum = Buffer.alloc(4, 9)
    const frame = Buffer.concat([...head, ...stored, checksum, ...stored, checksum, end, checksum])
    expect(decompress(Codec.LZ4, frame).toString()).toBe('stored as it isstored as it is')
  })

  test('of several compressed blocks are read', () => {
    const frame = Buffer.from(compressLz4(Buffer.alloc(9_000_000, 'ab')))
    expect(decompress(Codec.LZ4, frame).equals(Buffer.alloc(9_000_000, 'ab'))).toBe(true)
  })

  test('a small block takes little memory, whatever its frame says that blocks may hold', () => {
    const frame = Buffer.from(compressLz4(Buffer.alloc(1_000, 'ab')))
    expect(frame.readUInt8(5)).toBe(0x70) // 4 MiB
    expect(decompress(Codec.LZ4, frame).buffer.byteLength).toBeLessThan(10_000)
  })

  test('a match of many bytes is added up against the limit', () => {
    // One literal, then a match of 19 + 392 * 255 + 21 bytes.
    const lengths = [...Array.from({ length: 392 }, () => 0xff), 21]
    const block = Buffer.from([0x1f, 0x61, 0x01, 0x00, ...lengths])
    const frame = Buffer.concat([
      magic,
      Buffer.of(VERSION, KIB_64, 0),
      little(block.length),
      block,
      end,
    ])
    expect(decompress(Codec.LZ4, frame).equals(Buffer.alloc(100_001, 'a'))).toBe(true)
    expect(() => decompress(Codec.LZ4, frame, 100_000)).toThrow(/100001 bytes when decompressed/)
  })

  test('whose block ends inside a sequence are refused', () => {
    const block = Buffer.from([0x50, 0x61])
    const frame = Buffer.concat([
      magic,
      Buffer.of(VERSION, KIB_64, 0),
      little(block.length),
      block,
      end,
    ])
    expect(() => decompress(Codec.LZ4, frame)).toThrow(/a block whose lengths do not add up/)
  })
})

test('a snappy block that claims gigabytes is refused', () => {
  const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0x00, 0x61])
  expect(() => decompress(Codec.SNAPPY, claim)).toThrow(/too big/)
})

test('blocks of snappy framing are added up against the limit', () => {
  const block = Buffer.from(compressSnappy(Buffer.alloc(600)))
  const magic = Buffer.from('\x82SNAPPY\0', 'latin1')
  const framed = (length: number): Buffer =>
    Buffer.concat([
      magic,
      bigEndian(8, 1),
      ...Array.from({ length }, () => [bigEndian(4, block.length), block]).flat(),
    ])
  expect(decompress(Codec.SNAPPY, framed(1), 1_000)).toHaveLength(600)
  expect(() => decompress(Codec.SNAPPY, framed(2), 1_000)).toThrow(/too big/)
})

test('snappy framing whose last block is cut short is refused', () => {
  const block = Buffer.from(compressSnappy(Buffer.alloc(600)))
  const magic = Buffer.from('\x82SNAPPY\0', 'latin1')
  const framed = Buffer.concat([magic, bigEndian(8, 1), bigEndian(4, block.length), block])
  for (const cut of [1, block.length, block.length + 1]) {
    const bytes = framed.subarray(0, framed.length - cut)
    expect(() => decompress(Codec.SNAPPY, bytes)).toThrow(/a block that ends beyond the bytes/)
  }
})

test('codecs are loaded once, however often they are asked for', async () => {
  expect(loadCodecs()).toBe(loadCodecs())
  await loadCodecs()
})
