import avro from 'avsc'
import { describe, expect, test } from 'vitest'
import { Decoded } from '../../src/core/event.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { createAvroDecoder } from '../../src/format/avro.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import type { Shape } from './pipeline.ts'
import { batchOf, decodeOne, pipelineOf, TIME } from './pipeline.ts'
import { fc } from '../support/properties.ts'

type Field = Readonly<Record<string, unknown>> & { readonly name: string }

const TS: Field = { name: 'ts', type: 'long' }

function event(...fields: Field[]): unknown {
  return { type: 'record', name: 'Event', fields: [TS, ...fields] }
}

/** Plain avsc, without any of our types: what another producer writes. */
function encode(schema: unknown, value: object): Buffer {
  return avro.Type.forSchema(schema as never).toBuffer({ ts: TIME, ...value })
}

/** A long by hand, since avsc writes none beyond 2^53. */
function long(value: bigint): Buffer {
  let zigzag = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  do {
    const more = zigzag > 127n ? 0x80 : 0
    bytes.push(Number(zigzag & 127n) | more)
    zigzag >>= 7n
  } while (zigzag > 0n)
  return Buffer.from(bytes)
}

function decode(
  schema: unknown,
  fields: Shape['fields'],
  value: Uint8Array,
  more: Partial<Shape> & { readonly writerSchema?: unknown } = {},
): ReturnType<typeof decodeOne> {
  const { writerSchema, ...shape } = more
  const pipeline = pipelineOf({ fields, format: { kind: 'avro', schema }, ...shape })
  return decodeOne(createAvroDecoder(pipeline, { writerSchema }), { value })
}

function values(...parameters: Parameters<typeof decode>): (Value | undefined)[] {
  const batch = decode(...parameters)
  if (batch.problems.size > 0) throw new Error([...batch.problems.values()].join())
  return batch.columns.map(([only]) => only)
}

const INT64: FieldType = { kind: 'int64' }
const MONEY: FieldType = { kind: 'decimal', precision: 18, scale: 2 }

test("Avro's own types become values of fields", () => {
  const schema = event(
    { name: 's', type: 'string' },
    { name: 'i', type: 'int' },
    { name: 'd', type: 'double' },
    { name: 'f', type: 'float' },
    { name: 'b', type: 'boolean' },
    { name: 'e', type: { type: 'enum', name: 'Kind', symbols: ['view', 'click'] } },
    { name: 'u', type: { type: 'string', logicalType: 'uuid' } },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'n', type: ['null', 'string'] },
    {
      name: 'o',
      type: { type: 'record', name: 'Order', fields: [{ name: 'id', type: ['null', 'long'] }] },
    },
  )
  const uuid = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
  const bytes = encode(schema, {
    s: 'né',
    i: -5,
    d: -0,
    f: 0.5,
    b: true,
    e: 'click',
    u: uuid,
    day: 19_000,
    n: null,
    o: { id: 7 },
  })
  const fields: Shape['fields'] = {
    s: { kind: 'string' },
    i: { kind: 'int32' },
    d: { kind: 'double' },
    f: { kind: 'double' },
    b: { kind: 'boolean' },
    e: { kind: 'string' },
    u: { kind: 'string' },
    day: { kind: 'date' },
    n: { kind: 'string' },
    'o.id': INT64,
  }
  expect(values(schema, fields, bytes)).toEqual([
    'né',
    -5,
    0,
    0.5,
    true,
    'click',
    uuid,
    19_000,
    null,
    7,
  ])
})

test.each([
  [{ kind: 'double' }, 'double', NaN],
  [{ kind: 'double' }, 'float', Infinity],
  [{ kind: 'int32' }, 'long', 2 ** 31],
] as const)(
  'a %j that holds what it cannot (%s %s) has the wrong type',
  (type, avroType, value) => {
    const schema = event({ name: 'f', type: avroType })
    expect(values(schema, { f: type }, encode(schema, { f: value }))).toEqual([undefined])
  },
)

