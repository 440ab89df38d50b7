/** Values in a registry's wire format: every writer's schema into the declared fields, and schemas that are not there (yet). */
import avro from 'avsc'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FormatDefinition } from '../../src/core/definition.ts'
import { Decoded } from '../../src/core/event.ts'
import type { EventBatch } from '../../src/core/event.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import type { Decoder, RegisteredSchema, SchemaSource } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import type { Shape, TestRecord } from './pipeline.ts'
import { batchOf, pipelineOf, TIME } from './pipeline.ts'
import { fc } from '../support/properties.ts'

const FORMAT: FormatDefinition = { kind: 'avro-registry', registry: 'http://r', subject: 's' }
const STRING: FieldType = { kind: 'string' }
const INT64: FieldType = { kind: 'int64' }
const MONEY: FieldType = { kind: 'decimal', precision: 18, scale: 2 }
const WRONG = undefined

class FakeRegistry implements SchemaSource {
  readonly schemas = new Map<number, RegisteredSchema>()
  readonly asked: number[] = []
  hasSubject = true
  isDown = false

  add(id: number, schema: unknown, more: Partial<RegisteredSchema> = {}): void {
    const text = JSON.stringify(schema)
    this.schemas.set(id, { id, kind: 'AVRO', text, references: [], ...more })
  }

  schema(id: number): Promise<RegisteredSchema | undefined> {
    this.asked.push(id)
    if (this.isDown) return Promise.reject(new TidemarkError('SCHEMA_UNAVAILABLE', 'down'))
    return Promise.resolve(this.schemas.get(id))
  }

  latest(): Promise<RegisteredSchema | undefined> {
    const any: RegisteredSchema = { id: 1, kind: 'AVRO', text: '"string"', references: [] }
    return Promise.resolve(this.hasSubject ? any : undefined)
  }
}

class FakeClock {
  nowMs = TIME

  wallMs(): number {
    return this.nowMs
  }

  monotonicMs(): number {
    return this.nowMs - TIME
  }

  sleep(): Promise<void> {
    return Promise.resolve()
  }
}

let registry = new FakeRegistry()
let clock = new FakeClock()

beforeEach(() => {
  registry = new FakeRegistry()
  clock = new FakeClock()
})

function decoderOf(fields: Shape['fields'], more: Partial<Shape> = {}): Decoder {
  return createDecoder(pipelineOf({ fields, format: FORMAT, ...more }), {
    schemas: registry,
    clock,
  })
}

function framed(id: number, value: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeInt32BE(id, 1)
  return Buffer.concat([prefix, value])
}

type Field = Readonly<Record<string, unknown>> & { readonly name: string }

function event(...fields: Field[]): unknown {
  return { type: 'record', name: 'Event', fields: [{ name: 'ts', type: 'long' }, ...fields] }
}

/** Plain avsc: what another producer writes. */
function encode(schema: unknown, value: object): Buffer {
  return avro.Type.forSchema(schema as never).toBuffer({ ts: TIME, ...value })
}

async function decode(decoder: Decoder, ...records: TestRecord[]): Promise<EventBatch> {
  const batch = batchOf(records)
  await decoder.prepare?.(batch)
  return decoder.decode(batch)
}

/** The values of the declared fields of one record that was written with `schema`. */
async function valuesOf(
  fields: Shape['fields'],
  schema: unknown,
  value: object,
): Promise<(Value | undefined)[]> {
  registry.add(1, schema)
  const batch = await decode(decoderOf(fields), { value: framed(1, encode(schema, value)) })
  if (batch.problems.size > 0) throw new Error([...batch.problems.values()].join())
  return batch.columns.map(([only]) => only)
}

