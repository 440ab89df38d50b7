/**
 * `tidemark replay --archive` on a real topic that has forgotten its beginning: what is staged from Parquet files and, where they end, the topic
 * is what the oracle says of the whole log.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DuckDb } from '../../../src/duckdb/database.ts'
import { putParquet } from '../../support/archive-files.ts'
import { DAY_MS } from '../../support/builders.ts'
import type { Ended } from '../../support/cli-process.ts'
import { FIRST_MS, lateRecord, TopicShop } from './topic-shop.ts'

const DAYS = 30
/** Days that the topic still has, and days that the archive has. */
const KEPT_FROM = 22
const ARCHIVED_TO = 24
/** Per partition. */
const EVENTS_A_DAY = 24

const shop = await TopicShop.create('archived')

beforeAll(async () => {
  await shop.produce(DAYS * EVENTS_A_DAY, (partition, offset) =>
    lateRecord(partition, offset, EVENTS_A_DAY),
  )
  shop.writePipeline({
    windows: ['1d', '7d'],
    allowedLateness: '12h',
    id: 'id',
    sinks: { online: { leveldb: './online' }, offline: { delta: './tables', slots: 2 } },
  })
  await shop.json('run', '--until-end')
  await archive()
  await shop.forget(KEPT_FROM * EVENTS_A_DAY)
})

afterAll(() => shop[Symbol.asyncDispose]())

/** By the day of the record's timestamp, fields as typed columns, the user's under another name. */
async function archive(): Promise<void> {
  const rows = shop.log.flatMap(({ partition, records }) =>
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

test('days that the topic has forgotten come from the archive; files of other days are left alone', async () => {
  const RANGE = ['--days', '2026-01-12..2026-01-13', '--only-range', '--start', 'milestone']
  const refused = await plan(...RANGE)
  expect(refused.stderr).toMatch(
    /need the log from offset \d+ on, and it begins at 528 now.*--archive/s,
  )
  // Never opened: whatever they hold, nobody minds.
  for (const date of ['2026-01-18', '2026-01-19'])
    writeFileSync(shop.path('kept', `ds=${date}`, 'torn.parquet'), 'PAR1')
  const { id, handsOver, partitions } = await shop.planned(...RANGE, ...ARCHIVE)
  expect(handsOver).toBe(false)
  const { records } = await shop.ran(id)
  // Seven days before the range, two before those for ids, and what follows until the range is final.
  const toRead = partitions.reduce((sum, each) => sum + each.records, 0)
  expect(records).toBeLessThan(toRead)
  expect(toRead).toBeLessThanOrEqual(13 * EVENTS_A_DAY * 2)
  const days = { first: '2026-01-12', last: '2026-01-13' }
  expect(await shop.stagedDifferences(id, days)).toBe('')
  for (const date of ['2026-01-18', '2026-01-19'])
    rmSync(shop.path('kept', `ds=${date}`, 'torn.parquet'))
})

test('a range that goes on to the end reads the archive, then the topic, and hands its states over', async () => {
  const { id, handsOver, staged } = await shop.planned(
    '--days',
    '2026-01-18..',
    '--start',
    'milestone',
    ...ARCHIVE,
  )
  expect(handsOver).toBe(true)
  await shop.ran(id)
  const days = { first: staged.first, last: '2026-01-29' }
  expect(await shop.stagedDifferences(id, days)).toBe('')
})

test('a missing file is told by its offsets; one that was changed after the plan is refused by the run', async () => {
  const RANGE = ['--days', '2026-01-12', '--only-range', '--start', 'milestone', ...ARCHIVE]
  const file = shop.path('kept', 'ds=2026-01-09', 'part-0.parquet')
  const { id } = await shop.planned(...RANGE)
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