describe('T28 longs and decimals are exact', () => {
  const longSchema = event({ name: 'f', type: ['null', 'long'] })
  const prefix = encode(event(), {})

  test('any 64-bit integer comes back, as a number where it is safe and a bigint beyond', () => {
    const decoder = createAvroDecoder(
      pipelineOf({ fields: { f: INT64 }, format: { kind: 'avro', schema: longSchema } }),
    )
    const edge = fc.constantFrom(
      ...[51n, 52n, 53n, 54n, 62n].flatMap((bits) => [2n ** bits, -(2n ** bits)]),
    )
    const near = fc.tuple(edge, fc.bigInt({ min: -3n, max: 3n })).map(([at, by]) => at + by)
    const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    fc.assert(
      fc.property(fc.oneof(near, any), (integer) => {
        const value = Buffer.concat([prefix, long(1n), long(integer)])
        const found = decodeOne(decoder, { value }).columns[0]![0]
        expect(BigInt(found as number | bigint)).toBe(integer)
        expect(typeof found).toBe(Number.isSafeInteger(Number(integer)) ? 'number' : 'bigint')
      }),
      { numRuns: 2000 },
    )
  })

  test('a long of more than 64 bits is undecodable', () => {
    const value = Buffer.concat([prefix, long(1n), Buffer.alloc(12, 0xff), Buffer.from([1])])
    const batch = decode(longSchema, { f: INT64 }, value)
    expect(batch.outcomes[0]).toBe(Decoded.UNDECODABLE)
    expect(batch.problems.get(0)).toContain('more than 64 bits')
  })

  test.each([
    ['bytes', { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 2 }],
    [
      'fixed',
      { type: 'fixed', name: 'Money', size: 9, logicalType: 'decimal', precision: 18, scale: 2 },
    ],
  ])('a decimal in %s is its unscaled integer', (kind, type) => {
    const schema = event({ name: 'f', type: ['null', type] })
    const plain = event({ name: 'f', type: ['null', { ...type, logicalType: undefined }] })
    const size = (unscaled: bigint): number =>
      kind === 'fixed' ? 9 : Math.floor(unscaled.toString(2).length / 8) + 1
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }), (unscaled) => {
        const hex = BigInt.asUintN(size(unscaled) * 8, unscaled).toString(16)
        const f = Buffer.from(hex.padStart(size(unscaled) * 2, '0'), 'hex')
        const [value] = values(schema, { f: MONEY }, encode(plain, { f }))
        expect(BigInt(value as number | bigint)).toBe(unscaled)
      }),
      { numRuns: 300 },
    )
  })

  test('a decimal beyond its precision has the wrong type', () => {
    const type = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }
    const schema = event({ name: 'f', type })
    const bytes = encode(event({ name: 'f', type: 'bytes' }), { f: Buffer.from([0x27, 0x10]) })
    expect(values(schema, { f: { kind: 'decimal', precision: 4, scale: 2 } }, bytes)).toEqual([
      undefined,
    ])
  })

  test('a field whose scale is not that of its schema is refused', () => {
    const type = { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 3 }
    expect(() => decode(event({ name: 'f', type }), { f: MONEY }, Buffer.alloc(0))).toThrow(
      /f: declared with scale 2, .* scale 3.*DEFINITION_INVALID/,
    )
  })
})

