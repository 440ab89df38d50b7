/**
 * Publish and rollback on real servers, while a consumer runs and a producer goes on: it takes each generation over, closes days
 * meanwhile, and in the end every sink is what the oracle says. Whose rows a reader sees, `_run` tells.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Started } from '../../support/cli-process.ts'
import { sharedRedis } from '../../support/servers.ts'
import { hasIndependentReaders, readIndependently } from '../../support/table-processes.ts'
import { TableReader } from '../engine/table-reader.ts'
import { FIRST_MS, recordOf, TopicShop, writtenMs } from './topic-shop.ts'

const EVENTS_A_DAY = 24

const shop = await TopicShop.create('published')

beforeAll(async () => {
  const { url: redis } = await sharedRedis()
  shop.writePipeline({
    windows: ['1d', '3d'],
    allowedLateness: '12h',
    sinks: {
      online: { redis },
      offline: { delta: './tables', slots: 2, correctionsEvery: '1s' },
    },
    more: { rejects: { files: './rejects', limit: '50%' } },
  })
})

afterAll(() => shop[Symbol.asyncDispose]())

/** The events of the next days; every sixth is half a day late, and corrects a closed day. */
function produce(days: number): Promise<void> {
  return shop.produce(days * EVENTS_A_DAY, (partition, offset) => {
    const timestamp = writtenMs(offset, EVENTS_A_DAY)
    return recordOf(offset, timestamp, {
      user: `u${partition}-${Math.floor(offset / 7) % 5}`,
      at: Math.max(FIRST_MS, timestamp - (offset % 6 === 5 ? DAY_MS / 2 : 0)),
      amount: `${offset % 97}.25`,
    })
  })
}

/** Planned and run, not published. */
async function replayed(...range: string[]): Promise<string> {
  const { id } = await shop.planned(...range)
  await shop.ran(id)
  return id
}

interface Published {
  readonly outcome: string
  readonly generation: number
}

/** Every sink, once it has followed. */
function expectSinks(): Promise<void> {
  return shop.expectSinks({ follows: true })
}

/** By day: the runs whose rows a reader sees. */
async function runsOf(...days: string[]): Promise<readonly (readonly string[])[]> {
  await using tables = await TableReader.beside(await shop.pipeline(), shop.directory)
  const rows = await tables.read('activity_v1')
  return days.map((day) => {
    const ofDay = rows.filter((row) => row['ds'] === day)
    return [...new Set(ofDay.map((row) => row['_run'] as string))].sort()
  })
}

async function stopped({ child, ended }: Started): Promise<string> {
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return stderr
}

test('a consumer runs through two publishes and a rollback, and every sink is what the oracle says', async () => {
  await produce(16)
  const consumer = shop.start(['run'])
  await consumer.says('at the end of the log')
  await expectSinks()
  const [former] = await runsOf('2026-01-05')

  // Days that nobody can correct any more: swapped in beside the owners' states.
  const old = await replayed('--days', '2026-01-04..2026-01-05')
  await produce(1)
  expect(await shop.json<Published>('replay', 'publish', old, '--yes')).toMatchObject({
    outcome: 'published',
    generation: 2,
  })
  await consumer.says('generation 2 was published')
  await produce(1)
  await expectSinks()
  const [published, untouched] = await runsOf('2026-01-05', '2026-01-03')
  expect(published).not.toEqual(former)
  expect(untouched).toEqual(former)

  // Days that are still open: the owner goes on with the states of the replay, which was run a while ago.
  const open = await replayed('--days', '2026-01-12..2026-01-14')
  await produce(1)
  await expectSinks()
  const [before] = await runsOf('2026-01-13')
  await shop.json('replay', 'publish', open, '--yes')
  await produce(1)
  await consumer.says('generation 3 was published')
  await expectSinks()
  expect(await runsOf('2026-01-13')).not.toEqual([before])
  const standings = await shop.json<{ replays: { standing: unknown }[] }>('replay', 'list')
  expect(standings.replays.map(({ standing }) => standing)).toEqual([
    { kind: 'published', generation: 2, finished: true },
    { kind: 'published', generation: 3, finished: true },
  ])

  const back = await shop.json<Published>(
    'replay',
    'rollback',
    '--reason',
    'changed my mind',
    '--yes',
  )
  expect(back).toMatchObject({ outcome: 'rolled back', generation: 4, replay: open })
  await produce(2)
  await consumer.says('generation 4 was published')
  await expectSinks()
  expect(await runsOf('2026-01-13', '2026-01-05')).toEqual([before, published])
  await stopped(consumer)
  await expectSinks()

  const shown = await shop.json<{ trail: { did: string; by: string }[] }>('replay', 'show', open)
  expect(shown.trail.map(({ did }) => did)).toEqual([
    'plan',
    'run',
    'publish',
    'publish',
    'rollback',
    'rollback',
  ])
  if (hasIndependentReaders()) {
    const sql = ['--sql', 'select count(*) as n from t', '--keys', 'ds,user']
    for (const report of await readIndependently(shop.path('tables', 'activity_v1'), sql))
      expect(report).toMatchObject({ duplicates: 0 })
  }
}, 180_000)
