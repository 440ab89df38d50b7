/**
 * The pipeline file, once: every key with its default and its meaning. Validation, the types below, the JSON schema for
 * editors (`schemas/pipeline.schema.json`) and the reference (`docs/pipeline.md`) all come from here.
 *
 * The larger parts are in `schema-source.ts`, `schema-view.ts`, `schema-gates.ts`, `schema-condition.ts`, `schema-sinks.ts`, `schema-storage.ts`. Only shapes are said here. What one part asks of another (names that must exist, values that must fit a field's type)
 * is in `resolve.ts`.
 */
import * as z from 'zod'
import * as keys from './keys.ts'
import { sinks } from './schema-sinks.ts'
import { source } from './schema-source.ts'
import { checkpoints, s3 } from './schema-storage.ts'
import { view } from './schema-view.ts'

const time = z.strictObject({
  zone: keys
    .text('an IANA zone such as `UTC` or `Europe/Berlin`')
    .prefault('UTC')
    .describe('IANA zone whose civil days are the buckets.'),
  outOfOrderness: keys.duration
    .prefault('30m')
    .describe('The watermark is this far behind the newest event time of a partition.'),
  allowedLateness: keys.duration
    .prefault('24h')
    .describe(
      'How long after its day was closed an event is still folded in; later ones go to the late ledger.',
    ),
  maxFuture: keys.duration
    .prefault('10m')
    .describe("An event time further than this beyond its record's timestamp is refused."),
  idleAfter: keys.duration
    .prefault('5m')
    .describe('A partition without records for this long is moved on by the wall clock.'),
  notBefore: keys.date
    .prefault('2000-01-01')
    .describe('Event times before this date (UTC) are refused.'),
  tickHistorical: keys
    .flag()
    .prefault(false)
    .describe('Let the wall clock move idle partitions on although the log is days old.'),
})

const rejects = z.strictObject({
  files: keys
    .place('a directory')
    .optional()
    .describe(
      'Directory of dead letters and late ledger. Default: `rejects` in the state directory.',
    ),
  topic: keys.topic
    .optional()
    .describe(
      'Topic of dead letters and late ledger, instead of `files`; on the brokers of `source.kafka`.',
    ),
  limit: keys.share
    .prefault('5%')
    .describe(
      'Share of rejected records that stops the run: counted over the last 10,000, or as if 10,000 were read where fewer are.',
    ),
})

const commit = z.strictObject({
  interval: keys.duration.prefault('250ms').describe('Time between commits.'),
  catchUpInterval: keys.duration.prefault('5s').describe('Time between commits while far behind.'),
  records: keys
    .integer(1, 10_000_000)
    .prefault(50_000)
    .describe('Commit at the latest after so many records.'),
  bytes: keys.size
    .prefault('32MiB')
    .describe('Commit at the latest after so many bytes of records.'),
})

const memory = z.strictObject({
  tiles: keys
    .integer(1000, 100_000_000)
    .prefault(200_000)
    .describe('Tiles kept decoded, per partition.'),
  pendingEntities: keys
    .integer(1000, 100_000_000)
    .prefault(200_000)
    .describe(
      'Changed entities that wait for the online store, per partition; beyond it a scan takes their place.',
    ),
  tableRows: keys
    .integer(1000, 100_000_000)
    .prefault(500_000)
    .describe('Table rows buffered at once, per partition.'),
})

const LISTEN_RULE = '`HOST:PORT`, such as `127.0.0.1:9464`, or `0.0.0.0:9464` for all addresses'

const http = z.union(
  [
    keys.text(LISTEN_RULE).meta({ title: '`HOST:PORT`' }),
    z.strictObject({
      listen: keys
        .text(LISTEN_RULE)
        .meta({ title: '`HOST:PORT`' })
        .prefault('127.0.0.1:9464')
        .describe('Address that is listened on; port 0 takes a free one.'),
      readyLag: keys
        .integer(0, 1_000_000_000_000)
        .prefault(100_000)
        .describe(
          '`/readyz` is false while a partition is further behind: records of a topic, bytes of files.',
        ),
    }),
  ],
  { error: `${LISTEN_RULE}; or \`{ listen, readyLag }\`` },
)

export const pipelineSchema = z
  .strictObject({
    name: keys.name.describe('Name of the pipeline; part of the online keys.'),
    source: source.describe('The log.'),
    time: time.prefault({}).describe('Days, watermark and lateness.'),
    views: z
      .record(keys.viewKey, view, { error: 'a mapping from names to views' })
      .describe(
        'Name -> view. A view is one entity with its features. Several versions of one stand beside each other as `name@1`, `name@2`.',
      ),
    sinks: sinks.prefault({}).describe('Where the features go.'),
    state: keys.place('a directory').prefault('./state').describe('Directory of the local state.'),
    checkpoints: checkpoints
      .optional()
      .describe('Copies of the state that outlive this machine. Default: none.'),
    s3: s3.prefault({}).describe('The object store of all places that are written `s3://...`.'),
    rejects: rejects.prefault({}).describe('What becomes of records that cannot be used.'),
    commit: commit.prefault({}).describe('When work is made durable.'),
    memory: memory.prefault({}).describe('Bounds that do not depend on the number of entities.'),
    http: http
      .optional()
      .describe('Serves `/metrics`, `/healthz` and `/readyz`. Default: not served.'),
  })
  .meta({ title: 'Tidemark pipeline' })

/** Shapes checked, defaults in, durations in ms, windows in days. */
export type PipelineFile = z.output<typeof pipelineSchema>
export type SourceFile = PipelineFile['source']
export type KafkaFile = NonNullable<SourceFile['kafka']>
export type RedisFile = NonNullable<NonNullable<PipelineFile['sinks']['online']>['redis']>
export type ViewFile = PipelineFile['views'][string]
export type FeatureFile = ViewFile['features'][string]
