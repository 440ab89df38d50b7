/**
 * `tidemark replay --archive` on a real topic that has forgotten its beginning: what is staged from Parquet files and, where they end, the topic
 * is what the oracle says of the whole log.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDay } from '../../../src/core/day.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { DuckDb } from '../../../src/duckdb/database.ts'
import { putParquet } from '../../support/archive-files.ts'
import { DAY_MS } from '../../support/builders.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Ended } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('archived')
const DAYS = 30
/** Days that the topic still has, and days that the archive has. */
const KEPT_FROM = 22
const ARCHIVED_TO = 24
/** Per partition. */
const EVENTS_A_DAY = 24
const FIRST_MS = Date.UTC(2026, 0, 1)

interface Planned {
  readonly id: string
  readonly handsOver: boolean
  readonly staged: { readonly first: string }
  readonly partitions: readonly {
    readonly records: number
    readonly start: { readonly kind: string; readonly offset: number }
  }[]
}

const shop = new CliDirectory()
const log: RawPartition[] = [0, 1].map((partition) => ({
  partition,
  records: recordsOf(partition),
}))
let clients: KafkaClients

beforeAll(async () => {
  const { bootstrap } = await sharedKafka()
  clients = new KafkaClients(bootstrap)
  await clients.createTopic(TOPIC, log.length, { 'retention.ms': '-1' })
  const producer = await clients.producer()
  await producer.sendBatch({
    topicMessages: log.map(({ partition, records }) => ({
      topic: TOPIC,
      messages: records.map(({ key, value, timestamp }) => {
        return { partition, key, value: value as string, timestamp: String(timestamp) }
      }),
    })),
  })
  writeFileSync(shop.path('pipeline.yaml'), pipelineText(bootstrap))
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
  await archive()
  const admin = await clients.admin()
  // The client learns of the topic's leaders by it.
  await admin.fetchTopicOffsets(TOPIC)
  const offset = String(KEPT_FROM * EVENTS_A_DAY)
  for (const { partition } of log)
    await admin.deleteTopicRecords({ topic: TOPIC, partitions: [{ partition, offset }] })
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

/** Every fifth event is half a day late, every fortieth a day and a half, which is too late; some repeat an id. */
function recordsOf(partition: number): RawRecord[] {
  return Array.from({ length: DAYS * EVENTS_A_DAY }, (_, offset) => {
    const timestamp = FIRST_MS + Math.floor((offset * DAY_MS) / EVENTS_A_DAY)
    const late = offset % 40 === 39 ? 1.5 : offset % 5 === 4 ? 0.5 : 0
    const at = Math.max(FIRST_MS, timestamp - late * DAY_MS)
    const user = `u${partition}-${Math.floor(offset / 3) % 7}`
    const id = `${partition}-${offset % 11 === 10 ? offset - 7 : offset}`
    const value = JSON.stringify({ user, id, at, amount: `${offset % 97}.25` })
    return { offset, timestamp, key: user, value }
  })
}

function pipelineText(brokers: string): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${TOPIC}, trustProducerClock: true }
  format: json
  key: user
  fields: { user: string, amount: "decimal(18,2)" }
  event: { id: id, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 7d]
    features: { n: { count: "*" }, spent: { sum: amount }, last: { last: amount } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 2 } }
