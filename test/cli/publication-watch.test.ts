/** A publish that does not come to its end, and days that it leaves: seen beside a run, in the log and as metrics. */
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PublicationWatch } from '../../src/cli/publication-watch.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { PublicationWorld, STAMP, TABLE } from '../replay/publication-world.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'
import { CrashPoint, Crashed, wrap } from '../support/crash.ts'
import { partitionOf, progressOf } from '../support/run-progress.ts'
import { collectingLog } from '../support/table-fixture.ts'
import type { LoggedLine } from '../support/table-fixture.ts'

const DAY = 20_000
const DAYS = { first: DAY, last: DAY + 1 }

let world: PublicationWorld
let watch: PublicationWatch
let logged: LoggedLine[]
/** How often a trail was read; `away`: it cannot be. */
let asked: number
let away: boolean

beforeEach(async () => {
  world = await PublicationWorld.create(
    [DAY, DAY + 1].map((day) => ({ day, position: 20, rows: { ann: 1 } })),
  )
  logged = []
  asked = 0
  away = false
  const { replays, generations } = world.process()
  const get: typeof replays.get = (id) => {
    asked += 1
    return away ? Promise.reject(new Error('away')) : replays.get(id)
  }
  const parts = { clock: world.clock, log: collectingLog(logged) }
  watch = new PublicationWatch(parts, { generations, replays: wrap(replays, { get }) })
})

afterEach(() => watch[Symbol.asyncDispose]())

/** A minute later; everything is in memory, so that the look is soon over. */
async function look(partitions: readonly number[] = [0, 1]): Promise<void> {
  world.clock.nowMs += 60_000
  watch.update(progressOf(partitions.map((partition) => partitionOf(partition))))
  for (let turn = 0; turn < 200; turn += 1) await setImmediate()
}

async function page(): Promise<string[]> {
  const metrics = createMetrics({
    pipeline: pipelineOf({ views: [viewOf([1], [COUNT])] }),
    topic: 'clicks',
    version: '1',
    clock: world.clock,
    progress: () => undefined,
    extras: { publications: () => watch.status },
  })
  const lines = (await metrics.text()).split('\n')
  return lines
    .filter((line) => /^tidemark_(unfinished_)?publication/.test(line))
    .map((line) => line.replace(/pipeline="test",?/, '').replace('{}', ''))
}

/** Begun, in the records, and killed before the tables have it. */
async function killedPublish(): Promise<void> {
  const rows = [DAY, DAY + 1].map((day) => ({ day, position: 5, rows: { ann: 7 } }))
  await world.replay('r1', { days: DAYS, rows })
  const stamp = { ...STAMP, atMs: world.clock.nowMs }
  for (let point = 0; (await world.records()).length < 2; point += 1) {
    const crash = new CrashPoint(point)
    await world.publish('r1', { stamp }, world.process(crash)).catch((error: unknown) => {
      if (!(error instanceof Crashed)) throw error
    })
  }
}

const NONE = [
  'tidemark_unfinished_publications{did="publish"} 0',
  'tidemark_unfinished_publications{did="rollback"} 0',
  'tidemark_unfinished_publication_age_seconds 0',
]

test('a publish that was killed is a metric with its age until somebody finishes it, and a line of the log after a minute', async () => {
  expect(await page()).toEqual([])
  await look()
  expect(await page()).toEqual(NONE)
  await killedPublish()
  await look()
  const [, rollbacks] = NONE
  const unfinished = ['tidemark_unfinished_publications{did="publish"} 1', rollbacks]
  expect(await page()).toEqual([...unfinished, 'tidemark_unfinished_publication_age_seconds 60'])
  expect(logged).toEqual([])
  await look()
  await look()
  expect(await page()).toEqual([...unfinished, 'tidemark_unfinished_publication_age_seconds 180'])
  expect(logged).toMatchObject([
    {
      level: 'warn',
      message: expect.stringMatching(
        /UNFINISHED: the publish of replay r1 \(generation 2, .*`tidemark replay publish r1`/,
      ) as string,
    },
  ])

  await world.publish('r1')
  await look()
  expect(await page()).toEqual(NONE)
  expect(logged).toHaveLength(1)
  const before = asked
  await look()
  expect(asked).toBe(before)
})

test('days that it leaves, since files were gone, are counted by table until a replay has counted them again', async () => {
  await killedPublish()
  const { storage } = world.process()
  for (const { path } of await storage.list('_tidemark/replays/r1/'))
    if (path.includes(`/${TABLE}/`)) await storage.delete(path)
  await world.publish('r1', { abandon: true })
  await look()
  expect(await page()).toEqual([...NONE, `tidemark_publication_left_days{table="${TABLE}"} 2`])
  await look()
  expect(logged.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^LEFT: activity_v1 .*tidemark replay --days/),
  ])

  await world.replay('r2', { days: DAYS, rows: [], base: 2 })
  await world.publish('r2')
  await look()
  expect(await page()).toEqual(NONE)
})

test('a process without partition 0 leaves it to the one that has it', async () => {
  await killedPublish()
  await look()
  expect(watch.status?.unfinished).toHaveLength(1)
  await look([1])
  expect(await page()).toEqual([])
})

test('records that cannot be read are said, and looked at again; what was known stays', async () => {
  await killedPublish()
  await look()
  away = true
  await look()
  expect(logged.map(({ message }) => message)).toEqual([
    expect.stringMatching(/could not be looked for/),
  ])
  expect(watch.status?.unfinished).toHaveLength(1)
  away = false
  await world.publish('r1')
  await look()
  expect(watch.status?.unfinished).toEqual([])
})
