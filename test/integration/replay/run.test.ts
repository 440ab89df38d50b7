/**
 * `tidemark replay run` on a real topic and real tables: beside a live consumer that notices nothing, killed and run again, and from
 * stored tiles where the topic has forgotten what the windows need. What is staged is what the oracle says.
 */
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lateRecord, TopicShop } from './topic-shop.ts'

const DAYS = 50
/** Per partition. */
const EVENTS_A_DAY = 48
const GARBAGE = 1_700

const shop = await TopicShop.create('replayed')

beforeAll(async () => {
  await shop.produce(DAYS * EVENTS_A_DAY, (partition, offset) => {
    const record = lateRecord(partition, offset, EVENTS_A_DAY)
    return offset === GARBAGE ? { ...record, value: 'garbage' } : record
  })
  shop.writePipeline({
    windows: ['1d', '7d', '30d'],
    allowedLateness: '12h',
    id: 'id',
    sinks: { online: { leveldb: './online' }, offline: { delta: './tables', slots: 4 } },
    more: { rejects: { files: './rejects', limit: '50%' } },
  })
})

afterAll(() => shop[Symbol.asyncDispose]())

/** All that is the live consumer's. */
function liveThings(): Promise<readonly unknown[]> {
  return shop.things(['state', 'tables', 'online', 'rejects'], (file) =>
    /_tidemark\/(plans|replays|states|staging)|state\/(replays|tidemark-)/.test(file),
  )
}

/** Killed once it has a state, and a while later. */
async function killed(id: string, afterMs: number): Promise<void> {
  const run = shop.start(['replay', 'run', id, '--records-per-second', '400'])
  const place = shop.path('state', 'replays', id, 'partition-0', 'CURRENT')
  while (!existsSync(place) && run.child.exitCode === null) await sleep(20)
  await sleep(afterMs)
  run.child.kill('SIGKILL')
  await run.ended
}

test('beside a consumer that follows the log, which notices nothing; and twice with the same values', async () => {
  // Everything written first: days that the consumer has still to write could not be replayed alone.
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
  const live = shop.start(['run'])
  await live.says('at the end of the log')
  const status = async (): Promise<unknown> => {
    const { partitions } = JSON.parse((await shop.run('status', '--json')).stdout) as {
      readonly partitions: readonly Readonly<Record<string, unknown>>[]
    }
    return partitions.map(({ position, watermark, tables }) => ({ position, watermark, tables }))
  }
  const before = await status()
  const { id, partitions, handsOver } = await shop.planned(
    '--days',
    '2026-02-05..2026-02-06',
    '--only-range',
    ...['--start', 'milestone'],
  )
  expect(partitions.map(({ start }) => start.kind)).toEqual(['milestone', 'milestone'])
  expect(handsOver).toBe(false)
  await killed(id, 1_200)
  const result = await shop.ran(id, '--parallel', '1')
  expect(await shop.stagedDifferences(id, { first: '2026-02-05', last: '2026-02-06' })).toBe('')
  expect(result.rejects).toMatchObject({ too_late: expect.any(Number) as number, undecodable: 2 })
  expect(await status()).toEqual(before)
  live.child.kill('SIGTERM')
  expect(await live.ended).toMatchObject({ code: 0 })
  const things = await liveThings()
  const again = await shop.planned('--days', '2026-02-05..2026-02-06', '--only-range')
  expect((await shop.ran(again.id)).tables).toMatchObject(
    result.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
  )
  expect(await liveThings()).toEqual(things)
})

test('a topic of seven days: a day in range starts from the tile table, and is exact', async () => {
  await shop.forget((DAYS - 7) * EVENTS_A_DAY)
  const { id, partitions } = await shop.planned('--days', '2026-02-16', '--only-range')
  expect(partitions.map(({ start }) => start.kind)).toEqual(['tiles', 'tiles'])
  await killed(id, 100)
  await killed(id, 700)
  const { records, tables } = await shop.ran(id)
  expect(records).toBeLessThan(7 * EVENTS_A_DAY * shop.log.length)
  expect(tables[0]?.rows).toBe(14)
  expect(await shop.stagedDifferences(id, { first: '2026-02-16', last: '2026-02-16' })).toBe('')
})

test('a range that goes on to the end hands states over, and may be stopped and gone on with', async () => {
  const things = await liveThings()
  const { id, handsOver, staged } = await shop.planned('--days', '2026-02-17..')
  expect(handsOver).toBe(true)
  const run = shop.start(['replay', 'run', id, '--records-per-second', '20', '--json'])
  const place = shop.path('state', 'replays', id, 'partition-0', 'CURRENT')
  while (!existsSync(place) && run.child.exitCode === null) await sleep(20)
  run.child.kill('SIGINT')
  const stopped = await run.ended
  expect(stopped).toMatchObject({ code: 1 })
  expect(stopped.stderr).toContain(`tidemark replay run ${id}`)
  expect(JSON.parse(stopped.stdout)).toMatchObject({ reason: 'stopped' })
  const result = await shop.ran(id)
  for (const { checkpoint, closedDay } of result.partitions) {
    expect(checkpoint).toBeDefined()
    expect(closedDay).toBe('2026-02-18')
  }
  expect(await shop.stagedDifferences(id, { first: staged.first, last: '2026-02-18' })).toBe('')
  expect(await liveThings()).toEqual(things)
})
