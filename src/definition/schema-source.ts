/** `source` in the pipeline file: the log, the encoding of its values, the fields of an event. */
import * as z from 'zod'
import * as keys from './keys.ts'
import { addresses, sasl, tls } from './schema-connection.ts'

const avro = z.union(
  [
    keys.place('a schema file such as `schemas/event.avsc`'),
    z.strictObject({
      registry: keys.text('the URL of a schema registry').describe('URL of the schema registry.'),
      subject: keys.text('the subject of the schema').describe('Subject that holds the schema.'),
    }),
  ],
  { error: 'a schema file, or `{ registry, subject }`' },
)

const fieldType = keys
  .text('a type: string, int32, int64, double, boolean, decimal(p,s), timestamp or date')
  .meta({ title: 'type' })

const field = z.union(
  [
    fieldType,
    z.strictObject({
      path: keys
        .text('a path such as `order.shop.id`, or `$key`, `$timestamp`, `$header.name`')
        .optional()
        .describe(
          'Where the field is in the event, dots between the parts; or `$key`, `$timestamp`, `$header.name` of the record. Default: the name.',
        ),
      type: fieldType.describe(
        'string, int32, int64, double, boolean, decimal(precision,scale) up to 18 digits, timestamp, date.',
      ),
    }),
  ],
  { error: 'a type, or `{ path, type }`' },
)

const timeFormat = z.union(
  [
    keys.choice(['ms', 's', 'us', 'iso']),
    z.strictObject({
      pattern: keys
        .text('a pattern such as `yyyy-MM-dd HH:mm:ss`')
        .describe('`yyyy MM dd HH mm ss SSS` and literals.'),
      zone: keys
        .text('an IANA zone such as `Europe/Berlin`')
        .describe('IANA zone that the local times are in.'),
    }),
  ],
  { error: '`ms`, `s`, `us`, `iso` or `{ pattern, zone }`' },
)

const kafka = z.strictObject({
  brokers: addresses('127.0.0.1:9092').describe(
    '`host:port`, several separated by commas or as a list.',
  ),
  topic: keys.topic.describe('The topic.'),
  start: keys.start
    .prefault('earliest')
    .describe('Where a new state begins: `earliest`, `latest` or an instant. Used once.'),
  group: keys
    .text('the name of a consumer group')
    .optional()
    .describe(
      'Consumer group of the processes that share the partitions. Default: `tidemark-` and the name of the pipeline.',
    ),
  sessionTimeout: keys.duration
    .prefault('30s')
    .describe('A process that is silent for this long loses its partitions to the others.'),
  tls: tls.optional().describe('TLS to the brokers.'),
  sasl: sasl.optional().describe('Who Tidemark is to the brokers.'),
  trustProducerClock: keys
    .flag()
    .prefault(false)
    .describe(
      'Trust record timestamps that producers set and the broker does not bound (`message.timestamp.after.max.ms`).',
    ),
})

export const source = z.strictObject({
  files: z
    .union(
      [
        keys.place('a directory'),
        z.strictObject({
          directory: keys.place('a directory').describe('The directory.'),
          timestamp: keys
            .text('a path such as `meta.received_ms`')
            .optional()
            .describe(
              "Path of the record's own timestamp (ms) in each JSON line, for `maxFuture`.",
            ),
        }),
      ],
      { error: 'a directory, or `{ directory, timestamp }`' },
    )
    .optional()
    .describe(
      'Directory with one append-only file per partition: `0.jsonl`, `1.jsonl`, ... (or `0.log`, ...).',
    ),
  kafka: kafka.optional().describe('A Kafka topic, instead of `files`.'),
  format: z
    .union([z.enum(['json']), z.strictObject({ avro: avro.describe('As `source.avro`.') })], {
      error: '`json` or `{ avro: FILE }`',
    })
    .optional()
    .describe('How values are encoded: `json` (default), or `avro` beside it.'),
  avro: avro
    .optional()
    .describe(
      'Avro values: the file of the reader schema, or a registry. Instead of `format: json`.',
    ),
  key: keys
    .oneOrMore(keys.text('the name of a field'), 'the name of a field, or a list of names')
    .describe('Field or fields that the log is partitioned by.'),
  fields: z
    .record(keys.name, field)
    .optional()
    .describe(
      'Fields of JSON events: name -> type, or `{ path, type }`. An Avro schema file brings its own.',
    ),
  event: z
    .strictObject({
      id: keys
        .text('the path of an id')
        .optional()
        .describe("Path of the event's id; with it exact duplicates are left out."),
      duplicatesWithin: keys.duration
        .optional()
        .describe('How long after its day an id is remembered. Default: `time.allowedLateness`.'),
      time: z
        .strictObject({
          field: keys
            .text('the path of the event time')
            .describe('Path of the event time, or `$timestamp` for the record timestamp.'),
          format: timeFormat
            .optional()
            .describe(
              '`ms`, `s`, `us`: an integer since 1970; `iso`: ISO-8601 with Z or an offset; `{ pattern, zone }`: local time. Default: `ms`, or what the Avro schema says.',
            ),
        })
        .describe('The event time.'),
    })
    .describe('Identity and time of an event.'),
})
