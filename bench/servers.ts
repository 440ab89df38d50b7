/** What the work costs on a real broker and a real Redis, on the same machine as the processor. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { OpenedParts } from '../src/cli/compose.ts'
import { systemClock } from '../src/cli/system-clock.ts'
import type { Pipeline } from '../src/core/definition.ts'
import { invariant } from '../src/errors.ts'
import { createKafkaLog } from '../src/kafka/kafka-log.ts'
import { openRedisReader } from '../src/redis/online-store.ts'
import { startKafka } from '../servers/kafka.ts'
import { startRedis } from '../servers/redis.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { benchPipeline, inPlace, notesOf, QUIET, runToEnd, startRun } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { PARTITIONS } from './workload.ts'

const TOPIC = 'w1'
const FETCH_BYTES = 2 * 1024 * 1024
const EVENTS_PER_SECOND = 10_000
const PROBE_EVERY_MS = 100
const PROBES_MIN = 5

export const drain: Bench = {
  about: 'a topic of 4 partitions, JSON of about 123 bytes, read to its end; nothing is decoded',
  unit: 'records',
  events: 2_000_000,
  cases: [
    { name: 'kafkajs, eachBatch', run: (options) => measureKafkajs(options) },
    { name: 'tidemark', run: (options) => measureReading(options) },
  ],
}

export const servers: Bench = {
  about: 'a topic to state, Redis and Delta tables, drained',
  unit: 'events',
  events: 1_000_000,
  cases: (
    [
      ['state only', []],
      ['state and Redis', ['online']],
      ['state and tables', ['offline']],
      ['end to end', ['online', 'offline']],
    ] as const
  ).map(([name, sinks]) => ({
    name,
    run: (options: BenchOptions) => measureRun(options, sinks),
  })),
}

export const latency: Bench = {
  about: `${EVENTS_PER_SECOND} events a second: from producing a record to its value being readable in Redis`,
  unit: 'events',
  events: 300_000,
  cases: [{ name: 'produce to Redis', run: (options) => measureLatency(options) }],
}

export interface Places {
  readonly brokers: string
  readonly redisUrl: string
  readonly place: string
}

export async function onServers<T>(work: (places: Places) => Promise<T>): Promise<T> {
  return inPlace(async (place) => {
    await using kafka = await startKafka({ directory: path.join(place, 'kafka') })
    await using redis = await startRedis({ directory: path.join(place, 'redis') })
    const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING })
    const admin = client.admin()
    await admin.connect()
    const configEntries = [{ name: 'retention.ms', value: '-1' }]
    await admin.createTopics({
      topics: [{ topic: TOPIC, numPartitions: PARTITIONS, configEntries }],
    })
    await admin.disconnect()
    return await work({ brokers: kafka.bootstrap, redisUrl: redis.url, place })
  })
}

function produce(...args: readonly string[]): ReturnType<typeof spawn> {
  const file = fileURLToPath(new URL('produce.ts', import.meta.url))
  return spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

export async function produceAll(brokers: string, events: number): Promise<void> {
  const child = produce(brokers, TOPIC, String(events))
  child.stdout?.resume()
  const [code] = (await once(child, 'exit')) as [number]
  invariant(code === 0, 'the workload is produced')
}

function measureKafkajs({ events }: BenchOptions): Promise<Measured> {
  return onServers(async ({ brokers }) => {
    await produceAll(brokers, events)
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: 'bench', maxWaitTimeInMs: 100 })
    await consumer.connect()
    await consumer.subscribe({ topic: TOPIC, fromBeginning: true })
    let count = 0
    const measured = await measure(async () => {
      await new Promise<void>((resolve) => {
        void consumer.run({
          autoCommit: false,
          eachBatch: ({ batch }) => {
            count += batch.messages.length
            if (count >= events) resolve()
            return Promise.resolve()
          },
        })
      })
      return { count }
    })
    await consumer.disconnect()
    return measured
  })
}

function measureReading({ events }: BenchOptions): Promise<Measured> {
  return onServers(async ({ brokers, place, redisUrl }) => {
    await produceAll(brokers, events)
    const { source } = await pipelineOf({ brokers, place, redisUrl })
    invariant(source.log.kind === 'kafka', 'the pipeline reads a topic')
    await using log = createKafkaLog(source.log, { log: QUIET, clock: systemClock })
    return await measure(async () => {
      const counts = await Promise.all(
        Array.from({ length: PARTITIONS }, async (_, partition) => {
          await using reader = await log.open(partition, 0)
          const end = await reader.endOffset()
          let count = 0
          for (let next = 0; next < end;) {
            const batch = await reader.read(FETCH_BYTES)
            count += batch?.count ?? 0
            next = batch?.nextOffset ?? next
          }
          return count
        }),
      )
      return { count: counts.reduce((sum, count) => sum + count, 0) }
    })
  })
}

function measureRun(
  { events }: BenchOptions,
  sinks: readonly ('online' | 'offline')[],
): Promise<Measured> {
  return onServers(async (places) => {
    await produceAll(places.brokers, events)
    const pipeline = await pipelineOf(places)
    const { online, offline } = pipeline.sinks
    const wanted = {
      ...(online && sinks.includes('online') ? { online } : {}),
      ...(offline && sinks.includes('offline') ? { offline } : {}),
    }
    return measure(async () => {
      const summary = await runToEnd({ ...pipeline, sinks: wanted })
      return { count: events, notes: notesOf(summary) }
    })
  })
}

export async function pipelineOf({ brokers, redisUrl, place }: Places): Promise<Pipeline> {
  const pipeline = await benchPipeline({ encoding: 'json', log: place, place, slots: 4 })
  return {
    ...pipeline,
    source: {
      ...pipeline.source,
      log: {
        kind: 'kafka',
        brokers: [brokers],
        topic: TOPIC,
        start: 'earliest',
        group: 'bench',
        sessionTimeoutMs: 30_000,
        trustProducerClock: false,
      },
    },
    sinks: {
      ...pipeline.sinks,
      online: { kind: 'redis', servers: { kind: 'standalone', url: redisUrl }, prefix: '' },
    },
  }
}

/** While the workload comes at its rate, single events of users of their own, each looked for until it is there. */
function measureLatency({ events }: BenchOptions): Promise<Measured> {
  return onServers(async (places) => {
    const pipeline = await pipelineOf(places)
    await using run = startRun(pipeline)
    const child = produce(places.brokers, TOPIC, String(events), String(EVENTS_PER_SECOND))
    const ended = once(child, 'exit')
    invariant(child.stdout, 'the producer prints when it begins')
    await once(createInterface({ input: child.stdout }), 'line')
    const delays: number[] = []
    const measured = await measure(async () => {
      await probe(pipeline, places, { delays, ended })
      return { count: events }
    })
    const { partitions } = await run.stop()
    delays.sort((a, b) => a - b)
    const at = (share: number): number => delays[Math.floor((delays.length - 1) * share)] ?? NaN
    const lag = partitions.reduce(
      (sum, { endOffset, nextOffset }) => sum + endOffset - nextOffset,
      0,
    )
    return {
      ...measured,
      notes: {
        probes: delays.length,
        'p50 ms': at(0.5),
        'p95 ms': at(0.95),
        'p99 ms': at(0.99),
        'lag at the end': lag,
      },
    }
  })
}

async function probe(
  { name, sinks: { online } }: Pipeline,
  { brokers }: Places,
  { delays, ended }: { readonly delays: number[]; readonly ended: Promise<unknown> },
): Promise<void> {
  invariant(online?.kind === 'redis', 'the values are in Redis')
  await using opened = new OpenedParts()
  const reader = opened.add(openRedisReader(online, { pipeline: name }))
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  const over = new AbortController()
  void ended.then(() => over.abort())
  for (let i = 0; !over.signal.aborted || delays.length < PROBES_MIN; i += 1) {
    const user = `probe-${i}`
    const now = Date.now()
    const value = JSON.stringify({
      user_id: user,
      event_type: 'click',
      event_ts: now,
      item_id: 'i',
    })
    const startMs = performance.now()
    await producer.send({
      topic: TOPIC,
      messages: [{ key: user, value, partition: i % PARTITIONS, timestamp: String(now) }],
    })
    while ((await reader.read('user_activity:v1', user)) === undefined) await sleep(2)
    delays.push(performance.now() - startMs)
    await sleep(PROBE_EVERY_MS)
  }
  await producer.disconnect()
}
