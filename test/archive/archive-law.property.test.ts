/**
 * The law over an archive: whatever files the records of a topic are kept in, and wherever the archive ends and the topic goes on, the
 * sinks are what the oracle recomputes from the topic.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { DuckDb } from '../../src/duckdb/database.ts'
import { MemoryLog } from '../../src/memory/log.ts'
import {
  putAvro,
  putParquet,
  WatchedStorage,
  WHOLE_SCHEMA,
  wholeDatum,
} from '../support/archive-files.ts'
import type { ArchiveRow } from '../support/archive-files.ts'
import { at, COUNT, pipelineOf, viewOf } from '../support/builders.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { memoryRecord, World } from '../support/engine-run.ts'
import { archiveSource, everything, openTestArchive } from '../support/open-archive.ts'
import { recompute } from '../support/oracle.ts'
import { pipelineText, scenarios } from '../support/random-log.ts'
import { valueBytes } from '../support/raw-record.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import { fc, test } from '../support/properties.ts'

let database: DuckDb
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tidemark-archive-law-'))
  database = await DuckDb.open({
    memoryMb: 256,
    threads: 1,
    concurrentMax: 2,
    temporaryDirectory: path.join(directory, 'duckdb'),
  })
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await rm(directory, { recursive: true })
})

async function differences(world: World, partitions: readonly RawPartition[]): Promise<string> {
  return sinkDifferences(recompute(world.pipeline, partitions), await world.sinks())
    .slice(0, 12)
    .join('\n')
}

/** Into which file each record goes, in turn; how many of each partition are kept at all, in tenths. */
const keeping = fc.record({
  files: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 12 }),
  tenths: fc.integer({ min: 0, max: 10 }),
})

let places = 0
/** Much more than it takes: other tests share the processors. */
const TIMEOUT_MS = 60_000

test.prop([scenarios({ recordsMax: 40 }), keeping], { numRuns: 25 })(
  'records kept whole, in any files, with the topic going on where they end',
  async (scenario, { files, tenths }) => {
    const pipeline = resolveText(pipelineText(scenario), '/random')
    if (pipeline.source.log.kind === 'files' && pipeline.source.log.timestamp !== undefined) return
    const { partitions } = scenario
    const home = path.join(directory, String(places++))
    const kept: ArchiveRow[] = partitions.flatMap(({ partition, records }) =>
      records.slice(0, Math.ceil((records.length * tenths) / 10)).map((record) => ({
        partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: valueBytes(record),
      })),
    )
    for (let file = 0; file <= 3; file += 1) {
      const rows = kept.filter((_, index) => files[index % files.length] === file).map(wholeDatum)
      await putAvro(home, `${file}.avro`, { schema: WHOLE_SCHEMA, rows, codec: 'deflate' })
    }
    const world = new World({ ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }, partitions)
    const archive = { storage: new WatchedStorage(home), pipeline: world.pipeline, database }
    const { selection } = await (
      await openTestArchive(archive)
    ).select(everything(partitions.length), {})
    const { source } = await archiveSource(archive, selection, {
      partitions: partitions.length,
      log: new MemoryLog(
        'random',
        partitions.map(({ records }) => records.map(memoryRecord)),
      ),
    })
    expect(await world.run({ read: { source } })).toBe(true)
    expect(await differences(world, partitions)).toBe('')
    await rm(home, { recursive: true })
  },
  TIMEOUT_MS,
)

test('records kept by columns in Parquet, in a directory per day, and the topic after them give the rows of the topic', async () => {
  const pipeline = pipelineOf({
    fields: { amount: { kind: 'decimal', precision: 18, scale: 2 }, kind: { kind: 'string' } },
    views: [
      viewOf(
        [1, 7],
        [
          COUNT,
          { name: 'spend', aggregate: 'sum', field: 'amount' },
          { name: 'last', aggregate: 'last', field: 'amount' },
        ],
        { where: { kind: 'compare', field: 'kind', op: 'eq', value: 'buy' } },
      ),
    ],
  })
  const start = at('2026-01-01')
  const partitions = [0, 1].map((partition) => ({
    partition,
    records: Array.from({ length: 400 }, (_, offset) => {
      const time = start + offset * 3_600_000 - (offset % 7) * 5 * 3_600_000
      const amount = offset % 11 === 0 ? null : ((offset * 37) % 1000) / 100
      const event = {
        user: `u${partition}${offset % 5}`,
        at: time,
        id: `${partition}.${offset % 390}`,
        kind: offset % 3 ? 'buy' : 'look',
        amount,
      }
      return {
        offset,
        timestamp: start + offset * 3_600_000,
        key: null,
        value: JSON.stringify(event),
      }
    }),
  }))
  const home = path.join(directory, 'days')
  const rows = partitions.flatMap(({ partition, records }) =>
    records.map(({ offset, timestamp, value }) => ({
      partition,
      offset,
      timestamp,
      ...(JSON.parse(value) as object),
    })),
  )
  const json = JSON.stringify(rows).replaceAll("'", "''")
  const table = `(SELECT r->>'user' AS user, make_timestamptz((r->>'at')::BIGINT * 1000) AS "at", r->>'id' AS id, r->>'kind' AS kind,
    (r->>'amount')::DECIMAL(9,2) AS amount, (r->>'partition')::INT AS _partition, (r->>'offset')::BIGINT AS _offset,
    make_timestamp((r->>'timestamp')::BIGINT * 1000) AS _timestamp FROM (SELECT unnest('${json}'::JSON[]) AS r))`
  for (let day = 0; day < 12; day += 1) {
    const date = new Date(start + day * 86_400_000).toISOString().slice(0, 10)
    await putParquet(database, home, {
      name: `ds=${date}/all.parquet`,
      sql: `SELECT * FROM ${table} WHERE _timestamp::DATE = DATE '${date}' ORDER BY id`,
    })
  }
  const archive = { storage: new WatchedStorage(home), pipeline, database }
  const { selection } = await (await openTestArchive(archive)).select(everything(2), {})
  const log = new MemoryLog(
    'topic',
    partitions.map(({ records }) => records.slice(240).map(memoryRecord)),
  )
  const { source, decoder } = await archiveSource(archive, selection, { partitions: 2, log })
  const world = new World(pipeline, partitions)
  expect(await world.run({ read: { source, decoder } })).toBe(true)
  expect(await differences(world, partitions)).toBe('')
  expect((await world.sinks()).rows.get('activity')?.length).toBeGreaterThan(100)
}, 60_000)
