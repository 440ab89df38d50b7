/**
 * A replay's staged rows are what the oracle says of the days that it closed, from whatever it starts, however the log is cut into
 * batches, and through deaths between any two durable effects; and the same values every time.
 */
import { expect } from 'vitest'
import type { StartKind } from '../../src/replay/choose-start.ts'
import { TidemarkError } from '../../src/errors.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import type { ReplayResult } from '../../src/replay/records.ts'
import { stagedDays } from '../../src/replay/staged.ts'
import { CrashPoint } from '../support/crash.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { stagedDifferences } from '../support/staged-differences.ts'
import { ReplayWorld } from './replay-world.ts'
import { fc, test } from '../support/properties.ts'

async function worldOf(scenario: Scenario, liveTo: number): Promise<ReplayWorld> {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  const world = new ReplayWorld(
    { ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } },
    scenario.partitions,
  )
  await world.runLiveTo(liveTo)
  await world.live.run()
  return world
}

/** Undefined where there is no such beginning. */
async function planned(
  world: ReplayWorld,
  start: StartKind,
  place: number,
): Promise<ReplayPlan | undefined> {
  const days = (await world.knowledge()).flatMap(({ state }) => state?.milestones ?? [])
  // What is old has only the origin before it.
  const day = days[days.length - 1 - (place % Math.max(1, days.length))]?.day
  if (day === undefined) return undefined
  try {
    const range = { kind: 'days', range: { first: day, last: day + (place % 3) } } as const
    return (await world.plan({ start, range })).plan
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'REPLAY_REFUSED') return undefined
    throw error
  }
}

const KINDS = ['origin', 'checkpoint', 'milestone', 'tiles'] as const
/** Beside other work a sample takes up to half a second. */
const TIMEOUT_MS = 120_000

for (const kind of KINDS) {
  test.prop([scenarios(), fc.nat(60), fc.nat(99)], { numRuns: kind === 'origin' ? 10 : 25 })(
    `from the ${kind}: staged rows and tiles are what the log says, though it lost what is before`,
    async (scenario, liveTo, place) => {
      const world = await worldOf(scenario, liveTo)
      const plan = await planned(world, kind, place)
      if (plan === undefined) return
      world.logStart = Math.min(...plan.partitions.map(({ start }) => start.offset))
      const staged = world.place()
      const result = await world.run(plan, staged)
      expect(result && (await world.differences(plan, staged, result))).toBe('')
    },
    TIMEOUT_MS,
  )
}

test.prop([scenarios(), fc.integer({ min: 5, max: 50 }), fc.nat(99), fc.constantFrom(...KINDS)], {
  numRuns: 25,
})(
  'owners go on with its states as with their own',
  async (scenario, liveTo, place, kind) => {
    const begun = scenario.partitions.map((part) => {
      return { ...part, records: part.records.slice(0, liveTo) }
    })
    const world = await worldOf({ ...scenario, partitions: begun }, liveTo / 2)
    const plan = await planned(world, kind, place)
    if (plan?.handsOver !== true) return
    const staged = world.place()
    await world.run(plan, staged)
    const next = await world.handedOver(plan, staged, scenario.partitions)
    await next.run()
    expect(await world.differencesFrom(plan, next, scenario.partitions)).toBe('')
  },
  TIMEOUT_MS,
)

test.prop([scenarios(), fc.integer({ min: 1, max: 20 }), fc.nat(99), fc.constantFrom(...KINDS)], {
  numRuns: 25,
})(
  'a partition that ended long ago goes back for itself alone, and its owner goes on with the state all the same',
  async (scenario, idleFrom, place, kind) => {
    const [idle, ...rest] = scenario.partitions
    if (idle === undefined) return
    const short = { ...idle, records: idle.records.slice(0, idleFrom) }
    const world = await worldOf({ ...scenario, partitions: [short, ...rest] }, 30)
    const plan = await planned(world, kind, place)
    if (plan?.handsOver !== true) return
    const staged = world.place()
    const result = await world.run(plan, staged)
    expect(result && (await world.differences(plan, staged, result))).toBe('')
    const next = await world.handedOver(plan, staged, scenario.partitions)
    await next.run()
    expect(await world.differencesFrom(plan, next, scenario.partitions)).toBe('')
  },
  TIMEOUT_MS,
)

test.prop([scenarios(), fc.nat(99)], { numRuns: 25 })(
  'a partition whose first event comes after the plan is staged whole: no owner has written any of it',
  async (scenario, place) => {
    const { partitions } = scenario
    const late = partitions.length - 1
    const begun = partitions.map((part) =>
      part.partition < late ? part : { ...part, records: [] },
    )
    const world = await worldOf({ ...scenario, partitions: begun }, 30)
    const plan = await planned(world, 'origin', place)
    if (plan?.handsOver !== true) return
    world.partitions = partitions
    const staged = world.place()
    await world.run(plan, staged)
    const next = await world.handedOver(plan, staged, partitions)
    await next.run()
    const isStaged = ({ day, partition }: { day: number; partition: number }): boolean =>
      partition === late || day >= stagedDays(plan, partition).first
    const sinks = await next.sinks()
    expect(stagedDifferences(world.pipeline, partitions, { isStaged }, sinks)).toBe('')
  },
  TIMEOUT_MS,
)

test.prop([scenarios(), fc.integer({ min: 5, max: 50 }), fc.nat(99), fc.constantFrom(...KINDS)], {
  numRuns: 25,
})(
  'run again after its end it goes on to the present end: what it stages and hands over is that of one run',
  async (scenario, ranTo, place, kind) => {
    const world = await worldOf(scenario, ranTo / 2)
    const plan = await planned(world, kind, place)
    if (plan?.handsOver !== true) return
    const again = world.place()
    for (const records of [ranTo, ranTo]) await world.run(plan, again, { records })
    await world.run(plan, again, { records: ranTo + 9, crash: new CrashPoint(place % 40) })
    const result = await world.run(plan, again)
    expect(result && (await world.differences(plan, again, result))).toBe('')
    const next = await world.handedOver(plan, again, scenario.partitions)
    const whole = await world.run(plan, world.place())
    expect(comparable(result)).toEqual(comparable(whole))
    await next.run()
    expect(await world.differencesFrom(plan, next, scenario.partitions)).toBe('')
  },
  TIMEOUT_MS,
)

/** Without what says when and by whom. */
function comparable(result: ReplayResult | undefined): unknown {
  const partitions = result?.partitions.map(({ checkpoint: _, ...rest }) => rest)
  return { tables: result?.tables, partitions }
}

const deaths = fc.array(fc.record({ after: fc.nat(40), afterEffect: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
})

test.prop([scenarios(), fc.nat(60), fc.nat(99), fc.constantFrom(...KINDS), deaths], {
  numRuns: 25,
})(
  'killed at any durable effect and run again it stages the same values',
  async (scenario, liveTo, place, kind, points) => {
    const world = await worldOf(scenario, liveTo)
    const plan = await planned(world, kind, place)
    if (plan === undefined) return
    const killed = world.place()
    for (const { after, afterEffect } of points)
      await world.run(plan, killed, {
        crash: new CrashPoint(after, { afterEffect }),
        fetchRecords: (): number => 3,
      })
    const result = await world.run(plan, killed)
    const whole = await world.run(plan, world.place(), {
      fetchRecords: (): number => 100,
      parallel: 1,
    })
    expect(result && (await world.differences(plan, killed, result))).toBe('')
    expect(result?.tables).toEqual(whole?.tables)
  },
  TIMEOUT_MS,
)