test('records of three versions of a schema, mixed in one batch, become the same fields', async () => {
  const v1 = event({ name: 'user', type: 'string' }, { name: 'amount', type: 'int' })
  const v2 = event(
    { name: 'added', type: ['null', 'string'], default: null },
    { name: 'amount', type: 'long' },
    { name: 'user', type: ['null', 'string'] },
  )
  const v3 = event({
    name: 'amount',
    type: { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 3 },
  })
  const versions = [v1, v2, v3]
  for (const [index, schema] of versions.entries()) registry.add(index + 1, schema)
  const raw = event({ name: 'amount', type: 'bytes' })
  const decoder = decoderOf({ user: STRING, amount: MONEY, added: STRING })
  const values = [
    framed(1, encode(v1, { user: 'a', amount: 5 })),
    framed(3, encode(raw, { amount: Buffer.from([0x30, 0x34]) })), // 12.340
    framed(2, encode(v2, { added: 'x', amount: 6, user: null })),
    framed(1, encode(v1, { user: 'b', amount: 7 })),
  ]
  const batch = await decode(decoder, ...values.map((value) => ({ value })), { value: null })
  expect([...batch.outcomes]).toEqual([0, 0, 0, 0, Decoded.TOMBSTONE])
  expect(batch.columns.map((column) => column.slice(0, 4))).toEqual([
    ['a', null, null, 'b'],
    [500, 1234, 600, 700],
    [null, null, 'x', null],
  ])
  expect(decoder.prepare?.(batchOf([{ value: values[0]! }]))).toBeUndefined()
  expect(registry.asked.toSorted()).toEqual([1, 2, 3])
})

