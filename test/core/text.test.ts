/** Values as text: one text per value, exact at any size. */
import { describe, expect, test } from 'vitest'
import { decimalToDouble } from '../../src/core/decimal.ts'
import { compareText, formatValue, parseValue } from '../../src/core/text.ts'
import type { PresentValue } from '../../src/core/text.ts'
import type { ColumnType } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

function decimal(precision: number, scale: number): ColumnType {
  return { kind: 'decimal', precision, scale }
}

test.each<[ColumnType, PresentValue, string]>([
  [{ kind: 'string' }, ' a|b ', ' a|b '],
  [{ kind: 'int32' }, -7, '-7'],
  [{ kind: 'int64' }, 9_007_199_254_740_993n, '9007199254740993'],
  [{ kind: 'int64' }, -(2n ** 63n), '-9223372036854775808'],
  [{ kind: 'double' }, 0.1 + 0.2, '0.30000000000000004'],
  [{ kind: 'double' }, 1e21, '1e+21'],
  [{ kind: 'double' }, 5e-324, '5e-324'],
  [{ kind: 'boolean' }, false, 'false'],
  [decimal(18, 2), 1230, '12.30'],
  [decimal(18, 2), -5, '-0.05'],
  [decimal(18, 0), 7, '7'],
  [decimal(38, 2), 10n ** 37n, '1' + '0'.repeat(35) + '.00'],
  [{ kind: 'timestamp' }, 0, '1970-01-01T00:00:00.000Z'],
  [{ kind: 'timestamp' }, -1, '1969-12-31T23:59:59.999Z'],
  [{ kind: 'date' }, -1, '1969-12-31'],
])('%o %o is %j, both ways', (type, value, text) => {
  expect(formatValue(value, type)).toBe(text)
  expect(parseValue(text, type)).toBe(value)
})

test('T28 minus zero has no text of its own', () => {
  expect(formatValue(-0, { kind: 'double' })).toBe('0')
  for (const type of [{ kind: 'double' }, { kind: 'int64' }, decimal(9, 2)] as const)
    expect(parseValue('-0', type)).toBe(0)
})

test.each<[ColumnType, string]>([
  [{ kind: 'int32' }, '2147483648'],
  [{ kind: 'int64' }, '9223372036854775808'],
  [{ kind: 'int64' }, '1.0'],
  [{ kind: 'int64' }, ''],
  [{ kind: 'int64' }, '0x10'],
  [{ kind: 'double' }, 'NaN'],
  [{ kind: 'double' }, 'Infinity'],
  [{ kind: 'double' }, '1e999'],
  [{ kind: 'double' }, ''],
  [{ kind: 'boolean' }, 'TRUE'],
  [decimal(4, 2), '1.005'],
  [decimal(4, 2), '100.00'],
  [decimal(4, 2), '1e2'],
  [{ kind: 'timestamp' }, '2024-01-01T00:00:00'],
  [{ kind: 'date' }, '2023-02-29'],
  [{ kind: 'binary' }, ''],
])('%o has no value %j', (type, text) => {
  expect(parseValue(text, type)).toBeUndefined()
})

test('a person may leave out or add zeros of a decimal', () => {
  expect(parseValue('12.3', decimal(18, 2))).toBe(1230)
  expect(parseValue('12.3000', decimal(18, 2))).toBe(1230)
  expect(parseValue('12', decimal(18, 2))).toBe(1200)
})

describe('round trips', () => {
  test('every double reads back as the same double', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(parseValue(formatValue(value, { kind: 'double' }), { kind: 'double' })).toBe(
          value + 0,
        )
      }),
    )
  })

  test('every decimal reads back, and is the double nearest to its text', () => {
    const unscaled = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })
    const small = fc.bigInt({ min: -(2n ** 53n) + 1n, max: 2n ** 53n - 1n })
    fc.assert(
      fc.property(fc.oneof(unscaled, small), fc.nat({ max: 38 }), (exact, scale) => {
        const value = Number.isSafeInteger(Number(exact)) ? Number(exact) : exact
        const text = formatValue(value, decimal(38, scale))
        expect(parseValue(text, decimal(38, scale))).toBe(value)
        expect(decimalToDouble(value, scale)).toBe(Number(text))
      }),
      { numRuns: 500 },
    )
  })
})

test('texts are ordered as their UTF-8 bytes', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', '\ue000', '🦆', '\uffff', '\ud7ff', 'é') }),
  )
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { numRuns: 1000 },
  )
})