describe('timestamps are ms, whatever their unit', () => {
  test.each([
    ['timestamp-millis', 1_700_000_000_123, 1_700_000_000_123],
    ['timestamp-micros', 1_700_000_000_123_999, 1_700_000_000_123],
    ['timestamp-micros', -1, -1],
  ])('%s %i', (logicalType, written, expected) => {
    const schema = event({ name: 'f', type: { type: 'long', logicalType } })
    expect(values(schema, { f: { kind: 'timestamp' } }, encode(schema, { f: written }))).toEqual([
      expected,
    ])
  })

  test.each(['ms', 's', 'us'] as const)('as event time too, where the pipeline says %s', (kind) => {
    const type = { type: 'long', logicalType: 'timestamp-micros' }
    const schema = { type: 'record', name: 'Event', fields: [{ name: 'ts', type }] }
    const bytes = encode(schema, { ts: TIME * 1000 + 7 })
    expect(decode(schema, {}, bytes, { timeFormat: { kind } }).eventTimes[0]).toBe(TIME)
  })

  test('a bare long is read in the unit that the pipeline says', () => {
    const bytes = encode(event(), { ts: TIME / 1000 })
    expect(decode(event(), {}, bytes, { timeFormat: { kind: 's' } }).eventTimes[0]).toBe(TIME)
    expect(decode(event(), {}, bytes).outcomes[0]).toBe(Decoded.BAD_TIMESTAMP)
  })
})

describe('a writer with another schema', () => {
  const old = event(
    { name: 'user', type: 'string' },
    { name: 'n', type: 'int' },
    { name: 'gone', type: 'string' },
  )
  const bytes = encode(old, { user: 'u', n: 5, gone: 'x' })
  const cases: readonly (readonly [string, Field, FieldType, Value])[] = [
    ['added with a default', { name: 'f', type: 'long', default: 3 }, INT64, 3],
    ['added, null by default', { name: 'f', type: ['null', 'long'], default: null }, INT64, null],
    ['promoted from int to long', { name: 'n', type: 'long' }, INT64, 5],
    ['promoted from int to double', { name: 'n', type: 'double' }, { kind: 'double' }, 5],
    ['that became optional', { name: 'n', type: ['null', 'long'] }, INT64, 5],
    ['renamed by alias', { name: 'f', aliases: ['user'], type: 'string' }, { kind: 'string' }, 'u'],
  ]
  test.each(cases)('has a field %s', (_, field, type, expected) => {
    expect(values(event(field), { [field.name]: type }, bytes, { writerSchema: old })).toEqual([
      expected,
    ])
  })

  test('has a long beyond 2^53 that the reader promotes from long to long', () => {
    const schema = event({ name: 'f', type: 'long' })
    const big = Buffer.concat([encode(event(), {}), long(2n ** 60n + 1n)])
    expect(values(schema, { f: INT64 }, big, { writerSchema: schema })).toEqual([2n ** 60n + 1n])
  })

  test('has timestamps in another unit', () => {
    const unit = (logicalType: string): unknown =>
      event({ name: 'f', type: ['null', { type: 'long', logicalType }] })
    const written = encode(event({ name: 'f', type: ['null', 'long'] }), { f: TIME })
    const found = values(unit('timestamp-micros'), { f: { kind: 'timestamp' } }, written, {
      writerSchema: unit('timestamp-millis'),
    })
    expect(found).toEqual([TIME])
  })

  test.each([
    ['lacks a field without a default', event({ name: 'f', type: 'long' })],
    ['has another type for a field', event({ name: 'user', type: 'long' })],
  ])('is refused where it %s', (_, schema) => {
    const [, field] = (schema as { fields: Field[] }).fields
    expect(() => decode(schema, { [field!.name]: INT64 }, bytes, { writerSchema: old })).toThrow(
      /schemas of writer and reader do not resolve.*DEFINITION_INVALID/,
    )
  })

  test('is refused where its decimals have another scale, which would be other amounts', () => {
    const decimal = (scale: number): unknown =>
      event({ name: 'f', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale } })
    expect(() => decode(decimal(2), { f: MONEY }, bytes, { writerSchema: decimal(3) })).toThrow(
      'do not resolve',
    )
  })
})

