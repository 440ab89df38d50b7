/**
 * Partitions were added: whatever the log, old partitions up to their ends and new ones from there on give what the oracle says, each
 * (entity, day) once, online too, and the consumer goes on; through deaths between any two durable effects of the run.
 */
import { fc, test } from '@fast-check/vitest'
import { expect } from 'vitest'
import { homeOfText } from '../../src/core/home.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { CrashPoint } from '../support/crash.ts'
import { judgePartition } from '../support/judge-oracle.ts'
import type { JudgedRecord } from '../support/judge-oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import type { RawRecord } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import { differences, grow } from './regrouping-world.ts'
import type { Grown, Growing } from './regrouping-world.ts'

/** Beside other work a sample takes up to half a second. */
const TIMEOUT_MS = 120_000

/** How a scenario's log becomes one that got partitions. */
const growth = fc.record({
  /** Records of each old partition under the old mapping. */
  before: fc.nat(50),
  /** Of these, how many the owner has not read. */
  behind: fc.nat(6),
  added: fc.integer({ min: 1, max: 3 }),
  partitioner: fc.constantFrom(...PARTITIONERS),
})

type Growth = typeof growth extends fc.Arbitrary<infer T> ? T : never

function pipelineOf(scenario: Scenario): Pipeline {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  return { ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }
}

/** Records of each partition up to a number by the old mapping; the rest, in the order of time, where the new one puts them. */
function growing(scenario: Scenario, { before, behind, added, partitioner }: Growth): Growing {
  const pipeline = pipelineOf(scenario)
  const old = scenario.partitions.map((part) => {
    return { ...part, records: part.records.slice(0, before) }
  })
  const count = old.length + added
  const homeOf = homeOfText(partitioner, count)
  const home = ({ fields }: JudgedRecord): number | undefined => {
    const [key] = pipeline.source.key.map((name) => fields.get(name) ?? null)
    return key === undefined || key === null ? undefined : homeOf(String(key))
  }
  const rest = scenario.partitions.flatMap(({ partition, records }) =>
    judgePartition(pipeline, { partition, records: records.slice(before) }).judged.map(
      (one, index) => ({ one, at: one.record.timestamp || index }),
    ),
  )
  const fresh: RawRecord[][] = Array.from({ length: count }, () => [])
  for (const [index, { one }] of rest.sort((a, b) => a.at - b.at).entries())
    fresh[home(one) ?? index % count]?.push(one.record)
  const parts = fresh.map((records, partition) => {
    const origin = (old[partition]?.records.at(-1)?.offset ?? -1) + 1
    const numbered = records.map((record, index) => ({ ...record, offset: origin + index }))
    return { partition, origin, records: numbered }
  })
  return { log: { old, parts, home }, partitioner: partitioner.name, behind }
}

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
