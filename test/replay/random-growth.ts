/** Random logs that got partitions: where each record lies, by the mapping of before and by that of now. */
import { fc } from '@fast-check/vitest'
import { homeOfText } from '../../src/core/home.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import type { Partitioner } from '../../src/core/partitioner.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { judgePartition } from '../support/judge-oracle.ts'
import type { JudgedRecord } from '../support/judge-oracle.ts'
import { pipelineText, type Scenario } from '../support/random-log.ts'
import type { RawPartition, RawRecord } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import type { Growing, GrowingAgain } from './regrouping-world.ts'

/** How a scenario's log becomes one that got partitions. */
export const growth = fc.record({
  /** Records of each old partition under the old mapping. */
  before: fc.nat(50),
  /** Of these, how many the owner has not read. */
  behind: fc.nat(6),
  added: fc.integer({ min: 1, max: 3 }),
  partitioner: fc.constantFrom(...PARTITIONERS),
})

export type Growth = typeof growth extends fc.Arbitrary<infer T> ? T : never

export function pipelineOf(scenario: Scenario): Pipeline {
  const pipeline = resolveText(pipelineText(scenario), '/random')
  return { ...pipeline, rejects: { ...pipeline.rejects, limit: 1 } }
}

type Home = Growing['log']['home']

function homeOf(pipeline: Pipeline, partitioner: Partitioner, count: number): Home {
  const home = homeOfText(partitioner, count)
  return ({ fields }: JudgedRecord): number | undefined => {
    const [key] = pipeline.source.key.map((name) => fields.get(name) ?? null)
    return key === undefined || key === null ? undefined : home(String(key))
  }
}

/** Records in the order of time, where a mapping puts them, behind those that partitions have. */
function placed(
  pipeline: Pipeline,
  rest: readonly RawPartition[],
  { home, origins }: { readonly home: Home; readonly origins: readonly number[] },
): Growing['log']['parts'] {
  const all = rest.flatMap((part) =>
    judgePartition(pipeline, part).judged.map((one, index) => {
      return { one, at: one.record.timestamp || index }
    }),
  )
  const fresh: RawRecord[][] = origins.map(() => [])
  for (const [index, { one }] of all.sort((a, b) => a.at - b.at).entries())
    fresh[home(one) ?? index % origins.length]?.push(one.record)
  return fresh.map((records, partition) => {
    const origin = origins[partition] ?? 0
    const numbered = records.map((record, index) => ({ ...record, offset: origin + index }))
    return { partition, origin, records: numbered }
  })
}

function endOf(records: readonly RawRecord[] | undefined): number {
  return (records?.at(-1)?.offset ?? -1) + 1
}

/** Records of each partition up to a number by the old mapping; the rest, in the order of time, where the new one puts them. */
export function growing(
  scenario: Scenario,
  { before, behind, added, partitioner }: Growth,
): Growing {
  const pipeline = pipelineOf(scenario)
  const old = scenario.partitions.map((part) => {
    return { ...part, records: part.records.slice(0, before) }
  })
  const rest = scenario.partitions.map((part) => {
    return { ...part, records: part.records.slice(before) }
  })
  const count = old.length + added
  const home = homeOf(pipeline, partitioner, count)
  const origins = Array.from({ length: count }, (_, each) => endOf(old[each]?.records))
  const parts = placed(pipeline, rest, { home, origins })
  return { log: { old, parts, home }, partitioner: partitioner.name, behind }
}

/** The same log, that got partitions twice: those of the first time end where so many records have come since. */
export function growingTwice(
  scenario: Scenario,
  { first, then }: { readonly first: Growth; readonly then: Growth },
): { readonly first: Growing; readonly then: GrowingAgain } {
  const pipeline = pipelineOf(scenario)
  const once = growing(scenario, first)
  const middle = once.log.parts.map((part) => {
    return { ...part, records: part.records.slice(0, then.before) }
  })
  const rest = once.log.parts.map(({ partition, records }) => {
    return { partition, records: records.slice(then.before) }
  })
  const count = middle.length + then.added
  const home = homeOf(pipeline, then.partitioner, count)
  const origins = Array.from({ length: count }, (_, each) => {
    const part = middle[each]
    return part === undefined ? 0 : part.origin + part.records.length
  })
  const parts = placed(pipeline, rest, { home, origins })
  const { partitioner, behind } = then
  return {
    first: { ...once, log: { ...once.log, parts: middle } },
    then: { log: { parts, home }, partitioner: partitioner.name, behind },
  }
}
