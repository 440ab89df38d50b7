/**
 * A watermark that a wrong clock moved, on real servers: days are closed early, honest records come too late. It is taken back, what was
 * late anyway is healed, and all sinks are what the oracle says; so are those of a rebuild from the topic under the same record.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Pipeline } from '../../../src/core/definition.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { sharedKafka, sharedRedis, uniqueName } from '../../support/servers.ts'
import { actualRaw, RawRedis } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('poisoned')
const FIRST_MS = Date.UTC(2026, 0, 1)
const DAYS = 12
const EVENTS_A_DAY = 12
/** On the fifth day a phone says that it is two months later. */
const POISON = { index: 5 * EVENTS_A_DAY, at: FIRST_MS + 60 * DAY_MS }
/** From here on each third event is of a day that is over for long. */
const BELATED_FROM = 9 * EVENTS_A_DAY

function recordsOf(partition: number): RawRecord[] {
  return Array.from({ length: DAYS * EVENTS_A_DAY }, (_, offset) => {
    const now = FIRST_MS + Math.floor((offset * DAY_MS) / EVENTS_A_DAY)
    const isPoison = partition === 0 && offset === POISON.index
    const isBelated = offset >= BELATED_FROM && offset % 3 === 0
    const at = isPoison ? POISON.at : isBelated ? now - 6 * DAY_MS : now
    const user = isPoison ? 'phone' : `u${partition}-${offset % 5}`
    const event = { user_id: user, id: `${partition}-${offset}`, at, amount: (offset % 7) / 10 }
    return { offset, timestamp: Math.max(now, at), key: user, value: JSON.stringify(event) }
  })
}

const LOG: readonly RawPartition[] = [0, 1].map((partition) => {
  return { partition, records: recordsOf(partition) }
})

const WHY = ['--reason', 'a wrong clock']
const shop = new CliDirectory()
let clients: KafkaClients
let brokers: string

beforeAll(async () => {
  ;({ bootstrap: brokers } = await sharedKafka())
  clients = new KafkaClients(brokers)
  await clients.createTopic(TOPIC, LOG.length, { 'retention.ms': '-1' })
  await clients.createTopic(`${TOPIC}.dead-letters`, 1, { 'retention.ms': '-1' })
  const producer = await clients.producer()
  const topicMessages = LOG.map(({ partition, records }) => ({
    topic: TOPIC,
    messages: records.map(({ key, value, timestamp }) => {
      return { partition, key, value: value as string, timestamp: String(timestamp) }
    }),
  }))
  await producer.sendBatch({ topicMessages })
  writeFileSync(shop.path('pipeline.yaml'), pipelineText('.', await sharedRedis()))
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

function pipelineText(place: string, { url }: { readonly url: string }): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${uniqueName('group')}, trustProducerClock: true }
  format: json
  key: user_id
  fields: { user_id: string, amount: double }
  event: { id: id, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 6h }
views:
  activity:
    entity: user_id
    windows: [1d, 3d]
    features: { events: { count: "*" }, spent: { sum: amount }, latest: { last: amount } }
    ttl: 40d
sinks: { online: { redis: "${url}" }, offline: { delta: ${place}/tables } }
rejects: { topic: ${TOPIC}.dead-letters, limit: 100% }
state: ${place}/state
`
}

/** A command that has to succeed, and what it answers. */
async function tidemark(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await shop.run(...args, '--json')
  expect([code, code === 0 ? '' : stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Record<string, unknown>
}

async function expectSinks(log: readonly RawPartition[], file = 'pipeline.yaml'): Promise<void> {
  const pipeline: Pipeline = await loadPipeline(shop.path(file))
  await using tables = await TableReader.beside(pipeline, shop.directory)
  using redis = new RawRedis(pipeline)
  // An entity that only the dropped record had stays as the all-empty value, which is content as no value is.
  const values = await redis.values()
  const online = actualRaw(
    pipeline,
    values.filter(({ entity, envelope }) => entity !== 'phone' || '_event_time' in envelope),
  )
  const oracle = { ...recompute(pipeline, log), rejects: [] }
  const found = sinkDifferences(oracle, { ...(await tables.sinks()), online, rejects: [] })
  expect(found.slice(0, 12).join('\n')).toBe('')
  for (const { partition, closedDay } of oracle.partitions)
    expect((await tables.complete('activity_v1')).get(partition)).toBe(closedDay)
}

function accepting(log: readonly RawPartition[], pipeline: Pipeline): RawPartition[] {
  return recompute(pipeline, log).partitions.map(({ partition, judged }, i) => {
    const late = judged.filter(({ outcome }) => outcome === 'too_late')
    const accepted = late.map(({ record }) => record)
    return { ...(log[i] as RawPartition), partition, accepted }
  })
}

test('a watermark is reset, late records are healed, and a rebuild gives the same', async () => {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  await tidemark('run', '--until-end')
  await expectSinks(LOG)

  const dropped = LOG.map((part) =>
    part.partition === 0 ? { ...part, dropped: [POISON.index] } : part,
  )
  const { stdout, stderr } = await shop.run('watermark', 'reset', '--json', ...WHY)
  expect(stderr).toContain(`drops ${TOPIC}[0]@${POISON.index}, event time 2026-03-02`)
  const { id } = JSON.parse(stdout) as { readonly id: string }
  await tidemark('replay', 'run', id)
  await tidemark('replay', 'publish', id, '--yes')
  await tidemark('run', '--until-end')
  await expectSinks(dropped)

  // What was too late because of the poison counts by now, and is not accepted: the ledger has it as history.
  const healed = accepting(dropped, pipeline)
  await tidemark('late', 'heal', '--yes', ...WHY)
  await tidemark('run', '--until-end')
  const newest = newestRecord()
  expect(newest.amendments.length).toBe(
    1 + healed.reduce((sum, { accepted = [] }) => sum + accepted.length, 0),
  )
  await expectSinks(healed)
  expect(await tidemark('late', 'heal', ...WHY)).toEqual({ accepts: 0, plan: null })

  const { handOver: _, ...record } = newest
  mkdirSync(shop.path('new', 'tables', '_tidemark', 'generations'), { recursive: true })
  cpSync(
    shop.path('tables', '_tidemark', 'amendments'),
    shop.path('new', 'tables', '_tidemark', 'amendments'),
    { recursive: true },
  )
  writeFileSync(
    shop.path('new', 'tables', '_tidemark', 'generations', '000001.json'),
    JSON.stringify({ ...record, generation: 1 }),
  )
  writeFileSync(shop.path('new.yaml'), pipelineText('./new', await sharedRedis()))
  await tidemark('run', '--until-end', '-f', 'new.yaml')
  await expectSinks(healed, 'new.yaml')
})

function newestRecord(): { readonly amendments: readonly unknown[]; readonly handOver?: unknown } {
  const folder = shop.path('tables', '_tidemark', 'generations')
  const name = readdirSync(folder).sort().at(-1) ?? ''
  return JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as ReturnType<typeof newestRecord>
}
