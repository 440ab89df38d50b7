/**
 * A shop on a real topic, for tests of replays: its events, its pipeline, the command line in a directory of its own, and its sinks held
 * against the oracle. What a test does not say of the pipeline has its default.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, Producer } from 'kafkajs'
import { expect } from 'vitest'
import { DAY_MS, parseDay } from '../../../src/core/day.ts'
import type { Pipeline, StorageLocation } from '../../../src/core/definition.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { stagedDifferences } from '../../support/staged-differences.ts'
import { actualRaw, RawRedis } from '../engine/online-reader.ts'
import type { RawValue } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

export const FIRST_MS = Date.UTC(2026, 0, 1)
const DIFFERENCES_MAX = 12
/** What a sink needs at most to follow, on a machine that is busy. */
const FOLLOWS_WITHIN_MS = 60_000
const LOOK_MS = 500

export interface ShopPipeline {
  readonly windows: readonly string[]
  readonly allowedLateness: string
  /** Events have none by default. */
  readonly id?: string
  readonly group?: string
  readonly features?: object
  readonly sinks: object
  /** Beside these. */
  readonly more?: object
}

export interface Planned {
  readonly id: string
  readonly handsOver: boolean
  readonly staged: { readonly first: string; readonly last: string | null }
  readonly partitions: readonly {
    readonly start: { readonly kind: string; readonly offset: number; readonly countsFrom: number }
    readonly stop: number | null
    readonly records: number
    readonly knownBy: string | null
  }[]
  readonly cost: { readonly records: number; readonly bytes: number }
}

export interface Ran {
  readonly reason: string
  readonly records: number
  readonly rejects: Readonly<Record<string, number>>
  readonly partitions: readonly { readonly checkpoint?: string; readonly closedDay: string }[]
  readonly tables: readonly {
    readonly name: string
    readonly rows: number
    readonly checksum: string
  }[]
}

export class TopicShop extends CliDirectory implements AsyncDisposable {
  readonly topic: string
  readonly brokers: string
  readonly clients: KafkaClients
  readonly admin: Admin
  /** What was produced so far. */
  readonly log: readonly { readonly partition: number; readonly records: RawRecord[] }[]
  readonly #producer: Producer

  /** Two partitions, empty. */
  static async create(name: string): Promise<TopicShop> {
    const { bootstrap } = await sharedKafka()
    const clients = new KafkaClients(bootstrap)
    const topic = uniqueName(name)
    const shop = new TopicShop(
      { topic, brokers: bootstrap, clients },
      await clients.admin(),
      await clients.producer(),
    )
    await clients.createTopic(topic, shop.log.length, { 'retention.ms': '-1' })
    return shop
  }

  private constructor(
    {
      topic,
      brokers,
      clients,
    }: {
      readonly topic: string
      readonly brokers: string
      readonly clients: KafkaClients
    },
    admin: Admin,
    producer: Producer,
  ) {
    super()
    this.topic = topic
    this.brokers = brokers
    this.clients = clients
    this.admin = admin
    this.log = [0, 1].map((partition) => ({ partition, records: [] }))
    this.#producer = producer
  }

  /** Events of so many more days; `recordAt` says what is at an offset. */
  async produce(
    count: number,
    recordAt: (partition: number, offset: number) => RawRecord,
  ): Promise<void> {
    const topicMessages = this.log.map(({ partition, records }) => {
      const begin = records.length
      for (let offset = begin; offset < begin + count; offset += 1)
        records.push(recordAt(partition, offset))
      const messages = records.slice(begin).map(({ key, value, timestamp }) => {
        return { partition, key, value: value as string, timestamp: String(timestamp) }
      })
      return { topic: this.topic, messages }
    })
    await this.#producer.sendBatch({ topicMessages })
  }

  /** The topic no longer has what is before. */
  async forget(offset: number): Promise<void> {
    // The client learns of the topic's leaders by it.
    await this.admin.fetchTopicOffsets(this.topic)
    const partitions = this.log.map(({ partition }) => ({ partition, offset: String(offset) }))
    await this.admin.deleteTopicRecords({ topic: this.topic, partitions })
  }

  writePipeline(
    { windows, allowedLateness, id, group, features, sinks, more }: ShopPipeline,
    file = 'pipeline.yaml',
  ): void {
    const { brokers, topic } = this
    const document = {
      name: 'shop',
      source: {
        kafka: { brokers, topic, group: group ?? topic, trustProducerClock: true },
        format: 'json',
        key: 'user',
        fields: { user: 'string', amount: 'decimal(18,2)' },
        event: { ...(id === undefined ? {} : { id }), time: { field: 'at', format: 'ms' } },
      },
      time: { outOfOrderness: '30m', allowedLateness },
      views: { activity: { entity: 'user', windows, features: features ?? FEATURES, ttl: '40d' } },
      sinks,
      state: './state',
      ...more,
    }
    writeFileSync(this.path(file), JSON.stringify(document))
  }

