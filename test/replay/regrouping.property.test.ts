/**
 * Partitions were added: whatever the log, old partitions up to their ends and new ones from there on give what the oracle says, each
 * (entity, day) once, online too, and the consumer goes on; through deaths between any two durable effects of the run.
 */
import { fc, test } from '@fast-check/vitest'
import { expect } from 'vitest'
import { homeOfText } from '../../src/core/home.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { planRegrouping } from '../../src/replay/plan-regrouping.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { CrashPoint } from '../support/crash.ts'
import { judgePartition } from '../support/judge-oracle.ts'
import type { JudgedRecord } from '../support/judge-oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import type { RawPartition, RawRecord } from '../support/raw-record.ts'
import { recomputeRegrouped } from '../support/regrouped-oracle.ts'
import type { RegroupedLog } from '../support/regrouped-oracle.ts'
import { resolveText } from '../support/resolve-text.ts'
import { ReplayWorld } from './replay-world.ts'
import type { ReplayPlace } from './replay-world.ts'

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

interface Grown {
  readonly log: Omit<RegroupedLog, 'first'>
  /** All partitions with all their records. */
  readonly whole: readonly RawPartition[]
  readonly ends: readonly { readonly partition: number; readonly end: number }[]
}

function pipelineOf(scenario: Scenario): Pipeline {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  return { ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }
}

function grow(scenario: Scenario, { before, added, partitioner }: Growth): Grown {
  const pipeline = pipelineOf(scenario)
  const old = scenario.partitions.map((part) => ({
    ...part,
    records: part.records.slice(0, before),
  }))
  const count = old.length + added
  const home = homeOfText(partitioner, count)
  const homeOf = ({ fields }: JudgedRecord): number | undefined => {
    const [key] = pipeline.source.key.map((name) => fields.get(name) ?? null)
    return key === undefined || key === null ? undefined : home(String(key))
  }
  const ends = old.map(({ partition, records }) => {
    return { partition, end: (records.at(-1)?.offset ?? -1) + 1 }
  })
  const fresh: RawRecord[][] = Array.from({ length: count }, () => [])
  const rest = scenario.partitions.flatMap(
    ({ partition, records }) =>
      judgePartition(pipeline, { partition, records: records.slice(before) }).judged,
  )
  const inTime = rest
    .map((one, index) => ({ one, at: one.record.timestamp || index }))
    .sort((a, b) => a.at - b.at)
  for (const [index, { one }] of inTime.entries())
    fresh[homeOf(one) ?? index % count]?.push(one.record)
  const parts = fresh.map((records, partition) => {
    const origin = ends[partition]?.end ?? 0
    return {
      partition,
      origin,
      records: records.map((record, index) => ({ ...record, offset: origin + index })),
    }
  })
  const whole = parts.map(({ partition, records }) => {
    return { partition, records: [...(old[partition]?.records ?? []), ...records] }
  })
  return { log: { old, parts, home: homeOf }, whole, ends }
}

/** The owner has read all but the last records of the old partitions; then the partitions are there. */
async function begun(
  scenario: Scenario,
  how: Growth,
): Promise<{ readonly world: ReplayWorld; readonly grown: Grown; readonly plan: ReplayPlan }> {
  const grown = grow(scenario, how)
  const { old } = grown.log
  const world = new ReplayWorld(pipelineOf(scenario), old)
  const read = old.map(({ records, ...part }) => ({
    ...part,
    records: records.slice(0, Math.max(0, records.length - how.behind)),
  }))
  world.live.change(world.pipeline, read)
  await world.live.run()
  world.partitions = grown.whole
  const stored = (await readRecords(world.live.generations)).at(-1)
  if (stored === undefined) throw new Error('the live consumer has run')
  const { plan } = planRegrouping(
    {
      id: 'test',
      text: '',
      range: undefined,
      views: undefined,
      onlyRange: false,
      start: undefined,
      allowIncomplete: false,
      amendments: [],
      audit: { atMs: 0, by: 'test', reason: 'test', software: 'test' },
    },
    {
      pipeline: world.pipeline,
      stored,
      zoneData: 'test',
      source: { kind: 'log' },
      partitions: await world.knowledge(),
      from: grown.ends,
      partitioner: how.partitioner.name,
    },
  )
  return { world, grown, plan }
}

/** What all sinks differ from the oracle, once the owners have gone on to the end of the log. */
async function differences(
  { world, grown, plan }: Awaited<ReturnType<typeof begun>>,
  place: ReplayPlace,
): Promise<string> {
  const first = plan.staged.first
  const next = await world.handedOver(plan, place, grown.whole)
  next.online = world.live.online
  await next.run()
  const after = await next.sinks()
  const before = await world.live.sinks()
  const from = <T extends { readonly day: number }>(
    was: ReadonlyMap<string, readonly T[]>,
    is: ReadonlyMap<string, readonly T[]>,
  ): Map<string, T[]> =>
    new Map(
      [...is].map(([view, rows]) => [
        view,
        [...(was.get(view) ?? []).filter(({ day }) => day < first), ...rows],
      ]),
    )
  const actual = {
    rows: from(before.rows, after.rows),
    tiles: from(before.tiles, after.tiles),
    online: after.online,
    rejects: [...before.rejects, ...after.rejects],
  }
  const oracle = recomputeRegrouped(world.pipeline, { ...grown.log, first })
  return sinkDifferences(oracle, actual).slice(0, 12).join('\n')
}

test.prop([scenarios(), growth], { numRuns: 60 })(
  'entities go on with all their values where their keys lie now',
  async (scenario, how) => {
    const found = await begun(scenario, how)
    const place = found.world.place()
    expect(await found.world.run(found.plan, place)).toBeDefined()
    expect(await differences(found, place)).toBe('')
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
    const found = await begun(scenario, how)
    const { world, plan } = found
    const killed = world.place()
    for (const { after, afterEffect } of points)
      await world.run(plan, killed, {
        crash: new CrashPoint(after, { afterEffect }),
        fetchRecords: (): number => 3,
      })
    const result = await world.run(plan, killed)
    const whole = await world.run(plan, world.place(), { fetchRecords: (): number => 100 })
    expect(result?.tables).toEqual(whole?.tables)
    expect(await differences(found, killed)).toBe('')
  },
  TIMEOUT_MS,
)