describe('a value that is not one datum of the schema is undecodable', () => {
  const schema = event(
    { name: 's', type: 'string' },
    { name: 'a', type: { type: 'array', items: 'long' } },
    { name: 'm', type: { type: 'map', values: 'long' } },
  )
  const fields: Shape['fields'] = { s: { kind: 'string' }, 'm.x': INT64 }
  const good = encode(schema, { s: 'abc', a: [1, 2], m: { x: 5 } })

  test('the good one is an event', () => {
    expect(values(schema, fields, good)).toEqual(['abc', 5])
  })

  test('bytes left over', () => {
    const batch = decode(schema, fields, Buffer.concat([good, Buffer.from([0, 1])]))
    expect(batch.outcomes[0]).toBe(Decoded.UNDECODABLE)
    expect(batch.problems.get(0)).toContain('2 bytes are left after the datum')
  })

  test('cut anywhere, with the same message whatever bytes follow it in the batch', () => {
    const decoder = createAvroDecoder(pipelineOf({ fields, format: { kind: 'avro', schema } }))
    for (let cut = 1; cut < good.length; cut++) {
      const value = good.subarray(0, cut)
      const alone = decodeOne(decoder, { value })
      const followed = decoder.decode(batchOf([{ value }, { value: good }]))
      expect(followed.outcomes[0]).toBe(Decoded.UNDECODABLE)
      expect(followed.problems.get(0)).toBe(alone.problems.get(0))
      expect(followed.outcomes[1]).toBe(Decoded.EVENT)
    }
  })

  test.each([
    ['a huge array', Buffer.concat([encode(event(), {}), long(0n), long(2n ** 40n)])],
    ['a huge map', Buffer.concat([encode(event(), {}), long(0n), long(0n), long(2n ** 40n)])],
    [
      'a block that goes back',
      Buffer.concat([encode(event(), {}), long(0n), long(-1n), long(-9n)]),
    ],
    [
      'text that is no UTF-8',
      Buffer.concat([encode(event(), {}), long(1n), Buffer.from([0xff, 0, 0])]),
    ],
  ])('%s is refused at once', (_, value) => {
    expect(decode(schema, fields, value).outcomes[0]).toBe(Decoded.UNDECODABLE)
  })

  test('no bytes whatever make the decoder throw', () => {
    const decoder = createAvroDecoder(pipelineOf({ fields, format: { kind: 'avro', schema } }))
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (all) => {
        const batch = decoder.decode(batchOf(all.map((value) => ({ value }))))
        for (const at of batch.problems.keys()) expect(batch.outcomes[at]).toBeGreaterThan(1)
      }),
      { numRuns: 1000 },
    )
  })
})

test.each([
  ['string', 'abc', 'abc'],
  ['long', 42, '42'],
  ['string', '', undefined],
])('T20 an event id of type %s (%s) is the text %s', (type, id, expected) => {
  const schema = event({ name: 'id', type })
  expect(decode(schema, {}, encode(schema, { id }), { id: 'id' }).ids).toEqual([expected])
})

test('a null value is a tombstone, an empty one is no datum', () => {
  const decoder = createDecoder(
    pipelineOf({ fields: {}, format: { kind: 'avro', schema: event() } }),
  )
  const batch = decoder.decode(batchOf([{ value: null }, { value: '' }]))
  expect([...batch.outcomes]).toEqual([Decoded.TOMBSTONE, Decoded.UNDECODABLE])
})

test.each([
  [{ type: 'nonsense' }, 'is no Avro schema'],
  ['string', 'an event is a record'],
  [event({ name: 'g', type: 'long' }), 'the path f is not in the Avro schema: Event has no f'],
  [event({ name: 'f', type: ['null', 'long', 'string'] }), 'leads to a union of long, string'],
])('the schema %j is refused: %s', (schema, message) => {
  expect(() => decode(schema, { f: INT64 }, Buffer.alloc(0))).toThrow(message)
})

test('fields that nobody reads may be of any type, also of unions that cannot be told apart', () => {
  const schema = event({ name: 'x', type: ['int', 'long', 'float'] }, { name: 'f', type: 'long' })
  expect(values(schema, { f: INT64 }, encode(schema, { x: { float: 1 }, f: 3 }))).toEqual([3])
})
