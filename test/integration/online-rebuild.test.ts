/** `tidemark online rebuild` on a real topic and a real Redis: beside the consumer and without one, from states and from tables. */
import { renameSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CliDirectory } from '../support/cli-process.ts'
import type { Ended } from '../support/cli-process.ts'
import { rawClient } from '../support/redis-place.ts'
import { fillSampleTopic } from '../support/sample-topic.ts'
import { sharedKafka, sharedRedis, uniqueName } from '../support/servers.ts'
import { KafkaClients } from './kafka/kafka-topic.ts'

interface Rebuilt {
  readonly stopped: boolean
  readonly partitions: readonly {
    readonly from: string
    readonly written: number
    readonly refused: number
  }[]
}

const shop = new CliDirectory()
let environment: Record<string, string> = {}
let raw: Redis & Disposable
/** What the consumer told, each hash whole. */
let told: ReadonlyMap<string, unknown>

function cli(...args: string[]): Promise<Ended> {
  return shop.start(args, environment).ended
}

beforeAll(async () => {
  const [kafka, redis] = await Promise.all([sharedKafka(), sharedRedis()])
  environment = {
    REDIS_URL: redis.url,
    TIDEMARK_HTTP: '127.0.0.1:0',
    KAFKA_BROKERS: kafka.bootstrap,
  }
  raw = rawClient(redis.url)
  const topic = uniqueName('shop')
  await using clients = new KafkaClients(kafka.bootstrap)
  await fillSampleTopic(clients, topic)
  expect(
    await cli('init', '--kafka', kafka.bootstrap, '--topic', topic, '--redis', '${REDIS_URL}'),
  ).toMatchObject({ code: 0 })
  expect(await cli('run', '--until-end', '--json')).toMatchObject({ code: 0 })
  told = await values()
  expect(told.size).toBeGreaterThan(20)
})
afterAll(() => {
  raw[Symbol.dispose]()
  shop[Symbol.dispose]()
})

async function values(): Promise<Map<string, unknown>> {
  const keys = (await raw.keys('*')).sort()
  const found = new Map<string, unknown>()
  for (const key of keys)
    if (await raw.hexists(key, '_version')) found.set(key, await raw.hgetall(key))
  return found
}

async function rebuild(...args: string[]): Promise<Rebuilt> {
  const { code, stdout, stderr } = await cli('online', 'rebuild', '--json', ...args)
  expect(stderr).not.toContain('Error')
  expect(code).toBe(0)
  return JSON.parse(stdout) as Rebuilt
}

test('a store that has lost everything is filled before a run starts, and the run then has nothing to tell', async () => {
  await raw.flushdb()
  const { partitions } = await rebuild()
  expect(partitions.map(({ from }) => from)).toEqual(['state', 'state'])
  expect(partitions.reduce((sum, { written }) => sum + written, 0)).toBe(told.size)
  expect(await values()).toEqual(told)
  const run = await cli('run', '--until-end', '--json')
  expect(JSON.parse(run.stdout)).toMatchObject({ values: 0 })
})

test('values that went missing one by one come back beside the consumer, at the pace that was asked for', async () => {
  const run = shop.start(['run', '--json'], environment)
  await run.says('following it')
  const gone = [...told.keys()].filter((_, index) => index % 2 === 0)
  await raw.del(...gone)
  const startedMs = performance.now()
  const { partitions } = await rebuild('--values-per-second', '50')
  expect(performance.now() - startedMs).toBeGreaterThan((told.size / 50) * 1_000)
  expect(partitions.reduce((sum, { written }) => sum + written, 0)).toBe(gone.length)
  expect(await values()).toEqual(told)

  // A loss of everything: the run finds out for itself, too, and neither takes back what the other has told.
  await raw.flushdb()
  await rebuild()
  expect(await values()).toEqual(told)
  run.child.kill('SIGTERM')
  expect((await run.ended).code).toBe(0)
})

test('without a state the last complete day comes from the tables, until a run tells what is newer', async () => {
  renameSync(shop.path('state'), shop.path('state.away'))
  await raw.flushdb()
  const nobody = await cli('online', 'rebuild')
  expect(nobody.code).toBe(1)
  expect(nobody.stdout).toMatch(/partition 0: not filled; no process holds it/)
  const { partitions } = await rebuild('--from', 'table')
  expect(partitions.map(({ from }) => from)).toEqual(['table', 'table'])
  const filled = await values()
  expect(filled.size).toBeGreaterThan(20)
  for (const [key, value] of filled) {
    const { _version, _asof } = value as Record<string, string>
    expect(_version).toMatch(/^1\.-1\.\d+$/)
    const before = told.get(key) as Record<string, string>
    expect(_asof! <= before['_asof']!).toBe(true)
  }
  renameSync(shop.path('state.away'), shop.path('state'))
  await cli('run', '--until-end')
  expect(await values()).toEqual(told)
})
