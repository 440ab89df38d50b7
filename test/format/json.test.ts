import { describe, expect, test } from 'vitest'
import { Decoded } from '../../src/core/event.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { createJsonDecoder } from '../../src/format/json.ts'
import type { Shape, TestRecord } from './pipeline.ts'
import { batchOf, decodeOne, pipelineOf, readJsonField, TIME } from './pipeline.ts'

const MONEY: FieldType = { kind: 'decimal', precision: 18, scale: 2 }
const WRONG = undefined

function decoderOf(shape: Partial<Shape>): ReturnType<typeof createJsonDecoder> {
  return createJsonDecoder(pipelineOf({ fields: {}, ...shape }))
}

describe('T28 numbers are exact or refused, never rounded', () => {
  const cases: readonly (readonly [FieldType, string, Value | undefined])[] = [
    [{ kind: 'int64' }, '42', 42],
    [{ kind: 'int64' }, '-0', 0],
    [{ kind: 'int64' }, '0', 0],
    [{ kind: 'int64' }, '9007199254740991', 9007199254740991],
    [{ kind: 'int64' }, '9007199254740993', 9007199254740993n],
    [{ kind: 'int64' }, '9223372036854775807', 9223372036854775807n],
    [{ kind: 'int64' }, '-9223372036854775808', -9223372036854775808n],
    [{ kind: 'int64' }, '9223372036854775808', WRONG],
    [{ kind: 'int64' }, '1e3', 1000],
    [{ kind: 'int64' }, '1.5e1', 15],
    [{ kind: 'int64' }, '12.0', 12],
    [{ kind: 'int64' }, '12.5', WRONG],
    [{ kind: 'int64' }, '1.00000000000000001', WRONG],
    [{ kind: 'int64' }, '4503599627370496.3', WRONG],
    [{ kind: 'int64' }, '10000000000000001e-16', WRONG],
    [{ kind: 'int64' }, '1e-400', WRONG],
    [{ kind: 'int64' }, '0e-400', 0],
    [{ kind: 'int64' }, '1e400', WRONG],
    [{ kind: 'int64' }, '1e18', 1000000000000000000n],
    [{ kind: 'int64' }, '"9007199254740993"', 9007199254740993n],
    [{ kind: 'int64' }, '"-7"', -7],
    [{ kind: 'int64' }, '"7.0"', WRONG],
    [{ kind: 'int64' }, '" 7"', WRONG],
    [{ kind: 'int64' }, 'true', WRONG],
    [{ kind: 'int32' }, '2147483647', 2147483647],
    [{ kind: 'int32' }, '-0', 0],
    [{ kind: 'int32' }, '2147483648', WRONG],
    [{ kind: 'int32' }, '1.0000000000000000001', WRONG],
    [MONEY, '12.34', 1234],
    [MONEY, '12.340', 1234],
    [MONEY, '1.005', WRONG],
    [MONEY, '12.345', WRONG],
    [MONEY, '0.1', 10],
    [MONEY, '0.07', 7],
    [MONEY, '1.15', 115],
    [MONEY, '-0.0', 0],
    [MONEY, '1234e-2', 1234],
    [MONEY, '12.340000000000000001', WRONG],
    [MONEY, '12.34000000000000000000', 1234],
    [MONEY, '12345678901234.56', 1234567890123456],
    [MONEY, '90071992547409.93', 9007199254740993n],
    [MONEY, '9999999999999999.99', 999999999999999999n],
    [MONEY, '10000000000000000.00', WRONG],
    [MONEY, '"9999999999999999.99"', 999999999999999999n],
    [MONEY, '"1e2"', WRONG],
    [{ kind: 'decimal', precision: 4, scale: 2 }, '99.99', 9999],
    [{ kind: 'decimal', precision: 4, scale: 2 }, '100', WRONG],
    [{ kind: 'decimal', precision: 4, scale: 2 }, '"100.00"', WRONG],
    [{ kind: 'double' }, '0.1', 0.1],
    [{ kind: 'double' }, '1e999', WRONG],
    [{ kind: 'double' }, '"0.1"', WRONG],
  ]
  test.each(cases)('%j reads %s as %s', (type, json, expected) => {
    expect(readJsonField(decoderOf({ fields: { f: type } }), json)).toStrictEqual(expected)
  })

  test('a double is never -0', () => {
    const value = readJsonField(decoderOf({ fields: { f: { kind: 'double' } } }), '-0')
    expect(Object.is(value, 0)).toBe(true)
  })

  test('one field with lost digits does not change how the others are read', () => {
    const decoder = decoderOf({
      fields: { a: { kind: 'double' }, b: { kind: 'int64' }, c: { kind: 'string' }, d: MONEY },
    })
    const value = `{"ts":${TIME},"a":0.30000000000000004,"b":9007199254740993,"c":"x","d":1.10,"b":9007199254740995}`
    const { columns } = decodeOne(decoder, { value })
    expect(columns.map(([only]) => only)).toEqual([
      0.30000000000000004,
      9007199254740995n,
      'x',
      110,
    ])
  })
})

