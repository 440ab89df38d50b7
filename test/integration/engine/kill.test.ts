/**
 * kill -9, thirty times: the command line runs over a log that another writer keeps appending to and dies at random moments.
 * Meanwhile a reader looks at the table, and between the deaths at the online store; at the end all sinks are what the
 * oracle says.
 */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom } from '../../../bench/random.ts'
import { startCli, type Started } from '../../support/cli-process.ts'
import { expectSinksEqual } from '../../support/compare-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import { KILLED_PIPELINE, KILLED_SOURCE } from './killed-pipeline.ts'
import { FileAppender, PacedWriter } from './paced-log.ts'
import { RealWorld } from './real-world.ts'
import { TableWatch, VersionWatch } from './sink-watch.ts'

const ROUNDS = 30
/** From the start of a process to its death, at most: most of it is the start-up of the run time. */
const LIFE_MS = 2_200
const PARTITIONS = 2
/** About a day of event time every half second. */
const PACE = { partitions: PARTITIONS, recordsPerRound: 3, roundMs: 40, stepMs: 0.65 * 3_600_000 }

const PIPELINE = {
  ...KILLED_PIPELINE,
  source: { files: './log', ...KILLED_SOURCE },
  sinks: { ...KILLED_PIPELINE.sinks, online: { leveldb: './online' } },
}

function startEngine({ directory, file }: RealWorld, ...args: readonly string[]): Started {
  return startCli(directory, ['run', '-f', file, ...args])
}

test('kill -9 thirty times at random moments: nothing is lost, nothing is twice, nothing goes back', async () => {
  const seed = Date.now() & 0x7fff_ffff
  process.stdout.write(`kill -9: seed ${seed}\n`)
  const random = createRandom(seed)
  await using world = await RealWorld.create(JSON.stringify(PIPELINE))
  await using appender = await FileAppender.open(world.logDirectory, PARTITIONS)
  const writer = new PacedWriter(appender, createRandom(seed + 1), PACE)
  await using reader = await world.tables()
  const watch = new TableWatch(reader, 'activity_v1')
  const stop = new AbortController()
  const beside = [writer.run(stop.signal), watch.run(stop.signal)]
  const versions = new VersionWatch()
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const engine = startEngine(world)
      await Promise.race([sleep(700 + random.next() * (LIFE_MS - 700)), engine.ended])
      if (engine.child.exitCode !== null)
        throw new Error(`it stopped by itself: ${(await engine.ended).stderr}`)
      engine.child.kill('SIGKILL')
      await engine.ended
      versions.note(await world.online(PARTITIONS))
    }
  } finally {
    stop.abort()
    await Promise.all(beside)
  }
  expect(await startEngine(world, '--until-end').ended).toMatchObject({ code: 0 })
  versions.note(await world.online(PARTITIONS))
  expect(versions.size).toBeGreaterThan(0)
  expect(watch.readings).toBeGreaterThan(0)
  expectSinksEqual(recompute(world.pipeline, writer.log), await world.sinks(PARTITIONS))
})
