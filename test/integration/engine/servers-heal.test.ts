/**
 * A run that goes on while Redis loses what it held, or is not there: found out, healed from the state, and at the end every
 * sink is what the oracle says. Kafka's turn is in the storms (`test/integration/storm`).
 */
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startRedis, type RedisServer } from '../../../servers/redis.ts'
import { createRandom } from '../../../bench/random.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute, type OracleResult } from '../../support/oracle.ts'
import { perfectSinks } from '../../support/perfect-sinks.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { ServerDirectory, sharedKafka } from '../../support/servers.ts'
import { onServers } from './killed-pipeline.ts'
import { LiveRun } from './live-run.ts'
import { actualRaw, RawRedis } from './online-reader.ts'
import { PacedWriter, type Pace } from './paced-log.ts'
import { RealWorld } from './real-world.ts'
import { TopicWriter } from './topic-writer.ts'
import { SEED } from '../../support/seed.ts'

const HOUR_MS = 3_600_000
const PACE: Pace = { partitions: 2, recordsPerRound: 6, roundMs: 40, stepMs: 0.3 * HOUR_MS }

interface Scene extends AsyncDisposable {
  readonly world: RealWorld
  readonly writer: PacedWriter
  /** What the log says that is written by now; it takes its time, once. */
  readonly oracle: () => OracleResult
}

async function setScene(
  bootstrap: string,
  redis: string | object,
  { pace = PACE, more = {} }: { readonly pace?: Pace; readonly more?: object } = {},
): Promise<Scene> {
  const topic = await TopicWriter.create(bootstrap, pace.partitions)
  const world = await RealWorld.create(onServers({ bootstrap, topic: topic.topic, redis, more }))
  const writer = new PacedWriter(topic, createRandom(SEED), pace)
  let known: { readonly written: number; readonly result: OracleResult } | undefined
  return {
    world,
    writer,
    oracle: () => {
      const { written, log } = writer
      if (known?.written !== written) known = { written, result: recompute(world.pipeline, log) }
      return known.result
    },
    [Symbol.asyncDispose]: async () => {
      await topic[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** Records keep coming meanwhile. */
async function amidTraffic(writer: PacedWriter, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const writing = writer.run(stop.signal)
  try {
    await work()
  } finally {
    stop.abort()
    await writing
  }
}

/** Redis, key by key, holds what the log says, while the run goes on. */
async function expectHealed({ world, writer, ...scene }: Scene, run: LiveRun): Promise<void> {
  await run.told(writer.log)
  using redis = new RawRedis(world.pipeline)
  const oracle = scene.oracle()
  const online = actualRaw(world.pipeline, await redis.values())
  expectSinksEqual(oracle, { ...perfectSinks(oracle), online })
}

async function expectTheLaw({ world, writer, oracle }: Scene, run: LiveRun): Promise<void> {
  await run.stop()
  await world.run()
  expectSinksEqual(oracle(), await world.sinks(writer.log.length))
}

test('Redis comes back empty, and from an older dump: healed both times, amid traffic', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path })
  const node = redis.node('data1')
  await using scene = await setScene((await sharedKafka()).bootstrap, redis.url)
  const { writer } = scene
  await using run = new LiveRun(scene.world)
  const losesData = async (loss: () => Promise<void>): Promise<void> => {
    const before = run.losses
    await amidTraffic(writer, async () => {
      await sleep(300)
      await loss()
      await run.until('the loss is noticed', () => run.losses > before)
    })
    await expectHealed(scene, run)
  }
  await amidTraffic(writer, () => sleep(1_000))
  await expectHealed(scene, run)
  await losesData(() => node.restartEmpty())
  const dump = path.join(directory.path, 'older.rdb')
  await node.dumpTo(dump)
  await amidTraffic(writer, () => sleep(1_000))
  await run.told(writer.log)
  await losesData(() => node.restartFrom(dump))
  await expectTheLaw(scene, run)
})

test('a replica that lacks the last writes takes over: they are told again', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path, mode: 'sentinel' })
  const { servers } = redis
  if (servers.kind !== 'sentinel') throw new Error('sentinels')
  const { sentinels, master } = servers
  await using scene = await setScene((await sharedKafka()).bootstrap, {
    sentinels: [...sentinels],
    master,
  })
  const { writer } = scene
  await using run = new LiveRun(scene.world)
  await amidTraffic(writer, () => sleep(1_000))
  await run.told(writer.log)
  await loseLastWrites(redis, async () => {
    await writer.write(200)
    await run.told(writer.log)
  })
  await run.until('the loss is noticed', () => run.losses > 0)
  await expectHealed(scene, run)
  await amidTraffic(writer, () => sleep(500))
  await expectHealed(scene, run)
  await expectTheLaw(scene, run)
})