test.each<readonly [FieldType, string, Value | undefined]>([
  [{ kind: 'string' }, '"a"', 'a'],
  [{ kind: 'string' }, '"\\u00e4\\ud83d\\ude00"', 'ä😀'],
  [{ kind: 'string' }, '"\\ud800"', WRONG],
  [{ kind: 'string' }, '42', WRONG],
  [{ kind: 'string' }, 'null', null],
  [{ kind: 'string' }, '{}', WRONG],
  [{ kind: 'boolean' }, 'true', true],
  [{ kind: 'boolean' }, 'false', false],
  [{ kind: 'boolean' }, '1', WRONG],
  [{ kind: 'boolean' }, '"true"', WRONG],
  [{ kind: 'timestamp' }, '1700000000123', 1700000000123],
  [{ kind: 'timestamp' }, '0', 0],
  [{ kind: 'timestamp' }, '1.5', WRONG],
  [{ kind: 'timestamp' }, '"2023-11-14T22:13:20.123Z"', 1700000000123],
  [{ kind: 'timestamp' }, '"2023-11-14T23:13:20+01:00"', 1700000000000],
  [{ kind: 'timestamp' }, '"2023-11-14T22:13:20"', WRONG],
  [{ kind: 'date' }, '"1970-01-02"', 1],
  [{ kind: 'date' }, '"2023-02-29"', WRONG],
  [{ kind: 'date' }, '1', WRONG],
])('%j reads %s as %s', (type, json, expected) => {
  expect(readJsonField(decoderOf({ fields: { f: type } }), json)).toStrictEqual(expected)
})

test.each([
  ['{"a":{"b":{"c":7}}}', 7],
  ['{"a":{"b":{}}}', null],
  ['{"a":{"b":null}}', null],
  ['{}', null],
  ['{"a":{"b":"text"}}', WRONG],
  ['{"a":[{"b":{"c":7}}]}', WRONG],
])('the path a.b.c of %s is %s', (json, expected) => {
  const decoder = decoderOf({ fields: { 'a.b.c': { kind: 'int64' } } })
  const value = `${json.slice(0, -1)}${json === '{}' ? '' : ','}"ts":${TIME}}`
  expect(decodeOne(decoder, { value }).columns[0]![0]).toStrictEqual(expected)
})

test('what every object inherits is no field', () => {
  const decoder = decoderOf({
    fields: {
      constructor: { kind: 'string' } as FieldType,
      toString: { kind: 'string' } as FieldType,
    },
  })
  expect(decodeOne(decoder, { value: `{"ts":${TIME}}` }).columns.map(([only]) => only)).toEqual([
    null,
    null,
  ])
  const found = decodeOne(decoder, { value: `{"ts":${TIME},"constructor":"c"}` })
  expect(found.columns[0]![0]).toBe('c')
})

test.each<readonly [string, TestRecord['value'], string]>([
  ['no JSON', '{"ts":', 'not JSON: '],
  ['an array', '[1]', 'expected a JSON object, found an array'],
  ['a number', '1', 'expected a JSON object, found a number'],
  ['null', 'null', 'expected a JSON object, found null'],
  ['two values', '{} {}', 'not JSON: '],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'not valid UTF-8'],
])('%s is undecodable, with a message', (_, value, message) => {
  const batch = decodeOne(decoderOf({}), { value })
  expect(batch.outcomes[0]).toBe(Decoded.UNDECODABLE)
  expect(batch.problems.get(0)).toContain(message)
})