describe("what the writer's types become", () => {
  const date = { type: 'int', logicalType: 'date' }
  const uuid = { type: 'string', logicalType: 'uuid' }
  const local = { type: 'long', logicalType: 'local-timestamp-millis' }
  const micros = { type: 'long', logicalType: 'timestamp-micros' }
  const kind = { type: 'enum', name: 'Kind', symbols: ['view', 'click'] }
  const id = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
  const cases: readonly (readonly [FieldType, unknown, unknown, Value | undefined])[] = [
    [STRING, 'string', 'né', 'né'],
    [STRING, kind, 'click', 'click'],
    [STRING, uuid, id, id],
    [STRING, 'long', 5, WRONG],
    [INT64, 'int', 5, 5],
    [INT64, 'string', '9007199254740993', 9007199254740993n],
    [INT64, 'double', 5, WRONG],
    [INT64, micros, 1_700_000_000_123_999, 1_700_000_000_123],
    [{ kind: 'int32' }, 'long', 2 ** 31, WRONG],
    [{ kind: 'double' }, 'float', 0.5, 0.5],
    [{ kind: 'double' }, 'long', 5, 5],
    [{ kind: 'double' }, 'string', '5', WRONG],
    [{ kind: 'boolean' }, 'boolean', true, true],
    [{ kind: 'boolean' }, 'int', 1, WRONG],
    [MONEY, 'int', 5, 500],
    [MONEY, 'string', '12.34', 1234],
    [MONEY, 'string', '12.345', WRONG],
    [MONEY, 'double', 12.34, WRONG],
    [{ kind: 'timestamp' }, micros, -1, -1],
    [{ kind: 'timestamp' }, 'long', TIME, TIME],
    [{ kind: 'timestamp' }, 'string', '2023-11-14T22:13:20Z', TIME],
    [{ kind: 'timestamp' }, local, TIME, WRONG],
    [{ kind: 'timestamp' }, date, 19_000, WRONG],
    [{ kind: 'date' }, date, 19_000, 19_000],
    [{ kind: 'date' }, 'string', '1970-01-02', 1],
    [{ kind: 'date' }, 'int', 19_000, WRONG],
    [{ kind: 'date' }, micros, TIME, WRONG],
    [STRING, { type: 'array', items: 'string' }, ['a'], WRONG],
    [INT64, ['null', 'long'], null, null],
    [INT64, ['long', 'null'], 7, 7],
    [STRING, ['null', 'string', 'long'], 'x', WRONG],
    [STRING, ['null', 'string', 'long'], null, null],
    [STRING, 'null', null, null],
  ]
  test.each(cases)('%j of %j %j', async (type, writer, written, expected) => {
    const schema = event({ name: 'f', type: writer })
    expect(await valuesOf({ f: type }, schema, { f: written })).toEqual([expected])
  })

  test('T28 an amount keeps its value whatever scale it was written with, or has the wrong type', async () => {
    const scales = fc.record({
      written: fc.integer({ min: 0, max: 9 }),
      declared: fc.integer({ min: 0, max: 9 }),
      unscaled: fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
    })
    await fc.assert(
      fc.asyncProperty(scales, async ({ written, declared, unscaled }) => {
        registry = new FakeRegistry()
        const type = { type: 'bytes', logicalType: 'decimal', precision: 18, scale: written }
        registry.add(1, event({ name: 'f', type }))
        const hex = BigInt.asUintN(72, unscaled).toString(16).padStart(18, '0')
        const value = framed(
          1,
          encode(event({ name: 'f', type: 'bytes' }), { f: Buffer.from(hex, 'hex') }),
        )
        const field: FieldType = { kind: 'decimal', precision: 18, scale: declared }
        const [column] = (await decode(decoderOf({ f: field }), { value })).columns
        const shifted = unscaled * 10n ** BigInt(declared)
        const isExact = shifted % 10n ** BigInt(written) === 0n
        const exact = shifted / 10n ** BigInt(written)
        const fits = isExact && exact > -(10n ** 18n) && exact < 10n ** 18n
        const found = column?.[0]
        expect(typeof found === 'number' ? BigInt(found) : found).toBe(fits ? exact : WRONG)
      }),
      { numRuns: 300, verbose: true },
    )
  })

  test('paths lead into records and maps, null where one lacks them, wrong where there is nothing to lead into', async () => {
    const order = { type: 'record', name: 'Order', fields: [{ name: 'id', type: 'long' }] }
    const other = { type: 'record', name: 'Other', fields: [{ name: 'id', type: 'string' }] }
    const schema = event(
      { name: 'order', type: ['null', order] },
      { name: 'tags', type: { type: 'map', values: 'string' } },
      { name: 'either', type: ['null', 'Order', other] },
      { name: 'flat', type: 'string' },
    )
    const fields: Shape['fields'] = {
      'order.id': INT64,
      'order.name': STRING,
      'gone.id': INT64,
      'tags.a': STRING,
      'tags.b': STRING,
      'either.id': INT64,
      'flat.id': INT64,
    }
    const tags = { a: 'x' }
    const value = { order: { id: 7 }, tags, either: { Order: { id: 1 } }, flat: 's' }
    expect(await valuesOf(fields, schema, value)).toEqual([7, null, null, 'x', null, WRONG, WRONG])
    registry.schemas.clear()
    const empty = { order: null, tags, either: null, flat: 's' }
    expect(await valuesOf(fields, schema, empty)).toEqual([
      null,
      null,
      null,
      'x',
      null,
      null,
      WRONG,
    ])
  })
})

test("the event's time is read in the unit that its own writer says, else in that of the pipeline", async () => {
  const timed = (type: unknown): unknown => ({
    type: 'record',
    name: 'Event',
    fields: [{ name: 'ts', type }],
  })
  registry.add(1, timed('long'))
  registry.add(2, timed({ type: 'long', logicalType: 'timestamp-micros' }))
  registry.add(3, { type: 'record', name: 'Event', fields: [] })
  const decoder = decoderOf({}, { timeFormat: { kind: 's' } })
  const batch = await decode(
    decoder,
    { value: framed(1, encode(timed('long'), { ts: TIME / 1000 })) },
    { value: framed(2, encode(timed('long'), { ts: TIME * 1000 + 7 })) },
    { value: framed(3, Buffer.alloc(0)) },
  )
  expect([...batch.outcomes]).toEqual([Decoded.EVENT, Decoded.EVENT, Decoded.BAD_TIMESTAMP])
  expect([...batch.eventTimes].slice(0, 2)).toEqual([TIME, TIME])
})

