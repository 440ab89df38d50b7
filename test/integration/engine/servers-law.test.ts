/**
 * The law on the real servers: random logs produced to a Kafka topic the way topics are filled, values in Redis, Delta
 * tables through DuckDB, dead letters in a topic, states in LevelDB. Members of the group come, die between any two durable
 * effects, share partitions and lose their states; Redis loses everything. All sinks are what the oracle recomputes.
 */
import { Redis } from 'ioredis'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom, type Random } from '../../../bench/random.ts'
import type { RunParts } from '../../../src/engine/parts.ts'
import type { RecordSource } from '../../../src/engine/ports.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import {
  CrashPoint,
  Crashed,
  crashingOnline,
  crashingRejects,
  crashingState,
  crashingTables,
  wrap,
} from '../../support/crash.ts'
import { recompute } from '../../support/oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../../support/random-log.ts'
import type { RawPartition } from '../../support/raw-record.ts'
import { sharedKafka, sharedRedis } from '../../support/servers.ts'
import { actualRaw, envelopeFaults, RawRedis } from './online-reader.ts'
import { RealWorld } from './real-world.ts'
import { deadLettersOf, TopicWriter } from './topic-writer.ts'
import { fc } from '../../support/properties.ts'
import { SEED } from '../../support/seed.ts'

const BUDGET_MS = 20_000
const SCENARIOS_MIN = 2
const SCENARIOS_MAX = 12
const PHASES = 3

/** Logs with keys and timestamps, which a topic has. */
const logs = scenarios({ recordsMax: 150 }).filter(
  ({ framing, partitions }) =>
    framing === 'frames' && partitions.some(({ records }) => records.length > 40),
)

interface Servers {
  readonly bootstrap: string
  readonly redisUrl: string
}

function textOf(scenario: Scenario, topic: string, servers: Servers, random: Random): string {
  const document = JSON.parse(pipelineText(scenario)) as {
    readonly source: object
    readonly sinks: object
    readonly commit: object
  }
  const { files: _, ...source } = document.source as { readonly files: unknown }
  const kafka = {
    brokers: servers.bootstrap,
    topic,
    group: topic,
    sessionTimeout: '6s',
  }
  const interval = ['1ms', '15ms', '250ms'][random.below(3)]
  return JSON.stringify({
    ...document,
    source: { kafka, ...source },
    sinks: { ...document.sinks, online: { redis: servers.redisUrl, prefix: 'law:' } },
    rejects: { limit: '100%', topic: deadLettersOf(topic) },
    commit: { ...document.commit, interval },
  })
}

/** Reads of any size, and death where the crash point says. */
function hostile(crash: CrashPoint, random: Random): (parts: RunParts) => RunParts {
  return (parts) => ({
    ...parts,
    source: wrap<RecordSource>(parts.source, {
      open: async (partition, offset) => {
        const reader = await parts.source.open(partition, offset)
        return wrap(reader, { read: () => reader.read(1 + random.below(20_000)) })
      },
    }),
    openState: async (partition) => crashingState(await parts.openState(partition), crash),
    online: parts.online && crashingOnline(parts.online, crash),
    tables: parts.tables && crashingTables(parts.tables, crash),
    rejects: crashingRejects(parts.rejects, crash),
  })
}

class Members {
  readonly #world: RealWorld
  readonly #random: Random
  deaths = 0

  constructor(world: RealWorld, random: Random) {
    this.#world = world
    this.#random = random
  }

  /** One process: to the end of the log, to its death, or until it is told to stop. */
  async run({ isMortal = true, stopAfterMs = Infinity } = {}): Promise<void> {
    const random = this.#random
    const effects = isMortal ? random.below(60) : Infinity
    const crash = new CrashPoint(effects, { afterEffect: random.next() < 0.5 })
    const stop = new AbortController()
    const timer = Number.isFinite(stopAfterMs) ? setTimeout(() => stop.abort(), stopAfterMs) : null
    try {
      await this.#world.run({ surround: hostile(crash, random), signal: stop.signal })
    } catch (error) {
      if (!(error instanceof Crashed)) throw error
      this.deaths += 1
    } finally {
      if (timer) clearTimeout(timer)
    }
  }

