/** The oracle's arithmetic and its readers, by examples worked out by hand. */
import { describe, expect, test } from 'vitest'
import type { AggregateKind } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { aggregate, type Observation } from '../support/aggregate-oracle.ts'
import { instantOf } from '../support/civil-oracle.ts'
import { evaluate } from '../support/expression-oracle.ts'
import { NumberText, parsePlainJson, type Json } from '../support/plain-json.ts'
import { readTime, readValue } from '../support/value-oracle.ts'
import { fc, test as property } from '../support/properties.ts'

const INT64: FieldType = { kind: 'int64' }
const DOUBLE: FieldType = { kind: 'double' }
const MONEY: FieldType = { kind: 'decimal', precision: 18, scale: 2 }
const STRING: FieldType = { kind: 'string' }

/** Values of days, each an array in log order, one second apart. */
function of(kind: AggregateKind, type: FieldType, ...days: readonly (readonly Value[])[]): Value {
  let offset = 0
  const observed = days.map((day) =>
    day.map((value): Observation => ({ value, eventTime: offset * 1000, offset: offset++ })),
  )
  return aggregate({ aggregate: kind, field: 'x' }, type, observed)
}

describe('aggregates', () => {
  test('of nothing: count and sum are 0, the rest null', () => {
    const kinds = [
      'count',
      'sum',
      'min',
      'max',
      'avg',
      'variance',
      'stddev',
      'first',
      'last',
    ] as const
    const empty = kinds.map((kind) => of(kind, DOUBLE, [null], []))
    expect(empty).toEqual([0, 0, null, null, null, null, null, null, null])
  })

  test('integers and decimals are exact beyond 2^53', () => {
    expect(of('sum', INT64, [2 ** 53 - 1, 2], [1])).toBe(9007199254740994n)
    expect(of('sum', MONEY, [10, 20])).toBe(30)
    expect(of('avg', MONEY, [10, 20])).toBe(0.15)
    expect(of('variance', INT64, [9007199254740993n, 9007199254740995n])).toBe(1)
    expect(of('stddev', MONEY, [100, 300])).toBe(1)
  })

  test('doubles are added in log order within a day and in day order across days', () => {
    expect(of('sum', DOUBLE, [0.1, 0.2, 0.3])).toBe(0.6000000000000001)
    expect(of('sum', DOUBLE, [0.1], [0.2, 0.3])).toBe(0.6)
    expect(of('variance', DOUBLE, [1, 3])).toBe(1)
    expect(of('variance', DOUBLE, [1], [], [3])).toBe(1)
  })

  test('what is not finite is null', () => {
    expect(of('sum', DOUBLE, [1e308, 1e308])).toBeNull()
    expect(of('avg', DOUBLE, [1e308], [1e308])).toBeNull()
    expect(of('variance', DOUBLE, [1e308, -1e308])).toBeNull()
  })

  test('first and last break ties of the event time by the offset', () => {
    const tied = [
      { value: 'b', eventTime: 5, offset: 1 },
      { value: 'a', eventTime: 5, offset: 0 },
      { value: null, eventTime: 9, offset: 2 },
    ]
    expect(aggregate({ aggregate: 'first', field: 'x' }, STRING, [tied])).toBe('a')
    expect(aggregate({ aggregate: 'last', field: 'x' }, STRING, [tied])).toBe('b')
  })

  test('text is ordered by its UTF-8 bytes: U+FF5A before an emoji', () => {
    expect(of('max', STRING, ['\uff5a', '🚀'])).toBe('🚀')
    expect(of('min', STRING, ['\uff5a', '🚀'])).toBe('\uff5a')
  })
})

