/**
 * Publish and rollback on real servers, while a consumer runs and a producer goes on: it takes each generation over, closes days
 * meanwhile, and in the end every sink is what the oracle says. Whose rows a reader sees, `_run` tells.
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Started } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawRecord } from '../../support/raw-record.ts'
import { sharedKafka, sharedRedis, uniqueName } from '../../support/servers.ts'
import { hasIndependentReaders, readIndependently } from '../../support/table-processes.ts'
import { actualRaw, RawRedis } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('published')
const PARTITIONS = [0, 1]
const EVENTS_A_DAY = 24
const FIRST_MS = Date.UTC(2026, 0, 1)
/** What a sink needs at most to follow, on a machine that is busy. */
const FOLLOWS_WITHIN_MS = 60_000

const shop = new CliDirectory()
/** By partition: what was produced so far. */
const log: RawRecord[][] = PARTITIONS.map(() => [])
let clients: KafkaClients
let producer: Producer

beforeAll(async () => {
  const { bootstrap } = await sharedKafka()
  clients = new KafkaClients(bootstrap)
  await clients.createTopic(TOPIC, PARTITIONS.length, { 'retention.ms': '-1' })
  producer = await clients.producer()
  writeFileSync(shop.path('pipeline.yaml'), pipelineText(bootstrap, await sharedRedis()))
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

function pipelineText(brokers: string, { url }: { readonly url: string }): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${TOPIC}, trustProducerClock: true }
  format: json
  key: user
  fields: { user: string, amount: "decimal(18,2)" }
  event: { time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 3d]
    features: { n: { count: "*" }, spent: { sum: amount }, last: { last: amount } }
    ttl: 40d
sinks:
  online: { redis: "${url}" }
  offline: { delta: ./tables, slots: 2, correctionsEvery: 1s }
rejects: { files: ./rejects, limit: 50% }
state: ./state
`
}

/** The events of the next days; every sixth is half a day late, and corrects a closed day. */
async function produce(days: number): Promise<void> {
  const topicMessages = PARTITIONS.map((partition) => {
    const records = log[partition] as RawRecord[]
    const begin = records.length
    for (let offset = begin; offset < begin + days * EVENTS_A_DAY; offset += 1) {
      const timestamp = FIRST_MS + Math.floor((offset * DAY_MS) / EVENTS_A_DAY)
      const at = Math.max(FIRST_MS, timestamp - (offset % 6 === 5 ? DAY_MS / 2 : 0))
      const user = `u${partition}-${Math.floor(offset / 7) % 5}`
      const value = JSON.stringify({ user, at, amount: `${offset % 97}.25` })
      records.push({ offset, timestamp, key: user, value })
    }
    const messages = records.slice(begin).map(({ key, value, timestamp }) => {
      return { partition, key, value: value as string, timestamp: String(timestamp) }
    })
    return { topic: TOPIC, messages }
  })
  await producer.sendBatch({ topicMessages })
}

async function tidemark<T = unknown>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await shop.run(...args, '--json')
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}

/** Planned and run, not published. */
async function replayed(...range: string[]): Promise<string> {
  const { id } = await tidemark<{ id: string }>('replay', 'plan', '--reason', 'test', ...range)
  await tidemark('replay', 'run', id)
  return id
}

interface Published {
  readonly outcome: string
  readonly generation: number
}

/** Every sink, once it has followed. */
async function expectSinks(): Promise<void> {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const partitions = PARTITIONS.map((partition) => ({ partition, records: log[partition] ?? [] }))
  const oracle = { ...recompute(pipeline, partitions), rejects: [] }
  const untilMs = performance.now() + FOLLOWS_WITHIN_MS
  for (;;) {
    await using tables = await TableReader.beside(pipeline, shop.directory)
    using redis = new RawRedis(pipeline)
    const online = actualRaw(pipeline, await redis.values())
    const found = sinkDifferences(oracle, { ...(await tables.sinks()), online, rejects: [] })
    if (found.length > 0 && performance.now() < untilMs) {
      await sleep(500)
      continue
    }
    expect(found.slice(0, 12).join('\n')).toBe('')
    return
  }
}

/** By day: the runs whose rows a reader sees. */
async function runsOf(...days: string[]): Promise<readonly (readonly string[])[]> {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  await using tables = await TableReader.beside(pipeline, shop.directory)
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
  expect(await tidemark<Published>('replay', 'publish', old, '--yes')).toMatchObject({
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
  await tidemark('replay', 'publish', open, '--yes')
  await produce(1)
  await consumer.says('generation 3 was published')
  await expectSinks()
  expect(await runsOf('2026-01-13')).not.toEqual([before])
  const standings = await tidemark<{ replays: { standing: unknown }[] }>('replay', 'list')
  expect(standings.replays.map(({ standing }) => standing)).toEqual([
    { kind: 'published', generation: 2, finished: true },
    { kind: 'published', generation: 3, finished: true },
  ])

  const back = await tidemark<Published>(
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

  const shown = await tidemark<{ trail: { did: string; by: string }[] }>('replay', 'show', open)
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
