/** What an Avro schema brings: names, types and places of its fields. */
import { expect, test } from 'vitest'
import { typeName } from '../../src/core/value.ts'
import { readAvroSchema } from '../../src/definition/avro-schema.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const EVENT = {
  type: 'record',
  name: 'Event',
  namespace: 'shop',
  fields: [
    { name: 'user_id', type: 'string' },
    { name: 'session', type: { type: 'string', logicalType: 'uuid' } },
    { name: 'event_ts', type: { type: 'long', logicalType: 'timestamp-micros' } },
    {
      name: 'seen',
      type: ['null', { type: 'long', logicalType: 'timestamp-millis' }],
      default: null,
    },
    { name: 'day', type: { type: 'int', logicalType: 'date' } },
    { name: 'amount', type: { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 2 } },
    {
      name: 'huge',
      type: {
        type: 'fixed',
        name: 'Huge',
        size: 16,
        logicalType: 'decimal',
        precision: 38,
        scale: 2,
      },
    },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['click', 'view'] } },
    { name: 'other_kind', type: ['null', 'Kind'] },
    { name: 'count', type: 'int' },
    { name: 'total', type: 'long' },
    { name: 'ratio', type: ['float', 'null'] },
    { name: 'paid', type: 'boolean' },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'either', type: ['int', 'string'] },
    {
      name: 'order',
      type: [
        'null',
        {
          type: 'record',
          name: 'Order',
          fields: [
            {
              name: 'shop',
              type: { type: 'record', name: 'Shop', fields: [{ name: 'id', type: 'string' }] },
            },
            { name: 'refund_of', type: ['null', 'Order'] },
          ],
        },
      ],
    },
    { name: 'home', type: 'shop.Shop' },
  ],
}

const VIEW = `views:
  users:
    entity: user_id
    where: { order.shop.id: { present: true } }
    windows: [1d]
    features:
      spend: { sum: amount }
`
const AVRO = `name: shop
source:
  files: ./events
  avro: event.avsc
  key: user_id
  event: { time: { field: event_ts } }
${VIEW}`

test('every type and logical type becomes the field type that holds it, nested ones under dotted names', () => {
  const read = readAvroSchema(EVENT)
  if (typeof read === 'string') throw new Error(read)
  expect(Object.fromEntries(read.fields.map(({ name, type }) => [name, typeName(type)]))).toEqual({
    user_id: 'string',
    session: 'string',
    event_ts: 'timestamp',
    seen: 'timestamp',
    day: 'date',
    amount: 'decimal(18,2)',
    kind: 'string',
    other_kind: 'string',
    count: 'int32',
    total: 'int64',
    ratio: 'double',
    paid: 'boolean',
    'order.shop.id': 'string',
    'home.id': 'string',
  })
  expect(Object.fromEntries(read.unusable)).toEqual({
    huge: 'a decimal of 38 digits; at most 18 fit 64 bits',
    tags: 'array, which no feature can use',
    either: 'a union of several types',
    order: 'a record; name one of its fields',
    'order.shop': 'a record; name one of its fields',
    'order.refund_of': 'a record inside itself',
    home: 'a record; name one of its fields',
  })
})

test('a view filters and aggregates by the fields of the schema, and the time has the unit of the schema', () => {
  const pipeline = resolveText(AVRO, { avroSchema: EVENT })
  expect(pipeline.source.format).toEqual({ kind: 'avro', schema: EVENT })
  expect(pipeline.views[0]?.where).toEqual({ kind: 'present', field: 'order.shop.id' })
  expect(pipeline.event.time).toEqual({
    field: { kind: 'value', segments: ['event_ts'] },
    format: { kind: 'us' },
  })
})

test.each([
  [
    'a field of no use',
    'sum: amount',
    'sum: tags',
    '13:21 views.users.features.spend.sum: expected a field that can be used; "tags" is array, which no feature can use',
  ],
  [
    'an unknown field in a filter',
    'order.shop.id',
    'order.shop.ident',
    '10:14 views.users.where.order.shop.ident: expected a field of the source, found `order.shop.ident`; did you mean `order.shop.id`?',
  ],
  [
    'an event time that is not there',
    'field: event_ts',
    'field: evnt_ts',
    '6:27 source.event.time.field: expected a field of the schema, found "evnt_ts"; did you mean `event_ts`?',
  ],
  [
    'a unit against the schema',
    'field: event_ts',
    'field: event_ts, format: ms',
    '6:45 source.event.time.format: expected `us`, the unit of the schema, found "ms"',
  ],
  [
    'fields beside the schema',
    '  key:',
    '  fields: { a: string }\n  key:',
    '5:3 source.fields: expected no `fields` beside an Avro schema file, which brings its own',
  ],
  [
    'a nested entity field',
    'entity: user_id',
    'entity: [user_id, order.shop.id]',
    "9:23 views.users.entity[1]: expected a name of letters, digits and _, found `order.shop.id`: an entity's fields are columns of the table",
  ],
])('%s is told', (_what, from, to, message) => {
  expect(problemsOf(changed(AVRO, from, to), { avroSchema: EVENT })).toEqual([message])
})

test('what is no record is told, and nothing that follows from it', () => {
  expect(problemsOf(AVRO, { avroSchema: { type: 'string' } })).toEqual([
    '4:9 source.avro: expected an Avro schema of type record with fields',
  ])
})

test('a registry brings no fields here, so they are declared', () => {
  const registry = 'avro: { registry: "http://127.0.0.1:8081", subject: shop.events-value }\n  key'
  const text = changed(SHOP, 'key', registry)
  expect(resolveText(text).source.format).toEqual({
    kind: 'avro-registry',
    registry: 'http://127.0.0.1:8081',
    subject: 'shop.events-value',
  })
})
