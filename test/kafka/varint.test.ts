import { expect, test } from 'vitest'
import { readVarint, readVarlong } from '../../src/kafka/varint.ts'
import { varint } from './encode-batch.ts'
import { fc } from '../support/properties.ts'

test.each([0n, -1n, 1n, 63n, -64n, 64n, -65n, 8191n, 8192n, 2n ** 31n - 1n, -(2n ** 31n)])(
  'the 32-bit integer %s is read and the cursor stands behind it',
  (value) => {
    const cursor = { bytes: Buffer.concat([varint(value), Buffer.of(0xff)]), at: 0 }
    expect(readVarint(cursor)).toBe(Number(value))
    expect(cursor.at).toBe(varint(value).length)
  },
)

test('64-bit integers are exact within 2^53 and the nearest double beyond', () => {
  const edges = [
    2n ** 27n,
    2n ** 28n,
    2n ** 55n,
    2n ** 56n,
    2n ** 53n,
    2n ** 63n,
    1_722_800_000_123n,
  ]
  const nearEdges = edges.flatMap((edge) => [edge - 1n, edge, -edge, 1n - edge, -edge - 1n])
  const values = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
    fc.constantFrom(...nearEdges.filter((value) => BigInt.asIntN(64, value) === value)),
  )
  fc.assert(
    fc.property(values, (value) => {
      const cursor = { bytes: Buffer.concat([varint(value), Buffer.of(0xff)]), at: 0 }
      const read = readVarlong(cursor)
      expect(cursor.at).toBe(varint(value).length)
      if (Number.isSafeInteger(Number(value))) expect(BigInt(read)).toBe(value)
      else expect(Math.abs(read / Number(value) - 1)).toBeLessThan(2 ** -50)
    }),
    { numRuns: 2_000 },
  )
})
