/**
 * A definition that changes while the consumer runs: a longer window out of stored tiles, a new version beside the old one, the old one
 * retired. Each is brought in by a replay, and every row is then as if the file had always said so.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadPipeline } from '../../../src/definition/load.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Started } from '../../support/cli-process.ts'
import { runHere } from '../engine/real-world.ts'
import { TableReader } from '../engine/table-reader.ts'
import { appendDay } from './month-log.ts'

const HEAD = `name: shop
source:
  files: LOG
  format: json
  key: user_id
  fields: { user_id: string, event_type: string, amount: "decimal(18,2)" }
  event: { time: { field: event_ts, format: ms } }
time: { zone: UTC, outOfOrderness: 30m, allowedLateness: 24h }
sinks:
  online: { leveldb: ./online }
  offline: { delta: ./features, slots: 1 }
state: ./state
views:
`
const FIRST = `  activity:
    entity: user_id
    windows: [1d, 3d]
    features:
      clicks: { count: "*", where: { event_type: click } }
      spend: { sum: amount }
`
const LONGER = `${FIRST.replace('[1d, 3d]', '[1d, 3d, 10d]')}    derived: { share: "clicks_1d / nullif(clicks_10d, 0)" }
`
/** Under the same name with another meaning. */
const SECOND = `  activity@2:
    entity: user_id
    windows: [1d, 5d]
    features:
      clicks: { count: "*", where: { event_type: [click, buy] } }
`
const DAYS = 24

const shop = new CliDirectory()
const log = shop.path('log')
/** Follows the log with the old file. */
let consumer: Started | undefined

beforeAll(async () => {
  for (let day = 0; day < DAYS; day += 1) appendDay(log, day)
  await runToEnd(pipelineFile('old.yaml', FIRST))
})

afterAll(async () => {
  consumer?.child.kill('SIGKILL')
  await consumer?.ended
  shop[Symbol.dispose]()
})

function pipelineFile(name: string, views: string): string {
  const file = shop.path(name)
  writeFileSync(file, HEAD.replace('LOG', log) + views)
  return file
}

async function runToEnd(file: string, place = shop.directory): Promise<void> {
  const pipeline = await loadPipeline(file)
  expect(path.dirname(pipeline.state)).toBe(place)
  await runHere(pipeline)
}

/** Rows of all tables without provenance, sorted. */
async function rowsOf(file: string): Promise<Record<string, string[]>> {
  const pipeline = await loadPipeline(file)
  await using reader = await TableReader.open(pipeline, shop.path('scratch'))
  const tables = pipeline.views.flatMap(({ name, version }) => [
    `${name}_v${version}`,
    `${name}_v${version}__tiles`,
  ])
  const rows: Record<string, string[]> = {}
  for (const table of tables) {
    const all = await reader.read(table)
    rows[table] = all
      .map(({ _run: _, _known_at: __, _tile: ___, ...row }) =>
        JSON.stringify(Object.entries(row).sort()),
      )
      .sort()
  }
  return rows
}

/** What a pipeline that had always been so has written. */
async function rowsAnew(name: string, views: string): Promise<Record<string, string[]>> {
  const other = new CliDirectory()
  try {
    const file = other.path(`${name}.yaml`)
    writeFileSync(file, HEAD.replace('LOG', log) + views)
    await runToEnd(file, other.directory)
    return await rowsOf(file)
  } finally {
    other[Symbol.dispose]()
  }
}

async function get(file: string, ...args: string[]): Promise<object> {
  const { stdout } = await shop.run('get', '-f', file, ...args, 'user_id=u1', '--json')
  return JSON.parse(stdout) as object
}

test('a longer window comes out of stored tiles, nothing of the log is read, and the consumer with the old file says what to do', async () => {
  const old = shop.path('old.yaml')
  const file = pipelineFile('longer.yaml', LONGER)
  consumer = shop.start(['run', '-f', old])
  await consumer.says('at the end of the log')
  const planned = await shop.run('replay', 'plan', '-f', file, '--reason', 'longer', '--json')
  expect(planned, planned.stderr).toMatchObject({ code: 0 })
  const plan = JSON.parse(planned.stdout) as { id: string; partitions: object[]; changes: string[] }
  expect(plan.changes).toContain('views.activity@1: longest window 3 d -> 10 d')
  expect(plan.partitions).toMatchObject([
    { start: { kind: 'live' }, records: 0 },
    { start: { kind: 'live' }, records: 0 },
  ])
  const ran = await shop.run('replay', 'run', plan.id, '-f', file, '--json')
  expect(JSON.parse(ran.stdout), ran.stderr).toMatchObject({ reason: 'done', records: 0 })
  const published = await shop.run('replay', 'publish', plan.id, '-f', file, '--yes')
  expect(published, published.stderr).toMatchObject({ code: 0 })
  const ended = await consumer.ended
  expect(ended.code).toBe(2)
  expect(ended.stderr).toMatch(
    /generation 2 was published, from another pipeline file.*Start again with the pipeline file that generation 2 was published from/,
  )
  await runToEnd(file)
  expect(await rowsOf(file)).toEqual(await rowsAnew('longer', LONGER))
})

test('a new version is filled beside the old one, `latest` is the old one until it is published, then both are served', async () => {
  const both = pipelineFile('both.yaml', LONGER + SECOND)
  await expect(runToEnd(both)).rejects.toMatchObject({
    code: 'DEFINITION_CHANGED',
    message: expect.stringMatching(
      /views\.activity: version 2 is new: a replay fills it.*`tidemark replay plan`/s,
    ) as unknown,
  })
  expect(await get(both, 'activity')).toMatchObject({ view: 'activity@1' })
  expect(await get(both, 'activity@latest')).toMatchObject({ view: 'activity@1' })
  const all = await shop.run('replay', '-f', both, '--reason', 'version 2', '--yes')
  expect(all, all.stderr).toMatchObject({ code: 0 })
  // The record is there, and the store has yet to be told: a reader of it is not sent to a version without values.
  expect(await get(both, 'activity@latest')).toMatchObject({ view: 'activity@1' })
  expect(await get(both, 'activity@latest', '--offline', '2026-01-20')).toMatchObject({
    view: 'activity@2',
  })
  await runToEnd(both)
  expect(await get(both, 'activity@latest')).toMatchObject({ view: 'activity@2' })
  expect(await get(both, 'activity@1')).toMatchObject({ view: 'activity@1' })
  expect(await rowsOf(both)).toEqual(await rowsAnew('both', LONGER + SECOND))
})

test('the old version is retired: the new one goes on alone', async () => {
  const alone = pipelineFile('alone.yaml', SECOND)
  const all = await shop.run('replay', '-f', alone, '--reason', 'version 1 is over', '--yes')
  expect(all, all.stderr).toMatchObject({ code: 0 })
  appendDay(log, DAYS)
  await runToEnd(alone)
  expect(await get(alone, 'activity')).toMatchObject({ view: 'activity@2' })
  expect(await rowsOf(alone)).toEqual(await rowsAnew('alone', SECOND))

  // What stored tiles answer may also come at once, and holds from then on: readers are told since when.
  const added = pipelineFile('added.yaml', `${SECOND}    derived: { half: clicks_1d / 2 }\n`)
  await runToEnd(added)
  expect(await get(added, 'activity', '--offline', '2026-01-20')).toMatchObject({
    row: { half: null },
    since: { half: '2026-01-25' },
  })
})
