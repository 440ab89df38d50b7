/**
 * The law with amendments: records that are dropped are as if the log did not have them, late ones that are accepted are folded when
 * the log closes their day. Random logs with random amendments, in pieces and through deaths, are what the oracle recomputes.
 */
import { expect, test as once } from 'vitest'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { amend, beginAmended } from '../support/amended.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { CrashPoint } from '../support/crash.ts'
import { World } from '../support/engine-run.ts'
import { recompute } from '../support/oracle.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import { resolveText } from '../support/resolve-text.ts'
import { fc, test } from '../support/properties.ts'

interface Amended {
  readonly world: World
  readonly log: readonly RawPartition[]
}

async function amendedWorld(scenario: Scenario, choices: Iterator<boolean>): Promise<Amended> {
  const resolved = resolveText(pipelineText(scenario), '/random')
  const pipeline = { ...resolved, rejects: { ...resolved.rejects, limit: 1 } }
  const log = amend(pipeline, scenario.partitions, () => choices.next().value as boolean)
  const world = new World(pipeline, scenario.partitions)
  await beginAmended(world, log)
  return { world, log }
}

async function differences({ world, log }: Amended): Promise<string> {
  const found = sinkDifferences(recompute(world.pipeline, log), await world.sinks())
  return found.slice(0, 12).join('\n')
}

const choices = fc.infiniteStream(fc.boolean())
const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 40 }))

test.prop([scenarios(), choices, sizes], { numRuns: 100 })(
  'every sink is what the log and its amendments say, however the log is cut',
  async (scenario, chosen, sized) => {
    const amended = await amendedWorld(scenario, chosen)
    expect(await amended.world.run({ fetchRecords: () => sized.next().value as number })).toBe(true)
    expect(await differences(amended)).toBe('')
  },
)

const deaths = fc.array(
  fc.record({ after: fc.nat(60), afterEffect: fc.boolean(), stateLost: fc.boolean() }),
  { minLength: 1, maxLength: 4 },
)

test.prop([scenarios(), choices, deaths], { numRuns: 50 })(
  'nor does it depend on deaths, nor on a state that is built again',
  async (scenario, chosen, points) => {
    const amended = await amendedWorld(scenario, chosen)
    const { world } = amended
    for (const { after, afterEffect, stateLost } of points) {
      await world.run({ crash: new CrashPoint(after, { afterEffect }) })
      if (stateLost)
        world.disks.forEach((_, partition) => (world.disks[partition] = new MemoryDisk()))
    }
    expect(await world.run()).toBe(true)
    expect(await differences(amended)).toBe('')
  },
)

once(
  'the random amendments heal, drop, repeat ids, and reach records that are on time again',
  () => {
    const seen = new Set<string>()
    for (const [scenario, chosen] of fc.sample(fc.tuple(scenarios(), choices), {
      numRuns: 80,
      seed: 6,
    })) {
      const pipeline = resolveText(pipelineText(scenario), '/random')
      const log = amend(pipeline, scenario.partitions, () => chosen.next().value as boolean)
      for (const { judged } of recompute(pipeline, log).partitions)
        for (const { record, outcome } of judged) {
          const part = log.find(({ records }) => records.includes(record))
          const isAccepted = part?.accepted?.some(({ offset }) => offset === record.offset) ?? false
          const isHealed = part === undefined
          seen.add(isHealed || isAccepted ? `accepted: ${outcome}` : outcome)
        }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'amended',
        'accepted: healed',
        'accepted: duplicate',
        'accepted: too_late',
        'accepted: accepted',
        'accepted: amended',
      ]),
    )
  },
)
