/**
 * Partitions were added: whatever the log, old partitions up to their ends and new ones from there on give what the oracle says, each
 * (entity, day) once, online too, and the consumer goes on; through deaths between any two durable effects of the run.
 */
import { expect } from 'vitest'
import { CrashPoint } from '../support/crash.ts'
import { scenarios, type Scenario } from '../support/random-log.ts'
import { growing, growingTwice, growth, pipelineOf } from './random-growth.ts'
import type { Growth } from './random-growth.ts'
import { differences, grow, growAgain, ran } from './regrouping-world.ts'
import type { Grown } from './regrouping-world.ts'
import { fc, test } from '../support/properties.ts'

/** Beside other work a sample takes up to half a second. */
const TIMEOUT_MS = 120_000

function grownFrom(scenario: Scenario, how: Growth): Promise<Grown> {
  return grow(pipelineOf(scenario), growing(scenario, how))
}

test.prop([scenarios(), growth], { numRuns: 60 })(
  'entities go on with all their values where their keys lie now',
  async (scenario, how) => {
    const grown = await grownFrom(scenario, how)
    const place = grown.world.place()
    expect(await grown.world.run(grown.plan, place)).toBeDefined()
    expect(await differences(grown, place)).toBe('')
  },
  TIMEOUT_MS,
)

const deaths = fc.array(fc.record({ after: fc.nat(60), afterEffect: fc.boolean() }), {
  minLength: 1,
  maxLength: 5,
})

test.prop([scenarios(), growth, deaths], { numRuns: 30 })(
  'killed at any durable effect and run again it comes to the same',
  async (scenario, how, points) => {
    const grown = await grownFrom(scenario, how)
    const { world, plan } = grown
    const killed = world.place()
    for (const { after, afterEffect } of points) {
      const crash = new CrashPoint(after, { afterEffect })
      await world.run(plan, killed, { crash, fetchRecords: (): number => 3 })
    }
    const result = await world.run(plan, killed)
    const whole = await world.run(plan, world.place(), { fetchRecords: (): number => 100 })
    expect(result?.tables).toEqual(whole?.tables)
    expect(await differences(grown, killed)).toBe('')
  },
  TIMEOUT_MS,
)

test.prop([scenarios(), growth, growth, deaths], { numRuns: 40 })(
  'partitions are added once more: entities that have moved move again',
  async (scenario, first, then, points) => {
    const twice = growingTwice(scenario, { first, then })
    const once = await ran(await grow(pipelineOf(scenario), twice.first))
    const grown = await growAgain(once, twice.then)
    const { world, plan } = grown
    const killed = world.place()
    for (const { after, afterEffect } of points) {
      const crash = new CrashPoint(after, { afterEffect })
      await world.run(plan, killed, { crash, fetchRecords: (): number => 3 })
    }
    expect(await world.run(plan, killed)).toBeDefined()
    expect(await differences(grown, killed)).toBe('')
  },
  TIMEOUT_MS,
)
