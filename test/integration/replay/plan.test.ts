/** `tidemark replay plan` on a real topic: what it says, what it leaves alone, and a topic that no longer has its beginning. */
import { renameSync, rmSync } from 'node:fs'
import { ConfigResourceTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Ended } from '../../support/cli-process.ts'
import { recordOf, TopicShop, writtenMs } from './topic-shop.ts'

const DAYS = 24
/** Per partition. */
const EVENTS_A_DAY = 40

const shop = await TopicShop.create('plans')

beforeAll(async () => {
  await shop.produce(DAYS * EVENTS_A_DAY, (partition, offset) => {
    const at = writtenMs(offset, EVENTS_A_DAY)
    const user = `u${partition}-${offset % 7}`
    return recordOf(offset, at, { user, id: `${partition}-${offset}`, at })
  })
  shop.writePipeline({
    windows: ['1d', '7d'],
    allowedLateness: '6h',
    id: 'id',
    features: { events: { count: '*' } },
    sinks: { offline: { delta: './tables' } },
    more: { checkpoints: { store: './checkpoints' } },
  })
  await shop.json('run', '--until-end')
})

afterAll(() => shop[Symbol.asyncDispose]())

function refusal({ code, stderr }: Ended): string {
  expect(code).toBe(1)
  return stderr
}

/** All that is the consumer's. */
function liveThings(): Promise<readonly unknown[]> {
  return shop.things(['state', 'tables'], (file) => file.includes('_tidemark/plans'))
}

/** The close of January `day`: the third event of the day after it is 36 minutes later each, so the first beyond half an hour. */
function closeOf(day: number): number {
  return day * EVENTS_A_DAY + 1
}

test('says what is read, and leaves state, tables, group and offsets as they are', async () => {
  const before = await liveThings()
  const found = await shop.planned('--days', '2026-01-12..2026-01-13')
  expect(found).toMatchObject({
    staged: { first: '2026-01-12', last: '2026-01-20' },
    handsOver: false,
  })
  for (const { start, stop, records } of found.partitions) {
    // The first tile is of 01-05: the log closed 01-03 in 01-04.
    expect(start).toMatchObject({ kind: 'milestone', countsFrom: closeOf(3) + 1 })
    // 01-20 is final 6 h after its end, with the first event of 01-21 06:30 or later that closes a day.
    expect(stop).toBe(closeOf(21) + 1)
    expect(records).toBe((stop ?? NaN) - start.offset)
  }
  const perRecord = found.cost.bytes / found.cost.records
  expect(perRecord).toBeGreaterThan(40)
  expect(perRecord).toBeLessThan(120)
  expect(await liveThings()).toEqual(before)
  const text = await shop.run('replay', 'plan', '--days', '2026-01-12', '--reason', 'for people')
  expect(text.stdout).toMatch(/rows of 2026-01-12 .. 2026-01-19: .* all-empty rows/)
  expect(text.stdout).toMatch(/Go on with: tidemark replay run \d{8}T\d{6}Z-[0-9a-f]{6}\n/)
})

test('knows the same by a checkpoint, where the state is on another machine', async () => {
  const range = ['--days', '2026-01-12..2026-01-13']
  const here = await shop.planned(...range)
  renameSync(shop.path('state'), shop.path('elsewhere'))
  const there = await shop.planned(...range)
  rmSync(shop.path('state'), { recursive: true })
  renameSync(shop.path('elsewhere'), shop.path('state'))
  expect(here.partitions.map(({ knownBy }) => knownBy)).toEqual(['state', 'state'])
  expect(there.partitions).toEqual(
    here.partitions.map((each) => ({ ...each, knownBy: 'checkpoint' })),
  )
})

test('a topic that was cut is refused as far as it does not reach, and serves with stored tiles', async () => {
  // Seven days are left of partition 0.
  await shop.clients.deleteRecords(shop.topic, (DAYS - 7) * EVENTS_A_DAY)
  const range = ['--days', '2026-01-21', '--only-range']
  const from = ['replay', 'plan', '--reason', 'test', ...range]
  const words = refusal(await shop.run(...from, '--start', 'milestone'))
  expect(words).toMatch(/need the log from offset \d+ on, and it begins at 680 now/)
  expect(words).toContain('REPLAY_REFUSED')
  const { partitions } = await shop.planned(...range)
  expect(partitions[0]?.start).toMatchObject({ kind: 'tiles', countsFrom: closeOf(19) + 1 })
  const early = refusal(await shop.run('replay', 'plan', '--days', '2026-01-10', '--reason', 'x'))
  expect(early).toMatch(/a range that begins on 2026-01-(19|20|21) or later/)
})

test('a compacted topic is no history', async () => {
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
  const resource = { type: ConfigResourceTypes.TOPIC, name: shop.topic, configEntries }
  await shop.admin.alterConfigs({ validateOnly: false, resources: [resource] })
  const words = refusal(await shop.run('replay', 'plan', '--days', '2026-01-21', '--reason', 'x'))
  expect(words).toMatch(/cleanup\.policy compact: .* it is no history/)
})
