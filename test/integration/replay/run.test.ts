/**
 * `tidemark replay run` on a real topic and real tables: beside a live consumer that notices nothing, killed and run again, and from
 * stored tiles where the topic has forgotten what the windows need. What is staged is what the oracle says.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseDay } from '../../../src/core/day.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { DAY_MS } from '../../support/builders.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { stagedDifferences } from '../../support/staged-differences.ts'
import { TableReader } from '../engine/table-reader.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'

const TOPIC = uniqueName('replayed')
const DAYS = 50
/** Per partition. */
const EVENTS_A_DAY = 48
const FIRST_MS = Date.UTC(2026, 0, 1)

interface Planned {
  readonly id: string
  readonly handsOver: boolean
  readonly staged: { readonly first: string }
  readonly partitions: readonly { readonly start: { readonly kind: string } }[]
}

interface Ran {
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

const shop = new CliDirectory()
const log: RawPartition[] = [0, 1].map((partition) => ({
  partition,
  records: recordsOf(partition),
}))
let clients: KafkaClients
let admin: Admin

beforeAll(async () => {
  const { bootstrap } = await sharedKafka()
  clients = new KafkaClients(bootstrap)
  admin = await clients.admin()
  await clients.createTopic(TOPIC, log.length, { 'retention.ms': '-1' })
  const producer = await clients.producer()
  await producer.sendBatch({
    topicMessages: log.map(({ partition, records }) => ({
      topic: TOPIC,
      messages: records.map(({ key, value, timestamp }) => {
        return { partition, key, value: value as string, timestamp: String(timestamp) }
      }),
    })),
  })
  writeFileSync(shop.path('pipeline.yaml'), pipelineText(bootstrap))
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  shop[Symbol.dispose]()
})

/** Every fifth event is half a day late, every fortieth a day and a half, which is too late; some repeat an id, one is garbage. */
function recordsOf(partition: number): RawRecord[] {
  return Array.from({ length: DAYS * EVENTS_A_DAY }, (_, offset) => {
    const timestamp = FIRST_MS + Math.floor((offset * DAY_MS) / EVENTS_A_DAY)
    const late = offset % 40 === 39 ? 1.5 : offset % 5 === 4 ? 0.5 : 0
    const at = Math.max(FIRST_MS, timestamp - late * DAY_MS)
    const user = `u${partition}-${Math.floor(offset / 3) % 7}`
    const id = `${partition}-${offset % 11 === 10 ? offset - 7 : offset}`
    const value = JSON.stringify({ user, id, at, amount: `${offset % 97}.25` })
    return { offset, timestamp, key: user, value: offset === 1_700 ? 'garbage' : value }
  })
}

function pipelineText(brokers: string): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: ${TOPIC}, group: ${TOPIC}, trustProducerClock: true }
  format: json
  key: user
  fields: { user: string, amount: "decimal(18,2)" }
  event: { id: id, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 7d, 30d]
    features: { n: { count: "*" }, spent: { sum: amount }, last: { last: amount } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 4 } }
rejects: { files: ./rejects, limit: 50% }
state: ./state
`
}

async function planned(...args: string[]): Promise<Planned> {
  const ended = await shop.run('replay', 'plan', '--reason', 'test', '--json', ...args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return JSON.parse(ended.stdout) as Planned
}

async function ran(id: string, ...args: string[]): Promise<Ran> {
  const ended = await shop.run('replay', 'run', id, '--json', ...args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return JSON.parse(ended.stdout) as Ran
}

/** Differences of what was staged from what the oracle says of these days. */
async function differences(id: string, first: string, last: string): Promise<string> {
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const directory = shop.path('tables', '_tidemark', 'replays', id)
  const offline = { ...pipeline.sinks.offline, location: { kind: 'directory', directory } }
  const staged = { ...pipeline, sinks: { offline } } as typeof pipeline
  await using reader = await TableReader.beside(staged, shop.path('reader'))
  const [from = NaN, to = NaN] = [first, last].map((text) => parseDay(text))
  const isStaged = ({ day }: { readonly day: number }): boolean => day >= from && day <= to
  return stagedDifferences(pipeline, log, { isStaged }, await reader.sinks())
}

/** Every file of the live consumer with its bytes, and the offsets of its group. */
async function liveThings(): Promise<readonly unknown[]> {
  const files = ['state', 'tables', 'online', 'rejects'].flatMap((folder) =>
    readdirSync(shop.path(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter(
        (file) =>
          !/_tidemark\/(plans|replays|states|staging)|state\/(replays|tidemark-)/.test(file),
      )
      .map((file) => `${file} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`),
  )
  return [files.sort(), await admin.fetchOffsets({ groupId: TOPIC })]
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
  const { id, partitions, handsOver } = await planned(
    '--days',
    '2026-02-05..2026-02-06',
    '--only-range',
    ...['--start', 'milestone'],
  )
  expect(partitions.map(({ start }) => start.kind)).toEqual(['milestone', 'milestone'])
  expect(handsOver).toBe(false)
  await killed(id, 1_200)
  const result = await ran(id, '--parallel', '1')
  expect(await differences(id, '2026-02-05', '2026-02-06')).toBe('')
  expect(result.rejects).toMatchObject({ too_late: expect.any(Number) as number, undecodable: 2 })
  expect(await status()).toEqual(before)
  live.child.kill('SIGTERM')
  expect(await live.ended).toMatchObject({ code: 0 })
  const things = await liveThings()
  const again = await planned('--days', '2026-02-05..2026-02-06', '--only-range')
  expect((await ran(again.id)).tables).toMatchObject(
    result.tables.map(({ name, rows, checksum }) => ({ name, rows, checksum })),
  )
  expect(await liveThings()).toEqual(things)
})

test('a topic of seven days: a day in range starts from the tile table, and is exact', async () => {
  await admin.fetchTopicOffsets(TOPIC)
  for (const partition of [0, 1])
    await admin.deleteTopicRecords({
      topic: TOPIC,
      partitions: [{ partition, offset: String((DAYS - 7) * EVENTS_A_DAY) }],
    })
  const { id, partitions } = await planned('--days', '2026-02-16', '--only-range')
  expect(partitions.map(({ start }) => start.kind)).toEqual(['tiles', 'tiles'])
  await killed(id, 100)
  await killed(id, 700)
  const { records, tables } = await ran(id)
  expect(records).toBeLessThan(7 * EVENTS_A_DAY * log.length)
  expect(tables[0]?.rows).toBe(14)
  expect(await differences(id, '2026-02-16', '2026-02-16')).toBe('')
})

test('a range that goes on to the end hands states over, and may be stopped and gone on with', async () => {
  const things = await liveThings()
  const { id, handsOver, staged } = await planned('--days', '2026-02-17..')
  expect(handsOver).toBe(true)
  const run = shop.start(['replay', 'run', id, '--records-per-second', '50', '--json'])
  const place = shop.path('state', 'replays', id, 'partition-0', 'CURRENT')
  while (!existsSync(place) && run.child.exitCode === null) await sleep(20)
  run.child.kill('SIGINT')
  const stopped = await run.ended
  expect(stopped).toMatchObject({ code: 1 })
  expect(stopped.stderr).toContain(`tidemark replay run ${id}`)
  expect(JSON.parse(stopped.stdout)).toMatchObject({ reason: 'stopped' })
  const result = await ran(id)
  for (const { checkpoint, closedDay } of result.partitions) {
    expect(checkpoint).toBeDefined()
    expect(closedDay).toBe('2026-02-18')
  }
  expect(await differences(id, staged.first, '2026-02-18')).toBe('')
  expect(await liveThings()).toEqual(things)
})
