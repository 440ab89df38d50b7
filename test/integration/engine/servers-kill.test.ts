/**
 * kill -9, thirty times, on real servers: processes of one group read a topic that a producer keeps filling, and die at random
 * moments, at times alone, at times one of two. Meanwhile readers look at Redis and at the table; at the end all sinks are
 * what the oracle says.
 */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import { createRandom, type Random } from '../../../bench/random.ts'
import { startCli, type Started } from '../../support/cli-process.ts'
import { expectSinksEqual } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import { ServerDirectory, sharedRedis } from '../../support/servers.ts'
import { actualRaw, RawRedis } from './online-reader.ts'
import { onServers } from './killed-pipeline.ts'
import { PacedWriter } from './paced-log.ts'
import { RealWorld } from './real-world.ts'
import { RedisWatch, TableWatch } from './sink-watch.ts'
import { TopicWriter } from './topic-writer.ts'

const KILLS = 30
const PARTITIONS = 4
/** About a day of event time every half second. */
const PACE = { partitions: PARTITIONS, recordsPerRound: 6, roundMs: 40, stepMs: 0.3 * 3_600_000 }
const SESSION_MS = 1_000
/**
 * From one death to the next, in start-ups: from the start of a process to the first value of its in Redis, measured. Who
 * follows a dead one also waits for its session to end.
 */
const LIFE = { min: 0.3, max: 1.8 }
const START_UP_MAX_MS = 5_000
const TEST_MS_MAX = 8 * 60_000
/** So often two processes share the partitions. */
const PAIRS = 0.4

/** The processes of the group on this machine. */
class Engines {
  readonly #world: RealWorld
  readonly #random: Random
  readonly #running: Started[] = []

  constructor(world: RealWorld, random: Random) {
    this.#world = world
    this.#random = random
  }

  start(...args: readonly string[]): Started {
    const { directory, file } = this.#world
    const engine = startCli(directory, ['run', '-f', file, ...args])
    this.#running.push(engine)
    return engine
  }

  /** One or two run for a while; then one of them, whichever, dies. */
  async killOne(startUpMs: number): Promise<void> {
    const wanted = this.#random.next() < PAIRS ? 2 : 1
    while (this.#running.length < wanted) this.start()
    const life = LIFE.min + this.#random.next() * (LIFE.max - LIFE.min)
    const lifeMs = life * startUpMs + this.#random.next() * SESSION_MS
    await Promise.race([sleep(lifeMs), ...this.#running.map(({ ended }) => ended)])
    for (const { child, ended } of this.#running) {
      if (child.exitCode !== null) throw new Error(`it stopped by itself: ${(await ended).stderr}`)
    }
    const [victim] = this.#running.splice(this.#random.below(this.#running.length), 1)
    await kill(victim)
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#running.splice(0).map(kill))
  }
}

async function kill(engine: Started | undefined): Promise<void> {
  engine?.child.kill('SIGKILL')
  await engine?.ended
}

test(
  'kill -9 thirty times at random moments: nothing is lost, nothing is twice, nothing goes back',
  { timeout: TEST_MS_MAX },
  async () => {
    const seed = Number(process.env['KILL_SEED'] ?? Date.now() & 0x7fff_ffff)
    process.stdout.write(`kill -9 on real servers: seed ${seed}\n`)
    using servers = new ServerDirectory()
    // Short sessions, so that the dead are missed soon.
    const settings = { 'group.min.session.timeout.ms': '500' }
    await using kafka = await startKafka({ directory: servers.path, settings })
    const { bootstrap } = kafka
    await using topic = await TopicWriter.create(bootstrap, PARTITIONS)
    const { url: redis } = await sharedRedis()
    const place = { bootstrap, topic: topic.topic, redis, sessionTimeout: `${SESSION_MS}ms` }
    await using world = await RealWorld.create(onServers(place))
    await using reader = await world.tables()
    const writer = new PacedWriter(topic, createRandom(seed + 1), PACE)
    const watches = [new RedisWatch(world.pipeline), new TableWatch(reader, 'activity_v1')] as const
    const engines = new Engines(world, createRandom(seed))
    const stop = new AbortController()
    const beside = [writer, ...watches].map((one) => one.run(stop.signal))
    try {
      const startedMs = performance.now()
      engines.start()
      while (watches[0].newer === 0) await sleep(20)
      const startUpMs = Math.min(performance.now() - startedMs, START_UP_MAX_MS)
      process.stdout.write(`a start-up takes ${Math.round(startUpMs)} ms\n`)
      for (let kills = 0; kills < KILLS; kills += 1) await engines.killOne(startUpMs)
    } finally {
      await engines.killAll()
      stop.abort()
      await Promise.all(beside)
    }
    const last = await engines.start('--until-end').ended
    expect(`${last.code} ${last.stderr}`).toMatch(/^0 /)
    const [online, table] = watches
    process.stdout.write(
      `${writer.written} records, ${online.readings} readings of Redis with ${online.newer} newer values, ${table.readings} of the table\n`,
    )
    expect(online.newer).toBeGreaterThan(KILLS)
    expect(table.readings).toBeGreaterThan(KILLS)
    const oracle = recompute(world.pipeline, writer.log)
    const sinks = await world.sinks(PARTITIONS)
    expectSinksEqual(oracle, sinks)
    using raw = new RawRedis(world.pipeline)
    const values = actualRaw(world.pipeline, await raw.values())
    expectSinksEqual(oracle, { ...sinks, online: values })
  },
)
