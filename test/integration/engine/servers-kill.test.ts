/**
 * kill -9, ten times, on real servers: processes of one group read a topic that a producer keeps filling, and die at random
 * moments, at times alone, at times one of two. Meanwhile readers look at Redis and at the table; at the end all sinks are
 * what the oracle says.
 */
import process from 'node:process'
import { expect, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import { createRandom } from '../../../bench/random.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import { ServerDirectory, sharedRedis } from '../../support/servers.ts'
import { Engines } from './engines.ts'
import { onServers } from './killed-pipeline.ts'
import { actualRaw, RawRedis } from './online-reader.ts'
import { PacedWriter } from './paced-log.ts'
import { RealWorld } from './real-world.ts'
import { RedisWatch, TableWatch } from './sink-watch.ts'
import { TopicWriter } from './topic-writer.ts'
import { SEED } from '../../support/seed.ts'

const KILLS = 10
const PARTITIONS = 4
/** About a day of event time every half second. */
const PACE = { partitions: PARTITIONS, recordsPerRound: 6, roundMs: 40, stepMs: 0.3 * 3_600_000 }
/** Short, so that the dead are missed soon; whoever follows one waits for it. */
const SESSION_MS = 1_000
const HABITS = { pairs: 0.4, extraMs: SESSION_MS }
const TIMEOUT_MS = 8 * 60_000

test(
  'kill -9 ten times amid real servers: nothing is lost, nothing is twice, nothing goes back',
  async () => {
    using servers = new ServerDirectory()
    const settings = { 'group.min.session.timeout.ms': '500' }
    await using kafka = await startKafka({ directory: servers.path, settings })
    const { bootstrap } = kafka
    await using topic = await TopicWriter.create(bootstrap, PARTITIONS)
    const { url: redis } = await sharedRedis()
    const place = { bootstrap, topic: topic.topic, redis, sessionTimeout: `${SESSION_MS}ms` }
    await using world = await RealWorld.create(onServers(place))
    await using reader = await world.tables()
    const writer = new PacedWriter(topic, createRandom(SEED + 1), PACE)
    const online = new RedisWatch(world.pipeline)
    const table = new TableWatch(reader, 'activity_v1')
    const engines = new Engines(world, createRandom(SEED), HABITS)
    const stop = new AbortController()
    const failures: unknown[] = []
    const beside = [writer, online, table].map((one) =>
      one.run(stop.signal).catch((error: unknown) => failures.push(error)),
    )
    try {
      await engines.startFirst(() => online.newer > 0 || failures.length > 0)
      for (let kills = 0; kills < KILLS && failures.length === 0; kills += 1)
        await engines.killOne()
    } finally {
      await engines.killAll()
      stop.abort()
      await Promise.all(beside)
    }
    if (failures.length > 0) throw failures[0]
    const last = await engines.start('--until-end').ended
    expect(`${last.code} ${last.stderr}`).toMatch(/^0 /)
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
  TIMEOUT_MS,
)