test('U+FFFD that is written in a value is text like any other', () => {
  expect(readJsonField(decoderOf({ fields: { f: { kind: 'string' } } }), '"\ufffd"')).toBe('\ufffd')
})

test('a null value is a tombstone, an empty one is no JSON', () => {
  const batch = decoderOf({}).decode(
    batchOf([{ value: null }, { value: '' }, { value: `{"ts":${TIME}}` }]),
  )
  expect([...batch.outcomes]).toEqual([Decoded.TOMBSTONE, Decoded.UNDECODABLE, Decoded.EVENT])
  expect([...batch.problems.keys()]).toEqual([1])
})

test.each([
  ['{}', 'nothing'],
  ['{"ts":"soon"}', 'soon'],
  ['{"ts":1700000000}', 'seconds'],
  ['{"ts":{}}', 'another type'],
  ['{"ts":1700000000000.00000001}', '1700000000000.00000001'],
])('an event whose time is %s has a bad timestamp, and the message tells it', (value, told) => {
  const batch = decodeOne(decoderOf({}), { value })
  expect(batch.outcomes[0]).toBe(Decoded.BAD_TIMESTAMP)
  expect(batch.problems.get(0)).toContain(told)
})

test('bad records among good ones change nothing about these', () => {
  const records = Array.from({ length: 100 }, (_, at) => ({
    value: at % 3 === 0 ? 'broken' : `{"ts":${TIME + at},"f":${at}}`,
  }))
  const batch = decoderOf({ fields: { f: { kind: 'int64' } } }).decode(batchOf(records))
  for (let at = 0; at < 100; at++) {
    expect(batch.outcomes[at]).toBe(at % 3 === 0 ? Decoded.UNDECODABLE : Decoded.EVENT)
    if (at % 3 !== 0) expect([batch.eventTimes[at], batch.columns[0]![at]]).toEqual([TIME + at, at])
  }
})

test.each([
  ['"a"', 'a'],
  ['42', '42'],
  ['0', '0'],
  ['-0', '0'],
  ['1e3', '1000'],
  ['9007199254740993', '9007199254740993'],
  ['"9007199254740993"', '9007199254740993'],
  ['""', undefined],
  ['null', undefined],
])('T20 the event id %s is the text %s', (json, expected) => {
  const batch = decodeOne(decoderOf({ id: 'id' }), { value: `{"ts":${TIME},"id":${json}}` })
  expect(batch.outcomes[0]).toBe(Decoded.EVENT)
  expect(batch.ids).toEqual([expected])
})

test.each(['true', '1.5', '{}', '["a"]', '"\\udc00"', '1.00000000000000001'])(
  'T20 a record whose event id is %s is undecodable: it could be any duplicate',
  (json) => {
    const batch = decodeOne(decoderOf({ id: 'id' }), { value: `{"ts":${TIME},"id":${json}}` })
    expect(batch.outcomes[0]).toBe(Decoded.UNDECODABLE)
    expect(batch.problems.get(0)).toContain("the event's id")
  },
)

test('an event without an id, in a pipeline that has one, is an event', () => {
  const batch = decodeOne(decoderOf({ id: 'id' }), { value: `{"ts":${TIME}}` })
  expect([batch.outcomes[0], batch.ids]).toEqual([Decoded.EVENT, [undefined]])
})