test('T20 an event id is text or an integer, whatever the writer made of it', async () => {
  const types = ['string', 'long', 'string', 'double']
  const written = ['abc', 42, '', 1]
  for (const [index, type] of types.entries()) registry.add(index, event({ name: 'id', type }))
  const records = types.map((type, index) => ({
    value: framed(index, encode(event({ name: 'id', type }), { id: written[index] })),
  }))
  registry.add(9, event())
  const batch = await decode(decoderOf({}, { id: 'id' }), ...records, {
    value: framed(9, encode(event(), {})),
  })
  expect(batch.ids?.filter((_, at) => at !== 3)).toEqual(['abc', '42', undefined, undefined])
  expect(batch.problems.get(3)).toContain('expected text or an integer')
})

test('schemas that name types of others are read with them', async () => {
  const money = {
    type: 'record',
    name: 'Money',
    namespace: 'pay',
    fields: [{ name: 'cents', type: 'long' }],
  }
  const price = { type: 'record', name: 'Price', fields: [{ name: 'net', type: 'pay.Money' }] }
  const schema = event({ name: 'price', type: 'Price' })
  registry.add(1, schema, { references: [JSON.stringify(money), JSON.stringify(price)] })
  const whole = event({ name: 'price', type: { ...price, fields: [{ name: 'net', type: money }] } })
  const value = framed(1, encode(whole, { price: { net: { cents: 5 } } }))
  const { columns } = await decode(decoderOf({ 'price.net.cents': INT64 }), { value })
  expect(columns).toEqual([[5]])
})

test('a default that the schema gives wrongly does not matter: the writer wrote every field', async () => {
  const schema = event({ name: 'f', type: 'long', default: 'none' })
  registry.add(1, schema)
  const value = framed(1, encode(event({ name: 'f', type: 'long' }), { f: 3 }))
  expect((await decode(decoderOf({ f: INT64 }), { value })).columns).toEqual([[3]])
})

describe('what cannot be decoded, with a reason', () => {
  test.each([
    [
      '',
      'expected a zero byte and the id of a schema (5 bytes) before the Avro value, found nothing',
    ],
    [[0, 0, 0], 'found 0x000000'],
    ['{"ts":1}', 'found 0x7b22747322'],
    [[0, 0xff, 0xff, 0xff, 0xff, 2], 'found 0x00ffffffff'],
    [[0, 0, 0, 0, 1], 'not Avro of schema 1: 0 bytes end within the datum'],
    [[0, 0, 0, 0, 1, 2, 3], 'not Avro of schema 1: 1 bytes are left after the datum'],
    [[0, 0, 0, 0, 2, 2], 'schema 2 cannot be used: it is of the kind PROTOBUF, not Avro'],
    [[0, 0, 0, 0, 3, 2], 'schema 3 cannot be used: it is string; an event is a record'],
    [[0, 0, 0, 0, 4, 2], 'schema 4 cannot be used: '],
  ])('%j: %s', async (bytes, message) => {
    registry.add(1, event())
    registry.add(2, 'message M {}', { kind: 'PROTOBUF' })
    registry.add(3, 'string')
    registry.add(4, 'x', { text: '{' })
    const good = { value: framed(1, encode(event(), {})) }
    const batch = await decode(decoderOf({}), { value: Buffer.from(bytes as string) }, good)
    expect([...batch.outcomes]).toEqual([Decoded.UNDECODABLE, Decoded.EVENT])
    expect(batch.problems.get(0)).toContain(message)
  })

  test('no bytes whatever make the decoder throw', async () => {
    registry.add(0, event({ name: 's', type: ['null', { type: 'array', items: 'string' }] }))
    const decoder = decoderOf({ s: STRING })
    clock.nowMs += 3_600_000
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 20 })), async (all) => {
        const records = all.flatMap((value) => [
          { value, timestamp: TIME },
          { value: framed(0, value), timestamp: TIME },
        ])
        const batch = await decode(decoder, ...records)
        for (const at of batch.problems.keys()) expect(batch.outcomes[at]).toBeGreaterThan(1)
      }),
      { numRuns: 500, verbose: true },
    )
  })
})

