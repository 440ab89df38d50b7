/** Hash slots: pinned vectors, since state and tables are laid out by them. */
import { expect, test } from 'vitest'
import { hashText, slotOf } from '../../src/core/slot.ts'
import { fc } from '../support/properties.ts'

test.each([
  // Published vectors of MurmurHash3 x86_32 with seed 0.
  ['', 0],
  ['test', 0xba6bd213],
  ['Hello, world!', 0xc0363e43],
  ['hello', 0x248bfa47],
  ['hello, world', 0x149bbb7f],
  ['19 Jan 2038 at 3:14:07 AM', 0xe31e8a70],
  ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
])('the hash of %j is pinned', (text, hash) => {
  expect(hashText(text)).toBe(hash)
})

test.each([
  ['user_1', 5],
  ['zürich', 9],
  ['日本語', 7],
  ['🦆', 3],
  ['42|x%7Cy', 14],
])('the slot of %j of 16 is pinned: %d', (entity, slot) => {
  expect(slotOf(entity, 16)).toBe(slot)
})

/** The function as it was published, over the bytes that Node makes of the text. */
function reference(text: string): number {
  const bytes = Buffer.from(text, 'utf8')
  const rotate = (x: number, r: number): number => (x << r) | (x >>> (32 - r))
  let hash = 0
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    hash ^= Math.imul(rotate(Math.imul(bytes.readInt32LE(i), 0xcc9e2d51), 15), 0x1b873593)
    hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let k = bytes.length - 1; k >= i; k--) tail = (tail << 8) | bytes.readUInt8(k)
  hash ^= Math.imul(rotate(Math.imul(tail, 0xcc9e2d51), 15), 0x1b873593)
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

test('the hash is that of the UTF-8 bytes, for every text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary-ascii' }),
      (any, ascii) => {
        for (const text of [any, ascii, ascii + any, any + ascii, '\ud800' + any]) {
          expect(hashText(text)).toBe(reference(text))
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('entities spread evenly over slots', () => {
  const counts = new Array<number>(12).fill(0)
  for (let i = 0; i < 120_000; i++) counts[slotOf(`user_${i}`, 12)]! += 1
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
})