describe('$key, $timestamp and $header.name', () => {
  const fields = {
    $key: { kind: 'int64' },
    $timestamp: { kind: 'timestamp' },
    '$header.h': MONEY,
  } as const
  const value = `{"ts":${TIME}}`
  test.each<readonly [TestRecord, (Value | undefined)[]]>([
    [{ value }, [null, null, null]],
    [{ value, key: '9007199254740993', timestamp: 5 }, [9007199254740993n, 5, null]],
    [{ value, key: 'abc' }, [WRONG, null, null]],
    [{ value, key: Buffer.from([0xff]) }, [WRONG, null, null]],
    [
      {
        value,
        headers: [
          { key: 'h', value: Buffer.from('1.00') },
          { key: 'h', value: Buffer.from('2.50') },
          { key: 'i', value: null },
        ],
      },
      [null, null, 250],
    ],
  ])('%j', (record, expected) => {
    const batch = decodeOne(decoderOf({ fields }), record)
    expect(batch.columns.map(([only]) => only)).toStrictEqual(expected)
  })

  test('the event time and the id may come from there', () => {
    const decoder = decoderOf({ time: '$timestamp', id: '$key' })
    const batch = decodeOne(decoder, { value: '{}', key: 'k', timestamp: TIME })
    expect([batch.outcomes[0], batch.eventTimes[0], batch.ids]).toEqual([
      Decoded.EVENT,
      TIME,
      ['k'],
    ])
  })
})

describe("T3 a line's own timestamp", () => {
  const decoder = decoderOf({
    fields: { $timestamp: { kind: 'timestamp' } },
    ownTimestamp: 'meta.sent',
  })
  test('is read from its path into the batch, where the firewall finds it', () => {
    const batch = decodeOne(decoder, { value: `{"ts":${TIME},"meta":{"sent":${TIME + 5}}}` })
    expect([batch.records.timestamps[0], batch.columns[0]![0]]).toEqual([TIME + 5, TIME + 5])
  })
  test.each(['{}', '{"sent":null}', '{"sent":1700000000}'])(
    'that is missing or wrong (%s) makes a bad timestamp, since the firewall could not judge the record',
    (meta) => {
      const batch = decodeOne(decoder, { value: `{"ts":${TIME},"meta":${meta}}` })
      expect(batch.outcomes[0]).toBe(Decoded.BAD_TIMESTAMP)
      expect(batch.problems.get(0)).toContain("the record's own timestamp (meta.sent)")
    },
  )
  test('yields to the timestamp that the log gives', () => {
    const batch = decodeOne(decoder, { value: `{"ts":${TIME}}`, timestamp: TIME + 9 })
    expect([batch.outcomes[0], batch.records.timestamps[0]]).toEqual([Decoded.EVENT, TIME + 9])
  })
})

test('a batch of ASCII and one with other text are read alike', () => {
  const records = [{ value: `{"ts":${TIME},"f":"ab"}` }]
  const decoder = decoderOf({ fields: { f: { kind: 'string' } } })
  expect(decoder.decode(batchOf(records)).columns).toEqual(
    decoder.decode(batchOf(records, 'é')).columns,
  )
  const mixed = decoder.decode(batchOf([...records, { value: `{"ts":${TIME},"f":"né"}` }]))
  expect(mixed.columns[0]).toEqual(['ab', 'né'])
})

test("the prefix of a registry's serializer before the text is passed over", () => {
  const text = `{"ts":${TIME},"f":"né","n":12345678901234567890}`
  for (const id of [1, 200, 0x7fff_ffff]) {
    const prefix = Buffer.alloc(5)
    prefix.writeInt32BE(id, 1)
    const decoder = decoderOf({ fields: { f: { kind: 'string' }, n: { kind: 'double' } } })
    const records = [{ value: Buffer.concat([prefix, Buffer.from(text)]) }, { value: text }]
    const batch = decoder.decode(batchOf(records))
    expect([...batch.outcomes]).toEqual([Decoded.EVENT, Decoded.EVENT])
    expect(batch.columns[0]).toEqual(['né', 'né'])
    expect(batch.columns[1]).toEqual([12345678901234567890, 12345678901234567890])
  }
})

test.each([[[0]], [[0, 0, 0, 0, 1]], [[0, 0, 0, 0, 1, 0x7b]]])('%j is no JSON', (bytes) => {
  const batch = decodeOne(decoderOf({ fields: {} }), { value: Buffer.from(bytes) })
  expect(batch.outcomes[0]).toBe(Decoded.UNDECODABLE)
  expect(batch.problems.get(0)).toContain('not JSON')
})