/** The replica hears nothing of `writes`, nor finds it in its socket; then the master dies. */
async function loseLastWrites(redis: RedisServer, writes: () => Promise<void>): Promise<void> {
  const [master, replica] = [redis.node('data1'), redis.node('data2')]
  replica.pause()
  await master.cli('client', 'kill', 'type', 'replica')
  await writes()
  await master.kill()
  replica.resume()
}

const PENDING_MAX = 1_000

test('Redis hangs while the log goes on: the table goes on, the fold holds at the bounded backlog, and all heals', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path })
  const more = { memory: { pendingEntities: PENDING_MAX } }
  const pace = { ...PACE, users: 20_000, stepMs: 60_000 }
  await using scene = await setScene((await sharedKafka()).bootstrap, redis.url, { pace, more })
  const { writer } = scene
  await using run = new LiveRun(scene.world)
  await writer.write(300)
  await run.told(writer.log)
  redis.node('data1').pause()
  await writer.write(200)
  await run.until('the store is found away', () => run.online.every(({ failing }) => failing))

  // The fold and the table go on.
  const complete = (): number =>
    Math.min(...run.partitions.map(({ table }) => table?.complete[0] ?? -Infinity))
  const before = complete()
  for (let writes = 0; writes < 20 && complete() <= before; writes += 1) {
    await writer.write(100)
    await sleep(100)
  }
  await run.until('the table goes on', () => complete() > before)
  expect(run.partitions.map(({ held }) => held)).toEqual([false, false])

  // Until the backlog is full.
  for (let writes = 0; writes < 3; writes += 1) await writer.write(1_000)
  await run.until('the fold is held', () => run.partitions.every(({ held }) => held))
  const offsets = run.partitions.map(({ nextOffset }) => nextOffset)
  await writer.write(300)
  await sleep(1_000)
  expect(run.partitions.map(({ nextOffset }) => nextOffset)).toEqual(offsets)
  expect(run.online.map(({ backlog }) => backlog >= PENDING_MAX)).toEqual([true, true])
  redis.node('data1').resume()
  await expectHealed(scene, run)
  await expectTheLaw(scene, run)
})

const ENTITIES = 20_000
const PROBE_EVERY_MS = 25
/** The time in which Redis starts, again, and a busy machine are in it; waiting for a scan to end would take longer. */
const FRESH_MS_MAX = 5_000
const DAY = Date.UTC(2024, 2, 4)

/** Live traffic of a few users amid many that are silent: how long each record takes from the log to its value. */
class Probes {
  readonly #topic: TopicWriter
  readonly #records: RawRecord[][]
  #count = 0

  constructor(topic: TopicWriter, log: RawRecord[][]) {
    this.#topic = topic
    this.#records = log
  }

  /** ms, ascending. */
  async during(world: RealWorld, work: Promise<void>): Promise<number[]> {
    using redis = new RawRedis(world.pipeline)
    const delays: number[] = []
    const done = new AbortController()
    const over = work.finally(() => done.abort())
    do {
      delays.push(await this.#probe(redis))
      await sleep(PROBE_EVERY_MS)
    } while (!done.signal.aborted)
    await over
    return delays.sort((a, b) => a - b)
  }

  async #probe({ client }: RawRedis): Promise<number> {
    this.#count += 1
    const kind = `probe ${this.#count}`
    const user = `probe${this.#count % 20}`
    const partition = this.#count % 2
    const startedMs = performance.now()
    await this.write(partition, [record(`p${partition} ${user}`, kind, DAY + HOUR_MS)])
    const key = `killed:activity:v1:p${partition} ${user}`
    while ((await client.hget(key, 'last_1d').catch(() => undefined)) !== kind) await sleep(2)
    return performance.now() - startedMs
  }