describe('values', () => {
  const number = (text: string): Json => new NumberText(text)

  test.each([
    { type: INT64, json: number('9223372036854775807'), value: 9223372036854775807n },
    { type: INT64, json: number('9223372036854775808'), value: undefined },
    { type: INT64, json: number('1.5'), value: undefined },
    { type: INT64, json: true, value: undefined },
    { type: { kind: 'int32' }, json: number('2147483648'), value: undefined },
    { type: MONEY, json: number('12.34'), value: 1234 },
    { type: MONEY, json: '12.30', value: 1230 },
    { type: MONEY, json: number('1.005'), value: undefined },
    { type: MONEY, json: number('99999999999999999.99'), value: undefined },
    { type: DOUBLE, json: number('-0'), value: 0 },
    { type: DOUBLE, json: number('1e999'), value: undefined },
    { type: STRING, json: number('1'), value: undefined },
    { type: STRING, json: null, value: null },
  ] as const)('$json.text $json as $type.kind is $value', ({ type, json, value }) => {
    expect(readValue(json, type)).toBe(value)
  })

  test.each([
    { json: number('1709546400000'), format: { kind: 'ms' } },
    { json: number('1709546400'), format: { kind: 's' } },
    { json: number('1709546400000999'), format: { kind: 'us' } },
    { json: '2024-03-04T10:00:00Z', format: { kind: 'iso' } },
    { json: '2024-03-04T11:00:00.000+01:00', format: { kind: 'iso' } },
    {
      json: '04.03.2024 11:00',
      format: { kind: 'pattern', pattern: 'dd.MM.yyyy HH:mm', zone: 'Europe/Berlin' },
    },
  ] as const)('$json as $format.kind is 2024-03-04T10:00Z', ({ json, format }) => {
    expect(readTime(json, format)).toBe(Date.UTC(2024, 2, 4, 10))
  })

  test.each(['2024-02-30T00:00:00Z', '2024-03-04T10:00:00', '2024-03-04'])(
    '%s is no instant',
    (text) => {
      expect(readTime(text, { kind: 'iso' })).toBeUndefined()
    },
  )

  test('a local time that is shown twice is the first one; one that is never shown is put forward', () => {
    expect(instantOf('Europe/Berlin', Date.UTC(2024, 9, 27, 2, 30))).toBe(
      Date.UTC(2024, 9, 27, 0, 30),
    )
    expect(instantOf('Europe/Berlin', Date.UTC(2024, 2, 31, 2, 30))).toBe(
      Date.UTC(2024, 2, 31, 1, 30),
    )
  })

  property.prop([fc.json()])('reads JSON as the runtime does', (text) => {
    expect(plain(parsePlainJson(text))).toEqual(plain(JSON.parse(text)))
  })

  test.each(['', '{', '[1,]', '{"a" 1}', '01', '1.', "'a'", 'nul', '"\n"', '{} {}', 'NaN'])(
    '%j is no JSON',
    (text) => {
      expect(parsePlainJson(text)).toBeUndefined()
    },
  )
})

/** Both readings in one shape: numbers as doubles, objects as sorted entries. */
function plain(json: unknown): unknown {
  if (json instanceof NumberText) return Number(json.text)
  if (Array.isArray(json)) return json.map(plain)
  if (typeof json !== 'object' || json === null) return json
  const entries = json instanceof Map ? [...(json as Map<string, unknown>)] : Object.entries(json)
  return entries.map(([name, value]) => [name, plain(value)]).sort()
}

test('expressions: null makes null, division by zero is null, logic has three values', () => {
  const name = (text: string) => ({ kind: 'name', name: text, at: 1 }) as const
  const binary = (op: '/' | 'and' | 'or', left: string, right: string) =>
    ({ kind: 'binary', op, left: name(left), right: name(right), at: 1 }) as const
  const values = new Map<string, number | boolean | null>([
    ['six', 6],
    ['zero', 0],
    ['none', null],
    ['yes', true],
    ['no', false],
  ])
  const run = (op: '/' | 'and' | 'or', left: string, right: string) =>
    evaluate(binary(op, left, right), (text) => values.get(text) ?? null)
  expect(run('/', 'six', 'zero')).toBeNull()
  expect(run('/', 'zero', 'six')).toBe(0)
  expect(run('and', 'none', 'no')).toBe(false)
  expect(run('and', 'none', 'yes')).toBeNull()
  expect(run('or', 'none', 'yes')).toBe(true)
})