describe('a schema that the registry does not know', () => {
  const record = (timestamp = NaN): TestRecord => ({
    value: framed(7, encode(event(), {})),
    timestamp,
  })

  test('a registry that is down holds the batch back and rejects nothing', async () => {
    registry.isDown = true
    registry.add(7, event())
    const decoder = decoderOf({})
    const batch = batchOf([record()])
    await expect(decoder.prepare?.(batch)).rejects.toThrow(/SCHEMA_UNAVAILABLE/)
    clock.nowMs += 3_600_000
    await expect(decoder.prepare?.(batch)).rejects.toThrow(/SCHEMA_UNAVAILABLE/)
    registry.isDown = false
    await decoder.prepare?.(batch)
    expect([...decoder.decode(batch).outcomes]).toEqual([Decoded.EVENT])
  })

  test('a record that was just written waits until the news has arrived there', async () => {
    const decoder = decoderOf({})
    const batch = batchOf([record(TIME - 5_000)])
    await expect(decoder.prepare?.(batch)).rejects.toThrow(/does not know schema 7.*asked again/)
    clock.nowMs += 30_000
    registry.add(7, event())
    await decoder.prepare?.(batch)
    expect([...decoder.decode(batch).outcomes]).toEqual([Decoded.EVENT])
  })

  test.each([
    ['a minute after the record was written', TIME - 5_000, 55_000],
    ['at once where the record is old', TIME - 3_600_000, 0],
    ['a minute after it was asked first where the record has no timestamp', NaN, 60_000],
    ['a minute after it was asked first where the timestamp is ahead', TIME + 3_600_000, 60_000],
  ])('the id is wrong %s', async (_what, timestamp, afterMs) => {
    const decoder = decoderOf({})
    const batch = batchOf([record(timestamp)])
    if (afterMs > 0) {
      await expect(decoder.prepare?.(batch)).rejects.toThrow(/SCHEMA_UNAVAILABLE/)
      clock.nowMs += afterMs - 1
      await expect(decoder.prepare?.(batch)).rejects.toThrow(/SCHEMA_UNAVAILABLE/)
      clock.nowMs += 1
    }
    await decoder.prepare?.(batch)
    const decoded = decoder.decode(batch)
    expect([...decoded.outcomes]).toEqual([Decoded.UNDECODABLE])
    expect(decoded.problems.get(0)).toBe('the schema registry does not know schema 7')
  })

  test('an id that was wrong is asked again for later records, since it may have been given out', async () => {
    const decoder = decoderOf({})
    expect([...(await decode(decoder, record(0))).outcomes]).toEqual([Decoded.UNDECODABLE])
    registry.add(7, event())
    expect([...(await decode(decoder, record(TIME))).outcomes]).toEqual([Decoded.EVENT])
  })

  test('a registry without the subject either has lost its schemas, or is another one: nothing is rejected', async () => {
    registry.hasSubject = false
    const decoder = decoderOf({})
    const batch = batchOf([record(0)])
    await expect(decoder.prepare?.(batch)).rejects.toThrow(
      /neither schema 7.* nor the subject s\..*SCHEMA_UNAVAILABLE/,
    )
  })

  test('batches of several partitions that lack the same schema ask for it once', async () => {
    registry.add(7, event())
    const decoder = decoderOf({})
    await Promise.all([1, 2, 3].map(async () => decoder.prepare?.(batchOf([record()]))))
    expect(registry.asked).toEqual([7])
  })
})
