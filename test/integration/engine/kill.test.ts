/**
 * kill -9, thirty times: the command line runs over a log that another writer keeps appending to and dies at random moments.
 * Meanwhile a reader looks at the table, and between the deaths at the online store; at the end all sinks are what the
 * oracle says.
 */
import { expect, test } from 'vitest'
import { createRandom } from '../../../bench/random.ts'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import { Engines } from './engines.ts'
import { KILLED_PIPELINE, KILLED_SOURCE } from './killed-pipeline.ts'
import { FileAppender, PacedWriter } from './paced-log.ts'
import { RealWorld } from './real-world.ts'
import { TableWatch, VersionWatch } from './sink-watch.ts'
import { SEED } from '../../support/seed.ts'

const KILLS = 10
const PARTITIONS = 2
const TIMEOUT_MS = 8 * 60_000
/** About a day of event time every half second. */
const PACE = { partitions: PARTITIONS, recordsPerRound: 3, roundMs: 40, stepMs: 0.65 * 3_600_000 }

const PIPELINE = {
  ...KILLED_PIPELINE,
  source: { files: './log', ...KILLED_SOURCE },
  sinks: { ...KILLED_PIPELINE.sinks, online: { leveldb: './online' } },
}

test(
  'kill -9 ten times at random moments: nothing is lost, nothing is twice, nothing goes back',
  async () => {
    await using world = await RealWorld.create(JSON.stringify(PIPELINE))
    await using appender = await FileAppender.open(world.logDirectory, PARTITIONS)
    const writer = new PacedWriter(appender, createRandom(SEED + 1), PACE)
    await using reader = await world.tables()
    const watch = new TableWatch(reader, 'activity_v1')
    const engines = new Engines(world, createRandom(SEED), { pairs: 0, extraMs: 0 })
    const stop = new AbortController()
    const beside = [writer.run(stop.signal), watch.run(stop.signal)]
    const versions = new VersionWatch()
    try {
      await engines.startFirst(() => watch.readings > 0)
      for (let kills = 0; kills < KILLS; kills += 1) {
        await engines.killOne()
        versions.note(await world.online(PARTITIONS))
      }
    } finally {
      await engines.killAll()
      stop.abort()
      await Promise.all(beside)
    }
    const last = await engines.start('--until-end').ended
    expect(`${last.code} ${last.stderr}`).toMatch(/^0 /)
    versions.note(await world.online(PARTITIONS))
    expect(versions.size).toBeGreaterThan(0)
    expect(watch.readings).toBeGreaterThan(0)
    expectSinksEqual(recompute(world.pipeline, writer.log), await world.sinks(PARTITIONS))
  },
  TIMEOUT_MS,
)
