/** Which partition each kind of client takes for a key. The numbers were printed by Kafka's Java client, 4.3.1, and java.util.zip. */
import { describe, expect, test } from 'vitest'
import { fnv1a, murmur2, PARTITIONERS } from '../../src/core/partitioner.ts'

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const HIGH_BYTES = Uint8Array.of(0xff, 0xfe, 0x80, 0x81, 0xff, 0x90, 0xa0)

const GOLDEN: readonly (readonly [key: string | Uint8Array, murmur2: number, of12: number])[] = [
  ['', 275646681, 9],
  ['a', -1563381124, 4],
  ['ab', 316155434, 2],
  ['abc', 479470107, 3],
  ['abcd', -1323649548, 8],
  ['21', -973932308, 0],
  ['foobar', -790332482, 6],
  ['a-little-bit-long-string', -985981536, 8],
  ['u00', 1139433809, 5],
  ['u42', -293379993, 11],
  ['user_id=0123456789', 778796272, 4],
  ['été', -2101193575, 1],
  ['日本語', 1431860170, 10],
  [ALL_BYTES, -1948347274, 10],
  [HIGH_BYTES, -309369008, 0],
]

const CRC32: readonly (readonly [key: string | Uint8Array, crc32: number])[] = [
  ['', 0],
  ['a', 3904355907],
  ['foobar', 2666930069],
  ['日本語', 2819314405],
  [ALL_BYTES, 688229491],
]

function bytesOf(key: string | Uint8Array): Uint8Array {
  return typeof key === 'string' ? Buffer.from(key) : key
}

const [java, librdkafka, sarama] = PARTITIONERS

describe('partitioners', () => {
  test.each(GOLDEN)('Java hashes %j as murmur2 has it', (key, hash, of12) => {
    expect(murmur2(bytesOf(key))).toBe(hash)
    expect(java?.partitionOf(bytesOf(key), 12)).toBe(of12)
  })

  test.each(CRC32)('librdkafka takes the remainder of the unsigned crc32 of %j', (key, hash) => {
    expect(librdkafka?.partitionOf(bytesOf(key), 7)).toBe(hash % 7)
  })

  test.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])(
    'FNV-1a of %j is as its authors print it; Sarama takes the amount of the remainder',
    (key, hash) => {
      expect(fnv1a(bytesOf(key)) >>> 0).toBe(hash)
      expect(sarama?.partitionOf(bytesOf(key), 12)).toBe(Math.abs((hash | 0) % 12))
    },
  )
})