  pipeline(file = 'pipeline.yaml'): Promise<Pipeline> {
    return loadPipeline(this.path(file))
  }

  /** Every file of these folders with its bytes, but for some; and the offsets of the group. */
  async things(
    folders: readonly string[],
    isOther: (file: string) => boolean,
  ): Promise<readonly unknown[]> {
    const files = folders
      .flatMap((folder) => readdirSync(this.path(folder), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => !isOther(file))
      .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`)
    return [files.sort(), await this.admin.fetchOffsets({ groupId: this.topic })]
  }

  planned(...args: string[]): Promise<Planned> {
    return this.json<Planned>('replay', 'plan', '--reason', 'test', ...args)
  }

  ran(id: string, ...args: string[]): Promise<Ran> {
    return this.json<Ran>('replay', 'run', id, ...args)
  }

  /** Differences of what was staged from what the oracle says of these days. */
  async stagedDifferences(
    id: string,
    days: { readonly first: string; readonly last: string },
    file?: string,
  ): Promise<string> {
    const pipeline = await this.pipeline(file)
    await using reader = await TableReader.beside(stagingOf(pipeline, id), this.path('reader'))
    const [first = NaN, last = NaN] = [days.first, days.last].map((text) => parseDay(text))
    const isStaged = ({ day }: { readonly day: number }): boolean => day >= first && day <= last
    return stagedDifferences(pipeline, this.log, { isStaged }, await reader.sinks())
  }

  /** Tables and Redis are what the oracle says, at once or where they follow soon. */
  async expectSinks({
    log = this.log,
    file,
    follows = false,
    isContent = () => true,
  }: {
    readonly log?: readonly RawPartition[]
    readonly file?: string
    readonly follows?: boolean
    /** Of what is in Redis. */
    readonly isContent?: (value: RawValue) => boolean
  } = {}): Promise<void> {
    const pipeline = await this.pipeline(file)
    const oracle = { ...recompute(pipeline, log), rejects: [] }
    const untilMs = performance.now() + (follows ? FOLLOWS_WITHIN_MS : 0)
    for (;;) {
      await using tables = await TableReader.beside(pipeline, this.directory)
      using redis = new RawRedis(pipeline)
      const values = (await redis.values()).filter(isContent)
      const actual = { ...(await tables.sinks()), online: actualRaw(pipeline, values), rejects: [] }
      const found = sinkDifferences(oracle, actual)
      if (found.length > 0 && performance.now() < untilMs) {
        await sleep(LOOK_MS)
        continue
      }
      expect(found.slice(0, DIFFERENCES_MAX).join('\n')).toBe('')
      return
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clients[Symbol.asyncDispose]()
    this[Symbol.dispose]()
  }
}

const FEATURES = { n: { count: '*' }, spent: { sum: 'amount' }, last: { last: 'amount' } }

/** The same, with the staging tables of a replay for its tables. */
function stagingOf(pipeline: Pipeline, id: string): Pipeline {
  const { offline } = pipeline.sinks
  if (offline === undefined) throw new Error('an offline sink')
  return {
    ...pipeline,
    sinks: { offline: { ...offline, location: within(offline.location, id) } },
  }
}

function within(location: StorageLocation, id: string): StorageLocation {
  const folder = ['_tidemark', 'replays', id]
  return location.kind === 'directory'
    ? { ...location, directory: path.join(location.directory, ...folder) }
    : { ...location, prefix: [location.prefix, ...folder].join('/') }
}

/** When the record at an offset is written, `perDay` of them a day. */
export function writtenMs(offset: number, perDay: number): number {
  return FIRST_MS + Math.floor((offset * DAY_MS) / perDay)
}

export function recordOf(
  offset: number,
  timestamp: number,
  event: { readonly user: string; readonly at: number } & Readonly<Record<string, unknown>>,
): RawRecord {
  return { offset, timestamp, key: event.user, value: JSON.stringify(event) }
}

/**
 * Every fifth event is half a day late, every fortieth a day and a half, which is too late where twelve hours are allowed; some repeat an
 * id.
 */
export function lateRecord(partition: number, offset: number, perDay: number): RawRecord {
  const timestamp = writtenMs(offset, perDay)
  const lateDays = offset % 40 === 39 ? 1.5 : offset % 5 === 4 ? 0.5 : 0
  return recordOf(offset, timestamp, {
    user: `u${partition}-${Math.floor(offset / 3) % 7}`,
    id: `${partition}-${offset % 11 === 10 ? offset - 7 : offset}`,
    at: Math.max(FIRST_MS, timestamp - lateDays * DAY_MS),
    amount: `${offset % 97}.25`,
  })
}
