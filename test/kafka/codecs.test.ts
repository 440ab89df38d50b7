import { fc } from '@fast-check/vitest'
import { compress as compressZstd } from '@bokuweb/zstd-wasm'
import { compress as compressLz4 } from 'lz4js'
import { gzipSync } from 'node:zlib'
import { compress as compressSnappy } from 'snappyjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { Codec, decompress, loadCodecs } from '../../src/kafka/codecs.ts'
import { bigEndian } from './encode-batch.ts'

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

test('codecs are loaded once, however often they are asked for', async () => {
  expect(loadCodecs()).toBe(loadCodecs())
  await loadCodecs()
})