  async write(partition: number, records: readonly RawRecord[]): Promise<void> {
    const offsets = await this.#topic.append(partition, records)
    records.forEach((one, i) => {
      this.#records[partition]?.push({ ...one, offset: offsets[i] ?? NaN })
    })
  }
}

function record(user: string, kind: string, at: number): RawRecord {
  const value = JSON.stringify({ user, kind, amount: '1.00', weight: 0.5, at })
  return { offset: NaN, timestamp: at, key: user, value }
}

function atPart(ascending: readonly number[], part: number): number {
  return Math.round(ascending[Math.floor((ascending.length - 1) * part)] ?? NaN)
}

/** Partitions whose silent entities are told. */
function told(run: LiveRun): number {
  return run.online.filter(({ position }) => position >= ENTITIES / 2).length
}

test('20,000 values are healed, emptied again half-way, while live values stay fresh', async () => {
  using directory = new ServerDirectory()
  await using redis = await startRedis({ directory: directory.path })
  const node = redis.node('data1')
  const { bootstrap } = await sharedKafka()
  await using topic = await TopicWriter.create(bootstrap, 2)
  const sinks = { online: { redis: redis.url } }
  await using world = await RealWorld.create(
    onServers({ bootstrap, topic: topic.topic, redis: redis.url, more: { sinks } }),
  )
  const records: RawRecord[][] = [[], []]
  const log = records.map((of, partition): RawPartition => ({ partition, records: of }))
  const probes = new Probes(topic, records)
  for (let from = 0; from < ENTITIES; from += 5_000) {
    const users = Array.from({ length: 5_000 }, (_, i) => `silent${from + i}`)
    const silent = users.map((user) => record(user, 'view', DAY))
    await topic.append((from / 5_000) % 2, silent)
  }
  await using run = new LiveRun(world)
  await run.until('all are told', () => told(run) === 2)
  using raw = new RawRedis(world.pipeline)
  const silent = async (): Promise<string[]> =>
    (await raw.values())
      .filter(({ entity }) => entity.startsWith('silent'))
      .map(({ entity, fields, version }) => [entity, version.offset, ...fields].flat().join(' '))
      .sort()
  const before = await silent()
  expect(before).toHaveLength(ENTITIES)
  const calm = await probes.during(world, sleep(2_000))

  const startedMs = performance.now()
  const losesAll = async (): Promise<void> => {
    const lossesBefore = run.losses
    await node.restartEmpty()
    await run.until('the loss is noticed', () => run.losses > lossesBefore)
  }
  const healing = await probes.during(
    world,
    (async () => {
      await losesAll()
      const healed = (): Promise<number> => raw.client.dbsize().catch(() => 0)
      while ((await healed()) < ENTITIES / 2) await sleep(20)
      await losesAll()
      while ((await healed()) < ENTITIES) await sleep(50)
      await run.until('healed', () => run.online.every(({ scan }) => scan === undefined))
    })(),
  )
  const seconds = (performance.now() - startedMs) / 1_000
  const [fresh, late] = [calm, healing].map((delays) =>
    [0.5, 0.95, 1].map((part) => `${atPart(delays, part)} ms`).join(', '),
  )
  process.stdout.write(
    `from log to value (50 %, 95 %, most): calm ${fresh}; healing ${late}; healed twice in ${seconds.toFixed(1)} s\n`,
  )
  expect(healing.at(-1)).toBeLessThan(FRESH_MS_MAX)
  await run.told(log)
  const after = await silent()
  expect(after).toHaveLength(ENTITIES)
  expect(after.filter((value, i) => value !== before[i])).toEqual([])
  // The oracle's way to compute so many would take minutes: it has those that were alive.
  const oracle = recompute(world.pipeline, log)
  const alive = (await raw.values()).filter(({ entity }) => !entity.startsWith('silent'))
  const online = actualRaw(world.pipeline, alive)
  expectSinksEqual(oracle, { ...perfectSinks(oracle), online })
})
