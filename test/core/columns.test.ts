/** Row buffers: every value as it went in, at any size, or refused by name. */
import { describe, expect, test } from 'vitest'
import { createRowBuffer } from '../../src/core/columns.ts'
import type { GrowingVector } from '../../src/core/columns.ts'
import type { ColumnType, Value } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

function column(type: ColumnType): GrowingVector {
  const [only] = createRowBuffer([{ name: 'c', type }]).columns
  if (only === undefined) throw new Error('no column')
  return only
}
function decimal(precision: number, scale = 2): ColumnType {
  return { kind: 'decimal', precision, scale }
}
function narrow(value: bigint): Value {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

describe('what goes in comes out', () => {
  const integers = (bound: bigint) => fc.bigInt({ min: -bound, max: bound - 1n }).map(narrow)
  const ranges = (bound: bigint) =>
    fc.oneof(
      integers(bound),
      integers(2n ** 33n),
      fc.constantFrom(
        narrow(-bound),
        narrow(bound - 1n),
        0,
        -1,
        2 ** 32,
        -(2 ** 32),
        -(2 ** 53) + 1,
      ),
    )
  const cases: [string, ColumnType, fc.Arbitrary<Value | Uint8Array>][] = [
    ['int32', { kind: 'int32' }, fc.integer()],
    ['date', { kind: 'date' }, fc.integer()],
    ['int64', { kind: 'int64' }, ranges(2n ** 63n)],
    ['timestamp', { kind: 'timestamp' }, fc.integer({ min: -8.64e15, max: 8.64e15 })],
    [
      'decimal of 18 digits',
      decimal(18),
      ranges(10n ** 18n).filter((value) => value !== -(10n ** 18n)),
    ],
    ['decimal of 38 digits', decimal(38), ranges(10n ** 38n - 1n)],
    [
      'double',
      { kind: 'double' },
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    ],
    ['boolean', { kind: 'boolean' }, fc.boolean()],
    ['string', { kind: 'string' }, fc.string()],
    ['binary', { kind: 'binary' }, fc.uint8Array()],
  ]

  test.each(cases)(
    '%s, with nulls, also after the memory grew and was used again',
    (_, type, value) => {
      const rows = createRowBuffer([{ name: 'c', type }])
      const vector = rows.columns[0]
      fc.assert(
        fc.property(fc.array(fc.option(value), { minLength: 1, maxLength: 40 }), (values) => {
          rows.reset()
          expect(rows.rows).toBe(0)
          expect(vector?.at(0)).toBeNull()
          const many = Array.from({ length: 80 }, () => values).flat()
          for (const each of many) vector?.append(each)
          expect(rows.rows).toBe(many.length)
          expect(vector?.nullCount).toBe(many.filter((each) => each === null).length)
          // One comparison of two lists: an expectation per value would take most of the time.
          expect(many.map((_each, row) => vector?.at(row))).toEqual(many)
        }),
        { numRuns: 40 },
      )
    },
  )
})

describe('T28 what a column cannot hold is refused, never rounded', () => {
  test.each<[ColumnType, Value, string]>([
    [{ kind: 'int32' }, 2 ** 31, 'column c: 2147483648 does not fit int32'],
    [{ kind: 'int32' }, -(2 ** 31) - 1, 'does not fit int32'],
    [{ kind: 'int32' }, 1.5, 'column c: 1.5 does not fit int32'],
    [{ kind: 'int64' }, 2n ** 63n, 'column c: 9223372036854775808 does not fit int64'],
    [{ kind: 'int64' }, -(2n ** 63n) - 1n, 'does not fit int64'],
    [{ kind: 'int64' }, 2 ** 53, 'does not fit int64'],
    [{ kind: 'int64' }, 0.5, 'does not fit int64'],
    [decimal(4), 10_000, 'column c: 100.00 does not fit decimal(4,2)'],
    [decimal(4), -10_000, 'column c: -100.00 does not fit decimal(4,2)'],
    [decimal(18), 10n ** 18n, 'does not fit decimal(18,2)'],
    [decimal(38), 10n ** 38n, 'does not fit decimal(38,2)'],
    [decimal(38), -(10n ** 38n), 'does not fit decimal(38,2)'],
    [{ kind: 'double' }, Number.NaN, 'column c: NaN does not fit double'],
    [{ kind: 'double' }, -Infinity, 'column c: -Infinity does not fit double'],
  ])('%o: %o', (type, value, message) => {
    const vector = column(type)
    expect(() => vector.append(value)).toThrow(message)
    expect(() => vector.append(value)).toThrow('[VALUE_OUT_OF_RANGE]')
    expect(vector.length).toBe(0)
  })

  test.each<[ColumnType, Value]>([
    [decimal(4), 9999],
    [decimal(4), -9999],
    [decimal(38), 10n ** 38n - 1n],
    [{ kind: 'int32' }, -(2 ** 31)],
    [{ kind: 'int64' }, -(2n ** 63n)],
  ])('%o holds its last value %o', (type, value) => {
    const vector = column(type)
    vector.append(value)
    expect(vector.at(0)).toBe(value)
  })

  test('minus zero is zero', () => {
    for (const type of [{ kind: 'double' }, { kind: 'int64' }, decimal(38)] as const) {
      const vector = column(type)
      vector.append(-0)
      expect(vector.at(0)).toBe(0)
    }
  })

  test('a value of another type is a bug', () => {
    expect(() => column({ kind: 'string' }).append(1)).toThrow('invariant broken')
    expect(() => column({ kind: 'int64' }).append('1')).toThrow('invariant broken')
    expect(() => column({ kind: 'binary' }).append('1')).toThrow('invariant broken')
  })
})

describe('the memory as a file writer copies it', () => {
  test('64-bit words hold what BigInts would', () => {
    const vector = column({ kind: 'int64' })
    for (const value of [5, -5, 2 ** 40, -(2 ** 40) - 7]) vector.append(value)
    expect(vector.data.kind).toBe('int64')
    expect([...vector.data.values.slice(0, 4)]).toEqual([5n, -5n, 2n ** 40n, -(2n ** 40n) - 7n])
  })

  test('decimals of more than 18 digits are two words, low half first', () => {
    const vector = column(decimal(38))
    for (const value of [7, -7, 2n ** 70n + 3n, -(2n ** 70n)]) vector.append(value)
    expect(vector.data.kind).toBe('int128')
    const words = [...(vector.data.values as BigInt64Array).slice(0, 8)]
    expect(words).toEqual([7n, 0n, -7n, -1n, 3n, 64n, 0n, -64n])
  })

  test('nulls are marked, and their cells hold nothing of what was there', () => {
    const rows = createRowBuffer([
      { name: 'a', type: { kind: 'string' } },
      { name: 'b', type: { kind: 'double' } },
    ])
    const [a, b] = rows.columns
    for (const value of ['x', 'y']) {
      a?.append(value)
      b?.append(1)
    }
    rows.reset()
    a?.append(null)
    expect(rows.rows).toBe(0)
    b?.append(null)
    expect(rows.rows).toBe(1)
    expect([...(a?.nulls.slice(0, 1) ?? [])]).toEqual([1])
    expect(a?.data.values[0]).toBe('')
    expect(b?.data.values[0]).toBe(0)
  })
})
