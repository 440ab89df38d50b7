/** Entities as text: one text per entity, one entity per text. */
import { describe, expect, test } from 'vitest'
import { compileEntity } from '../../src/core/entity.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

const STRING: FieldType = { kind: 'string' }
const INT64: FieldType = { kind: 'int64' }
const MONEY: FieldType = { kind: 'decimal', precision: 18, scale: 2 }

test.each<[string, FieldType[], Value[]]>([
  ['u1', [STRING], ['u1']],
  ['', [STRING], ['']],
  ['|', [STRING, STRING], ['', '']],
  ['a%7Cb|c%3Ad%25', [STRING, STRING], ['a|b', 'c:d%']],
  ['%257C', [STRING], ['%7C']],
  ['42|u', [INT64, STRING], [42, 'u']],
  ['9007199254740993', [INT64], [9_007_199_254_740_993n]],
  ['-9223372036854775808', [INT64], [-(2n ** 63n)]],
  ['-0.05', [MONEY], [-5]],
  ['true|2024-02-29', [{ kind: 'boolean' }, { kind: 'date' }], [true, 19_782]],
  ['2024-01-02T03%3A04%3A05.006Z', [{ kind: 'timestamp' }], [Date.UTC(2024, 0, 2, 3, 4, 5, 6)]],
  ['🦆 zürich', [STRING], ['🦆 zürich']],
])('%j is an entity of its fields, both ways', (text, types, values) => {
  const codec = compileEntity(types)
  expect(codec.encode(values)).toBe(text)
  expect(codec.decode(text)).toEqual(values)
})

describe('round trips', () => {
  const integers = fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value))
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('%', '|', ':', '2', '5', '7', 'C', 'A', '3', 'c') }),
  )
  const field = fc.oneof(
    texts.map((value): [FieldType, Value] => [STRING, value]),
    integers.map((value): [FieldType, Value] => [INT64, value]),
    fc.boolean().map((value): [FieldType, Value] => [{ kind: 'boolean' }, value]),
    fc
      .integer({ min: -(10 ** 15), max: 10 ** 15 })
      .map((value): [FieldType, Value] => [MONEY, value]),
  )

  test('every entity reads back from its text', () => {
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 4 }), (fields) => {
        const codec = compileEntity(fields.map(([type]) => type))
        const values = fields.map(([, value]) => value)
        const text = codec.encode(values)
        expect(codec.decode(text)).toEqual(values)
        expect(text).not.toContain(':')
        expect(Buffer.from(text, 'utf8').toString('utf8')).toBe(text)
      }),
      { numRuns: 1000 },
    )
  })

  test('two entities never share a text', () => {
    fc.assert(
      fc.property(texts, texts, texts, texts, (a, b, c, d) => {
        const codec = compileEntity([STRING, STRING])
        expect(codec.encode([a, b]) === codec.encode([c, d])).toBe(a === c && b === d)
      }),
    )
  })
})

test('half of a surrogate pair is U+FFFD, as UTF-8 has it', () => {
  const codec = compileEntity([STRING])
  for (const broken of ['a\ud800b', '\udc00', '\ud83e\ud83e\udd86']) {
    expect(codec.encode([broken])).toBe(Buffer.from(broken, 'utf8').toString('utf8'))
  }
})

test('T28 42 and "42" are the same entity text only where the field is declared so', () => {
  expect(compileEntity([INT64]).decode('42')).toEqual([42])
  expect(compileEntity([STRING]).decode('42')).toEqual(['42'])
})

test('a null, a double and a text of other fields are bugs', () => {
  expect(() => compileEntity([STRING]).encode([null])).toThrow('invariant broken')
  expect(() => compileEntity([{ kind: 'double' }])).toThrow('invariant broken')
  expect(() => compileEntity([STRING, STRING]).decode('a|b|c')).toThrow('invariant broken')
  expect(() => compileEntity([INT64]).decode('x')).toThrow('invariant broken')
})
