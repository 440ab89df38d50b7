import { expect, test } from 'vitest'
import { crc32c } from '../../src/core/crc32c.ts'

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 ascending bytes', Buffer.from(Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e],
  ['32 descending bytes', Buffer.from(Array.from({ length: 32 }, (_, at) => 31 - at)), 0x113fdb5c],
  ['123456789', Buffer.from('123456789'), 0xe3069283],
  ['nothing', Buffer.alloc(0), 0],
])('CRC-32C of %s is the published value', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected)
})

test('a checksum may be taken piece by piece, whatever the alignment of the pieces', () => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 91) & 0xff))
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes))
  }
})

test('a long range has the checksum of its bytes, wherever in memory it lies', () => {
  const memory = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * at * 31) & 0xff))
  for (let start = 0; start < 20; start++) {
    for (const end of [4_990, 4_991, 4_992, 4_993, 5_000]) {
      const byOne = memory
        .subarray(start, end)
        .reduce((crc, byte) => crc32c(Buffer.of(byte), 0, 1, crc), 0)
      expect(crc32c(memory.subarray(start), 0, end - start)).toBe(byOne)
      expect(crc32c(memory, start, end)).toBe(byOne)
    }
  }
})
