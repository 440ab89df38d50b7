/**
 * The pipeline file, once: every key with its default and its meaning. Validation, the types below, the JSON schema for
 * editors (`schemas/pipeline.schema.json`) and the reference (`docs/pipeline.md`) all come from here.
 *
 * The larger parts are in `schema-source.ts`, `schema-view.ts`, `schema-condition.ts`. Only shapes are said here. What one part asks of another (names that must exist, values that must fit a field's type)
 * is in `resolve.ts`.
 */
import * as z from 'zod'
import * as keys from './keys.ts'
import { source } from './schema-source.ts'
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

const sinks = z.strictObject({
  online: z
    .strictObject({
      leveldb: keys
        .place('a directory')
        .optional()
        .describe('Embedded online store in this directory.'),
      redis: keys
        .text('a URL such as `redis://127.0.0.1:6379`')
        .optional()
        .describe('URL of a Redis >= 6.2.'),
      prefix: z
        .string({ error: 'a text' })
        .prefault('')
        .describe('Put before the keys of all values, to share a store between tenants.'),
    })
    .optional()
    .describe('Where values are served from: exactly one of `leveldb` and `redis`.'),
  offline: z
    .strictObject({
      delta: keys
        .place('a directory')
        .describe('Directory of the Delta tables, one per view version.'),
      slots: keys
        .integer(1, 256)
        .prefault(4)
        .describe('Hash slots that a day of a partition is split into. Fixed for a generation.'),
      correctionsEvery: keys.duration
        .prefault('15m')
        .describe('How often late corrections are written to the tables.'),
    })
    .optional()
    .describe('The tables.'),
})

const rejects = z.strictObject({
  files: keys
    .place('a directory')
    .optional()
    .describe(
      'Directory of dead letters and late ledger. Default: `rejects` in the state directory.',
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

export const pipelineSchema = z
  .strictObject({
    name: keys.name.describe('Name of the pipeline; part of the online keys.'),
    source: source.describe('The log.'),
    time: time.prefault({}).describe('Days, watermark and lateness.'),
    views: z
      .record(keys.name, view, { error: 'a mapping from names to views' })
      .describe('Name -> view. A view is one entity with its features.'),
    sinks: sinks.prefault({}).describe('Where the features go.'),
    state: keys.place('a directory').prefault('./state').describe('Directory of the local state.'),
    rejects: rejects.prefault({}).describe('What becomes of records that cannot be used.'),
    commit: commit.prefault({}).describe('When work is made durable.'),
    memory: memory.prefault({}).describe('Bounds that do not depend on the number of entities.'),
  })
  .meta({ title: 'Tidemark pipeline' })

/** Shapes checked, defaults in, durations in ms, windows in days. */
export type PipelineFile = z.output<typeof pipelineSchema>
export type SourceFile = PipelineFile['source']
export type ViewFile = PipelineFile['views'][string]
export type FeatureFile = ViewFile['features'][string]
