import { expect, test } from 'vitest'
import type { ColumnSpec } from '../../src/core/columns.ts'
import { compareText } from '../../src/core/text.ts'
import { isSorted, statsJson, statsRows, summarizeRows } from '../../src/table/stats.ts'
import { rowsOf } from '../support/table-fixture.ts'
import { fc } from '../support/properties.ts'

function statsOf(type: ColumnSpec['type'], values: Parameters<typeof rowsOf>[1][number]): string {
  const columns = [{ name: 'c', type }]
  return statsJson(
    columns,
    summarizeRows(
      rowsOf(
        columns,
        values.map((value) => [value]),
      ),
    ),
  )
}

test('T28 integers and decimals are written digit for digit', () => {
  const wide = statsOf({ kind: 'int64' }, [
    9_007_199_254_740_993n,
    null,
    -9_223_372_036_854_775_808n,
  ])
  expect(wide).toContain('"minValues":{"c":-9223372036854775808}')
  expect(wide).toContain('"maxValues":{"c":9007199254740993}')
  expect(wide).toContain('"nullCount":{"c":1}')
  const money = statsOf({ kind: 'decimal', precision: 38, scale: 2 }, [-5, 10n ** 37n + 7n])
  expect(money).toContain(`"minValues":{"c":-0.05}`)
  expect(money).toContain(`"maxValues":{"c":1${'0'.repeat(35)}.07}`)
})

test('instants are ISO 8601 and dates are civil', () => {
  expect(statsOf({ kind: 'timestamp' }, [0, 1])).toContain(
    '"minValues":{"c":"1970-01-01T00:00:00.000Z"},"maxValues":{"c":"1970-01-01T00:00:00.001Z"}',
  )
  expect(statsOf({ kind: 'date' }, [-1, 11_327])).toContain(
    '"minValues":{"c":"1969-12-31"},"maxValues":{"c":"2001-01-05"}',
  )
})

test('a column of nulls, booleans and bytes have no bounds, only a count of nulls', () => {
  const none = '"minValues":{},"maxValues":{}'
  expect(statsOf({ kind: 'double' }, [null, null])).toContain(`${none},"nullCount":{"c":2}`)
  expect(statsOf({ kind: 'boolean' }, [true, null])).toContain(`${none},"nullCount":{"c":1}`)
  expect(statsOf({ kind: 'binary' }, [null, new Uint8Array([1])])).toContain(
    `${none},"nullCount":{"c":1}`,
  )
  expect(statsRows(statsOf({ kind: 'double' }, [null, null]))).toBe(2)
})

test('bounds of strings hold for every value, however long or odd (seed printed on failure)', () => {
  const unit = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      '\u{d7ff}',
      '\u{e000}',
      '\u{ffff}',
      '\u{10ffff}',
      '😀',
      '\ud83d',
      '\udfff',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  const value = fc.array(unit, { maxLength: 48, size: 'max' }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 12 }), (values) => {
      const { minValues, maxValues } = JSON.parse(statsOf({ kind: 'string' }, values)) as {
        minValues: { c: string }
        maxValues: { c: string }
      }
      // As the file has them: UTF-8, which has no half of a surrogate pair.
      for (const bytes of values.map((text) => Buffer.from(text, 'utf8'))) {
        expect(Buffer.compare(Buffer.from(minValues.c), bytes)).toBeLessThanOrEqual(0)
        // A cut bound ends with the last code point: nothing that continues its prefix with anything else is above it.
        const isAbove = Buffer.compare(bytes, Buffer.from(maxValues.c)) > 0
        expect(isAbove && !bytes.includes(Buffer.from('\u{10ffff}'))).toBe(false)
      }
    }),
    { numRuns: 200 },
  )
})

test('rows are sorted when their keys ascend by UTF-8 bytes, later keys deciding ties', () => {
  const columns = [
    { name: 'k', type: { kind: 'string' } },
    { name: 'n', type: { kind: 'int64' } },
  ] as const
  const sorted = rowsOf(columns, [
    ['a', 2],
    ['a', 10],
    ['\u{ffff}', 0],
    ['😀', 0],
  ])
  expect(isSorted(sorted, sorted.columns)).toBe(true)
  const unsorted = rowsOf(columns, [
    ['a', 10],
    ['a', 2],
  ])
  expect(isSorted(unsorted, unsorted.columns)).toBe(false)
  expect(isSorted(unsorted, unsorted.columns.slice(0, 1))).toBe(true)
  expect(compareText('\u{ffff}', '😀')).toBeLessThan(0)
})