state: ./state
`
}

/** By the day of the record's timestamp, fields as typed columns, the user's under another name. */
async function archive(): Promise<void> {
  const rows = log.flatMap(({ partition, records }) =>
    records
      .filter(({ offset }) => offset < ARCHIVED_TO * EVENTS_A_DAY)
      .map(({ offset, timestamp, value }) => ({
        partition,
        offset,
        timestamp,
        event: JSON.parse(String(value)) as object,
      })),
  )
  writeFileSync(shop.path('rows.json'), JSON.stringify(rows))
  await using database = await DuckDb.open({
    memoryMb: 256,
    threads: 1,
    concurrentMax: 1,
    temporaryDirectory: shop.path('duckdb'),
  })
  await database.run(
    `CREATE TABLE rows AS SELECT partition::INT AS _partition, "offset"::BIGINT AS _offset, make_timestamptz("timestamp"::BIGINT * 1000) AS _timestamp,
      event."user" AS uid, event.id AS id, make_timestamptz(event."at"::BIGINT * 1000) AS "at", event.amount::DECIMAL(9,2) AS amount
     FROM read_json('${shop.path('rows.json')}')`,
  )
  for (let day = 0; day < ARCHIVED_TO; day += 1) {
    const date = new Date(FIRST_MS + day * DAY_MS).toISOString().slice(0, 10)
    await putParquet(database, shop.path('kept'), {
      name: `ds=${date}/part-0.parquet`,
      sql: `SELECT * FROM rows WHERE _timestamp::DATE = DATE '${date}' ORDER BY _partition, _offset`,
    })
  }
}

const ARCHIVE = ['--archive', './kept', '--archive-columns', 'user=uid']

function plan(...args: string[]): Promise<Ended> {
  return shop.run('replay', 'plan', '--reason', 'test', '--json', ...args)
}

async function planned(...args: string[]): Promise<Planned> {
  const ended = await plan(...args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return JSON.parse(ended.stdout) as Planned
}

async function run(id: string): Promise<{ readonly records: number }> {
  const ended = await shop.run('replay', 'run', id, '--json')
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return JSON.parse(ended.stdout) as { records: number }
}

/** Differences of what was staged from what the oracle says of these days. */
async function differences(id: string, first: string, last: string): Promise<string> {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const directory = shop.path('tables', '_tidemark', 'replays', id)
  const offline = { ...pipeline.sinks.offline, location: { kind: 'directory', directory } }
  await using reader = await TableReader.beside(
    { ...pipeline, sinks: { offline } } as typeof pipeline,
    shop.path('reader'),
  )
  const oracle = recompute(pipeline, log)
  const [from = NaN, to = NaN] = [first, last].map((text) => parseDay(text))
  const isStaged = ({ day }: { readonly day: number }): boolean => day >= from && day <= to
  const views = oracle.views.map((view) => {
    return {
      ...view,
      rows: view.rows.filter(isStaged),
      tiles: view.tiles.filter(isStaged),
      online: [],
    }
  })
  const actual = { ...(await reader.sinks()), online: new Map(), rejects: [] }
  return sinkDifferences({ ...oracle, views, rejects: [] }, actual)
    .slice(0, 9)
    .join('\n')
}

test('days that the topic has forgotten come from the archive; files of other days are left alone', async () => {
  const RANGE = ['--days', '2026-01-12..2026-01-13', '--only-range', '--start', 'milestone']
  const refused = await plan(...RANGE)
  expect(refused.stderr).toMatch(
    /need the log from offset \d+ on, and it begins at 528 now.*--archive/s,
  )
  // Never opened: whatever they hold, nobody minds.
  for (const date of ['2026-01-18', '2026-01-19'])
    writeFileSync(shop.path('kept', `ds=${date}`, 'torn.parquet'), 'PAR1')
  const { id, handsOver, partitions } = await planned(...RANGE, ...ARCHIVE)
  expect(handsOver).toBe(false)
  const { records } = await run(id)
  // Seven days before the range, two before those for ids, and what follows until the range is final.
  const toRead = partitions.reduce((sum, each) => sum + each.records, 0)
  expect(records).toBeLessThan(toRead)
  expect(toRead).toBeLessThanOrEqual(13 * EVENTS_A_DAY * 2)
  expect(await differences(id, '2026-01-12', '2026-01-13')).toBe('')
  for (const date of ['2026-01-18', '2026-01-19'])
    rmSync(shop.path('kept', `ds=${date}`, 'torn.parquet'))
})

test('a range that goes on to the end reads the archive, then the topic, and hands its states over', async () => {
  const { id, handsOver, staged } = await planned(
    '--days',
    '2026-01-18..',
    '--start',
    'milestone',
    ...ARCHIVE,
  )
  expect(handsOver).toBe(true)
  await run(id)
  expect(await differences(id, staged.first, '2026-01-29')).toBe('')
})

test('a missing file is told by its offsets; one that was changed after the plan is refused by the run', async () => {
  const RANGE = ['--days', '2026-01-12', '--only-range', '--start', 'milestone', ...ARCHIVE]
  const file = shop.path('kept', 'ds=2026-01-09', 'part-0.parquet')
  const { id } = await planned(...RANGE)
  renameSync(file, shop.path('away'))
  const missing = await plan(...RANGE)
  expect(missing.code).toBe(1)
  expect(missing.stderr).toMatch(
    /partition 0: offsets 192 to 215\\n +partition 1: offsets 192 to 215/,
  )
  const bytes = readFileSync(shop.path('away'))
  bytes[100] = (bytes[100] ?? 0) ^ 1
  writeFileSync(file, bytes)
  const changed = await shop.run('replay', 'run', id)
  expect(changed.code).toBe(1)
  expect(changed.stderr).toMatch(/part-0.parquet has other bytes.*SOURCE_CHANGED/s)
  renameSync(shop.path('away'), file)
})
