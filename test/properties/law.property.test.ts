/**
 * The law: the content of every sink is a function of the log. Random logs run through the shipping engine, whole, in
 * pieces, and through deaths between any two durable effects; afterwards all sinks are what the oracle recomputes.
 */
import { expect } from 'vitest'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { CrashPoint } from '../support/crash.ts'
import { World } from '../support/engine-run.ts'
import { recompute } from '../support/oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { fc, test } from '../support/properties.ts'

function worldOf(scenario: Scenario): World {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  return new World({ ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }, scenario.partitions)
}

async function differences(world: World, scenario: Scenario): Promise<string> {
  const found = sinkDifferences(recompute(world.pipeline, scenario.partitions), await world.sinks())
  return found.slice(0, 12).join('\n')
}

test.prop([scenarios()], { numRuns: 150 })('every sink is what the log says', async (scenario) => {
  const world = worldOf(scenario)
  expect(await world.run()).toBe(true)
  expect(await differences(world, scenario)).toBe('')
})

test.prop([scenarios(), fc.infiniteStream(fc.integer({ min: 1, max: 40 }))], { numRuns: 100 })(
  'it does not depend on how the log is cut into batches',
  async (scenario, sizes) => {
    const world = worldOf(scenario)
    await world.run({ fetchRecords: () => sizes.next().value as number })
    expect(await differences(world, scenario)).toBe('')
  },
)

const deaths = fc.array(fc.record({ after: fc.nat(60), afterEffect: fc.boolean() }), {
  minLength: 1,
  maxLength: 6,
})

test.prop([scenarios(), deaths], { numRuns: 120 })(
  'it does not depend on deaths between any two durable effects',
  async (scenario, points) => {
    const world = worldOf(scenario)
    for (const { after, afterEffect } of points)
      await world.run({ crash: new CrashPoint(after, { afterEffect }) })
    expect(await world.run()).toBe(true)
    expect(await differences(world, scenario)).toBe('')
  },
)

const losses = fc.array(
  fc.record({ after: fc.nat(60), emptied: fc.boolean(), stateLost: fc.boolean() }),
  { minLength: 1, maxLength: 4 },
)

test.prop([scenarios(), losses], { numRuns: 80 })(
  'it does not depend on an online store that loses everything, nor on a state that is built again',
  async (scenario, points) => {
    const world = worldOf(scenario)
    for (const { after, emptied, stateLost } of points) {
      await world.run({ crash: new CrashPoint(after) })
      if (emptied) world.online.flush()
      if (stateLost)
        world.disks.forEach((_, partition) => (world.disks[partition] = new MemoryDisk()))
    }
    expect(await world.run()).toBe(true)
    expect(await differences(world, scenario)).toBe('')
  },
)
