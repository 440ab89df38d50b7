/**
 * Partitions are added to a real topic while a consumer runs: it stops by itself and says what to do; the plan finds out how keys are
 * placed, the replay regroups, and the consumer goes on with every value, in Redis and in the tables, as the oracle has it.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { homeOfText } from '../../../src/core/home.ts'
import { partitionerNamed } from '../../../src/core/partitioner.ts'
import { parseDay } from '../../../src/core/day.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { DAY_MS } from '../../support/builders.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import type { RawRecord } from '../../support/raw-record.ts'
import { recomputeRegrouped } from '../../support/regrouped-oracle.ts'
import { sharedKafka, sharedRedis, uniqueName } from '../../support/servers.ts'
import { actualRaw, RawRedis } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('regrouped')
const OLD = 2
const ALL = 4
const EVENTS_A_DAY = 60
const USERS = 40
const FIRST_MS = Date.UTC(2026, 0, 1)
const FOLLOWS_WITHIN_MS = 60_000

const shop = new CliDirectory()
/** By partition: what was produced so far. */
const log: RawRecord[][] = Array.from({ length: ALL }, () => [])
let produced = 0
let clients: KafkaClients
let admin: Admin
let producer: Producer

beforeAll(async () => {
  const { bootstrap } = await sharedKafka()
  clients = new KafkaClients(bootstrap)
  admin = await clients.admin()
  await clients.createTopic(TOPIC, OLD, { 'retention.ms': '-1' })
  producer = await clients.producer()
  writeFileSync(shop.path('pipeline.yaml'), pipelineText(bootstrap, (await sharedRedis()).url))
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

function pipelineText(brokers: string, url: string): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${TOPIC}, trustProducerClock: true }
  format: json
  key: user
  fields: { user: string, item: int64, amount: "decimal(18,2)" }
  event: { id: id, duplicatesWithin: 24h, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 3d]
    features: { n: { count: "*" }, spent: { sum: amount }, last: { last: amount } }
    ttl: 40d
  pairs:
    entity: [item, user]
    windows: [2d]
    features: { n: { count: "*" } }
    ttl: 40d
sinks:
  online: { redis: "${url}" }
  offline: { delta: ./tables, slots: 2, correctionsEvery: 1s }
rejects: { files: ./rejects, limit: 50% }
state: ./state
`
}

function homeAmong(partitions: number): (user: string) => number {
  const murmur2 = partitionerNamed('murmur2')
  if (murmur2 === undefined) throw new Error('murmur2 is known')
  return homeOfText(murmur2, partitions)
}

/** Of the next days, keyed by user; every sixth is half a day late, every ninth repeats an id. */
async function produce(days: number, partitions: number): Promise<void> {
  const home = homeAmong(partitions)
  const messages = log.map(
    () => [] as { partition: number; key: string; value: string; timestamp: string }[],
  )
  for (const end = produced + days * EVENTS_A_DAY; produced < end; produced += 1) {
    const timestamp = FIRST_MS + Math.floor((produced * DAY_MS) / EVENTS_A_DAY)
    const at = Math.max(FIRST_MS, timestamp - (produced % 6 === 5 ? DAY_MS / 2 : 0))
    const user = `u${(produced * 7) % USERS}`
    const id = `e${produced % 9 === 8 ? produced - 8 * USERS : produced}`
    const value = JSON.stringify({
      user,
      id,
      at,
      item: produced % 3,
      amount: `${produced % 97}.25`,
    })
    const partition = home(user)
    const records = log[partition] ?? []
    records.push({ offset: records.length, timestamp, key: user, value })
    messages[partition]?.push({ partition, key: user, value, timestamp: String(timestamp) })
  }
  await producer.sendBatch({
    topicMessages: messages
      .filter((each) => each.length > 0)
      .map((each) => ({ topic: TOPIC, messages: each })),
  })
}

async function tidemark<T = unknown>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await shop.run(...args, '--json')
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}

interface Planned {
  readonly id: string
  readonly staged: { readonly first: string }
  readonly regrouped: {
    readonly partitioner: string
    readonly from: readonly { readonly partition: number; readonly end: number }[]
  }
}

interface Later {
  readonly id: string
  readonly partitions: readonly { readonly start: { readonly place?: string } }[]
}

/** Every sink, once it has followed. */
async function expectSinks({ regrouped, staged }: Planned): Promise<void> {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const ends = regrouped.from.map(({ end }) => end)
  const home = homeAmong(ALL)
  const oracle = recomputeRegrouped(pipeline, {
    old: ends.map((end, partition) => {
      return { partition, records: (log[partition] ?? []).slice(0, end) }
    }),
    parts: log.map((records, partition) => {
      const origin = ends[partition] ?? 0
      return { partition, origin, records: records.slice(origin) }
    }),
    home: ({ fields }) => home(String(fields.get('user'))),
    first: parseDay(staged.first) ?? NaN,
  })
  const untilMs = performance.now() + FOLLOWS_WITHIN_MS
  for (;;) {
    await using tables = await TableReader.beside(pipeline, shop.directory)
    using redis = new RawRedis(pipeline)
    const online = actualRaw(pipeline, await redis.values())
    const actual = { ...(await tables.sinks()), online, rejects: [] }
    const found = sinkDifferences({ ...oracle, rejects: [] }, actual)
    if (found.length > 0 && performance.now() < untilMs) {
      await sleep(500)
      continue
    }
    expect(found.slice(0, 12).join('\n')).toBe('')
    return
  }
}

test('2 -> 4 partitions: the consumer stops, entities are regrouped, and it goes on with all values', async () => {
  await produce(9, OLD)
  const running = shop.start(['run'])
  await running.says('at the end of the log')
  await sleep(2_000)
  await admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count: ALL }] })
  const stopped = await running.ended
  expect(stopped.code).toBe(1)
  expect(stopped.stderr).toMatch(/had 2 partitions and has 4 now/)
  expect(stopped.stderr).toMatch(/tidemark replay plan --reason/)
  // A client that knows of the new ones: an older one would drop what is for them.
  producer = await clients.producer()
  await produce(4, ALL)
  const plan = await tidemark<Planned>('replay', 'plan', '--reason', 'partitions were added')
  expect(plan.regrouped.partitioner).toBe('murmur2')
  await tidemark('replay', 'run', plan.id)
  const diff = await shop.run('replay', 'diff', plan.id, '--json')
  expect([0, 1], diff.stderr).toContain(diff.code)
  await tidemark('replay', 'publish', plan.id, '--reason', 'test', '--yes')
  const again = shop.start(['run'])
  await expectSinks(plan)
  await produce(4, ALL)
  await expectSinks(plan)
  // What it left is the beginning of a later replay, which counts the same of the days since.
  const later = await tidemark<Later>(
    'replay',
    'plan',
    '--days',
    '2026-01-12..',
    '--reason',
    'test',
  )
  expect(later.partitions.map(({ start }) => start.place)).toEqual(
    Array.from({ length: ALL }, () => `replays/${plan.id}`),
  )
  await tidemark('replay', 'run', later.id)
  expect(await shop.run('replay', 'diff', later.id)).toMatchObject({ code: 0 })
  const back = await shop.run('replay', 'rollback', '--reason', 'test', '--yes')
  expect(back.code).toBe(1)
  expect(back.stderr).toMatch(/the log cannot lose them again/)
  again.child.kill('SIGINT')
  await again.ended
}, 180_000)
