/** `tidemark replay plan` on a real topic: what it says, what it leaves alone, and a topic that no longer has its beginning. */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ConfigResourceTypes } from 'kafkajs'
import type { Admin } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Ended } from '../../support/cli-process.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('plans')
const PARTITIONS = 2
const DAYS = 24
/** Per partition. */
const EVENTS_A_DAY = 40
const FIRST_MS = Date.UTC(2026, 0, 1)

interface Planned {
  readonly id: string
  readonly staged: { readonly first: string; readonly last: string | null }
  readonly handsOver: boolean
  readonly partitions: readonly {
    readonly start: { readonly kind: string; readonly offset: number; readonly countsFrom: number }
    readonly stop: number | null
    readonly records: number
    readonly knownBy: string | null
  }[]
  readonly cost: { readonly records: number; readonly bytes: number }
}

const shop = new CliDirectory()
let clients: KafkaClients
let admin: Admin

beforeAll(async () => {
  const { bootstrap } = await sharedKafka()
  clients = new KafkaClients(bootstrap)
  admin = await clients.admin()
  await clients.createTopic(TOPIC, PARTITIONS, { 'retention.ms': '-1' })
  await fill()
  writeFileSync(shop.path('pipeline.yaml'), pipeline(bootstrap))
  const run = await shop.run('run', '--until-end')
  expect(run).toMatchObject({ code: 0 })
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

async function fill(): Promise<void> {
  const producer = await clients.producer()
  const topicMessages = Array.from({ length: PARTITIONS }, (_, partition) => ({
    topic: TOPIC,
    messages: Array.from({ length: DAYS * EVENTS_A_DAY }, (__, i) => {
      const at = FIRST_MS + Math.floor((i * DAY_MS) / EVENTS_A_DAY)
      const user = `u${partition}-${i % 7}`
      const value = JSON.stringify({ user_id: user, id: `${partition}-${i}`, at })
      return { partition, key: user, value, timestamp: String(at) }
    }),
  }))
  await producer.sendBatch({ topicMessages })
}

function pipeline(brokers: string): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${TOPIC}, trustProducerClock: true }
  format: json
  key: user_id
  fields: { user_id: string }
  event: { id: id, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 6h }
views:
  activity: { entity: user_id, windows: [1d, 7d], features: { events: { count: "*" } } }
sinks: { offline: { delta: ./tables } }
checkpoints: { store: ./checkpoints }
state: ./state
`
}

async function plan(...args: string[]): Promise<Planned> {
  const ended = await shop.run('replay', 'plan', '--reason', 'test', '--json', ...args)
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(ended.stdout) as Planned
}

function refusal({ code, stderr }: Ended): string {
  expect(code).toBe(1)
  return stderr
}

/** Every file with its bytes, but for the plans. */
function filesIn(folder: string): string[] {
  return readdirSync(shop.path(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('_tidemark/plans'))
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name)
      return `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`
    })
    .sort()
}

/** The close of January `day`: the third event of the day after it is 36 minutes later each, so the first beyond half an hour. */
function closeOf(day: number): number {
  return day * EVENTS_A_DAY + 1
}

test('says what is read, and leaves state, tables, group and offsets as they are', async () => {
  const before = [filesIn('state'), filesIn('tables'), await admin.fetchOffsets({ groupId: TOPIC })]
  const found = await plan('--days', '2026-01-12..2026-01-13')
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
  const after = [filesIn('state'), filesIn('tables'), await admin.fetchOffsets({ groupId: TOPIC })]
  expect(after).toEqual(before)
  const text = await shop.run('replay', 'plan', '--days', '2026-01-12', '--reason', 'for people')
  expect(text.stdout).toMatch(/rows of 2026-01-12 .. 2026-01-19: .* all-empty rows/)
  expect(text.stdout).toMatch(/Go on with: tidemark replay run \d{8}T\d{6}Z-[0-9a-f]{6}\n/)
})

test('knows the same by a checkpoint, where the state is on another machine', async () => {
  const range = ['--days', '2026-01-12..2026-01-13']
  const here = await plan(...range)
  renameSync(shop.path('state'), shop.path('elsewhere'))
  const there = await plan(...range)
  rmSync(shop.path('state'), { recursive: true })
  renameSync(shop.path('elsewhere'), shop.path('state'))
  expect(here.partitions.map(({ knownBy }) => knownBy)).toEqual(['state', 'state'])
  expect(there.partitions).toEqual(
    here.partitions.map((each) => ({ ...each, knownBy: 'checkpoint' })),
  )
})

test('a topic that was cut is refused as far as it does not reach, and serves with stored tiles', async () => {
  // Seven days are left of partition 0.
  await clients.deleteRecords(TOPIC, (DAYS - 7) * EVENTS_A_DAY)
  const range = ['--days', '2026-01-21', '--only-range']
  const from = ['replay', 'plan', '--reason', 'test', ...range]
  const words = refusal(await shop.run(...from, '--start', 'milestone'))
  expect(words).toMatch(/need the log from offset \d+ on, and it begins at 680 now/)
  expect(words).toContain('REPLAY_REFUSED')
  const { partitions } = await plan(...range)
  expect(partitions[0]?.start).toMatchObject({ kind: 'tiles', countsFrom: closeOf(19) + 1 })
  const early = refusal(await shop.run('replay', 'plan', '--days', '2026-01-10', '--reason', 'x'))
  expect(early).toMatch(/a range that begins on 2026-01-(19|20|21) or later/)
})

test('a compacted topic is no history', async () => {
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
  const resource = { type: ConfigResourceTypes.TOPIC, name: TOPIC, configEntries }
  await admin.alterConfigs({ validateOnly: false, resources: [resource] })
  const words = refusal(await shop.run('replay', 'plan', '--days', '2026-01-21', '--reason', 'x'))
  expect(words).toMatch(/cleanup\.policy compact: .* it is no history/)
})