  /** Two in one group: the second joins while the first works, and either may die or leave. */
  async runTwo(): Promise<void> {
    const random = this.#random
    const first = this.run({ isMortal: random.next() < 0.5, stopAfterMs: 300 + random.below(500) })
    await sleep(random.below(250))
    await Promise.all([first, this.run({ isMortal: random.next() < 0.3 })])
  }
}

async function lose(world: RealWorld, random: Random, log: readonly RawPartition[]): Promise<void> {
  const lost = log.map(({ partition }) => partition).filter(() => random.next() < 0.25)
  await world.loseStates(lost)
  const { online } = world.pipeline.sinks
  if (random.next() > 0.3 || online?.kind !== 'redis') return
  if (online.servers.kind !== 'standalone') return
  const redis = new Redis(online.servers.url)
  await redis.flushdb()
  redis.disconnect()
}

/** The log comes in three parts; after each the members do what members do, and the disks what disks do. */
async function live(
  world: RealWorld,
  writer: TopicWriter,
  scenario: Scenario,
  random: Random,
): Promise<{ readonly log: RawPartition[]; readonly deaths: number }> {
  const log = scenario.partitions.map(({ partition }): RawPartition => ({ partition, records: [] }))
  const members = new Members(world, random)
  for (let phase = 0; phase < PHASES; phase += 1) {
    const part = scenario.partitions.map(({ partition, records }) => {
      const [from, to] = [phase, phase + 1].map((at) => Math.floor((records.length * at) / PHASES))
      return { partition, records: records.slice(from, to) }
    })
    const written = await writer.write(part, random)
    written.forEach(({ partition, records }, i) => {
      log[i] = { partition, records: [...(log[i]?.records ?? []), ...records] }
    })
    await (random.next() < 0.5 ? members.runTwo() : members.run())
    await lose(world, random, log)
  }
  await members.run({ isMortal: false })
  return { log, deaths: members.deaths }
}

async function expectTheLaw(world: RealWorld, log: readonly RawPartition[]): Promise<void> {
  const oracle = recompute(world.pipeline, log)
  const sinks = await world.sinks(log.length)
  expectSinksEqual(oracle, sinks)
  using redis = new RawRedis(world.pipeline)
  const values = await redis.values()
  expectSinksEqual(oracle, { ...sinks, online: actualRaw(world.pipeline, values) })
  expect(values.flatMap((value) => envelopeFaults(world.pipeline, value))).toEqual([])
}

test('every sink of Kafka, Redis and Delta is what the log says', async () => {
  const { bootstrap } = await sharedKafka()
  const endMs = performance.now() + BUDGET_MS
  const samples = fc.sample(logs, { seed: SEED, numRuns: SCENARIOS_MAX })
  const done = { scenarios: 0, records: 0, ghosts: 0, deaths: 0 }
  for (const scenario of samples) {
    if (performance.now() > endMs && done.scenarios >= SCENARIOS_MIN) break
    const random = createRandom(SEED + done.scenarios)
    await using writer = await TopicWriter.create(bootstrap, scenario.partitions.length)
    const servers = { bootstrap, redisUrl: (await sharedRedis()).url }
    await using world = await RealWorld.create(textOf(scenario, writer.topic, servers, random))
    try {
      const { log, deaths } = await live(world, writer, scenario, random)
      await expectTheLaw(world, log)
      done.deaths += deaths
      done.records += log.reduce((sum, { records }) => sum + records.length, 0)
    } catch (error) {
      throw new Error(`seed ${SEED}, scenario ${done.scenarios}`, { cause: error })
    }
    done.scenarios += 1
    done.ghosts += writer.ghosts
  }
  const { records, ghosts, deaths } = done
  process.stdout.write(
    `law on real servers: ${done.scenarios} scenarios, ${records} records amid ${ghosts} aborted ones, ${deaths} deaths, seed ${SEED}\n`,
  )
  expect(done.scenarios).toBeGreaterThanOrEqual(SCENARIOS_MIN)
})
