/** A log that gets partitions, the consumer that had read most of it, the plan of the regrouping, and what its sinks differ from the oracle. */
import type { Pipeline } from '../../src/core/definition.ts'
import { recordText } from '../../src/core/generation.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { replayPlace } from '../../src/engine/hand-over-port.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { planRegrouping } from '../../src/replay/plan-regrouping.ts'
import type { ReplayRequest } from '../../src/replay/plan-scope.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import type { ReplayResult } from '../../src/replay/records.ts'
import { stagedPlaces } from '../../src/replay/staged.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { World } from '../support/engine-run.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { recomputeRegrouped } from '../support/regrouped-oracle.ts'
import type { RegroupedLog } from '../support/regrouped-oracle.ts'
import { ReplayWorld } from './replay-world.ts'
import type { ReplayPlace } from './replay-world.ts'

interface Growth {
  readonly partitioner: string
  /** Of each old partition: records that its owner has not read. */
  readonly behind?: number
  readonly wish?: Partial<ReplayRequest>
  /** Instead of the origins. */
  readonly ends?: readonly number[]
}

export interface Growing extends Growth {
  readonly log: Omit<RegroupedLog, 'first' | 'old'> & { readonly old: readonly RawPartition[] }
  /** Done to the live pipeline before it is planned. */
  readonly before?: (live: World) => void
}

/** Of a log that was regrouped before. */
export interface GrowingAgain extends Growth {
  readonly log: Omit<RegroupedLog, 'first' | 'old'>
}

export interface Grown {
  readonly world: ReplayWorld
  readonly log: RegroupedLog
  /** All partitions with all their records. */
  readonly whole: readonly RawPartition[]
  readonly plan: ReplayPlan
}

/** The owner has read all but the last records of the old partitions; then the partitions are there. */
export async function grow(pipeline: Pipeline, growing: Growing): Promise<Grown> {
  const { log, behind = 0, before } = growing
  const world = new ReplayWorld(pipeline, log.old)
  world.live.change(pipeline, allBut(behind, log.old))
  await world.live.run()
  // The next process keeps house: tiles that nothing can read any more are dropped.
  await world.live.run()
  before?.(world.live)
  return planned(world, { ...growing, whole: log.old })
}

/** The same once a regrouping was published, and its owners have gone on. */
export async function growAgain(once: Published, growing: GrowingAgain): Promise<Grown> {
  const world = await goneOnWith(once, growing.behind)
  const { log, whole } = once.grown
  return planned(world, { ...growing, log: { ...growing.log, old: log }, whole })
}

function allBut(behind: number, partitions: readonly RawPartition[]): RawPartition[] {
  return partitions.map(({ records, ...part }) => {
    return { ...part, records: records.slice(0, Math.max(0, records.length - behind)) }
  })
}

async function planned(
  world: ReplayWorld,
  growing: Growth & {
    readonly log: Omit<RegroupedLog, 'first'>
    /** Old partitions with all their records. */
    readonly whole: readonly RawPartition[]
  },
): Promise<Grown> {
  const { log, partitioner, wish = {}, ends, whole: before } = growing
  const { pipeline } = world
  const whole = log.parts.map(({ partition, records }) => {
    return { partition, records: [...(before[partition]?.records ?? []), ...records] }
  })
  world.partitions = whole
  const stored = (await readRecords(world.live.generations)).at(-1)
  if (stored === undefined) throw new Error('the live consumer has run')
  const { plan } = planRegrouping(
    {
      id: `after-${stored.generation}`,
      text: '',
      range: undefined,
      views: undefined,
      onlyRange: false,
      start: undefined,
      allowIncomplete: false,
      amendments: [],
      audit: { atMs: 0, by: 'test', reason: 'test', software: 'test' },
      ...wish,
    },
    {
      pipeline,
      stored,
      zoneData: 'test',
      source: { kind: 'log' },
      partitions: await world.knowledge(),
      from: before.map(({ partition }) => {
        return { partition, end: ends?.[partition] ?? log.parts[partition]?.origin ?? 0 }
      }),
      partitioner,
    },
  )
  return { world, log: { ...log, first: plan.staged.first }, whole, plan }
}

export interface Published {
  readonly grown: Grown
  readonly place: ReplayPlace
  readonly result: ReplayResult
}

/** Run in one go. */
export async function ran(grown: Grown): Promise<Published> {
  const place = grown.world.place()
  const result = await grown.world.run(grown.plan, place)
  if (result === undefined) throw new Error('nobody dies')
  return { grown, place, result }
}

/** The pipeline once it was published, whose owners have read all but the last records: what is planned later begins here. */
export async function goneOnWith(
  { grown: { world, plan, whole }, place, result }: Published,
  behind = 0,
): Promise<ReplayWorld> {
  const { live, handOvers, pipeline } = world
  const { record, id } = plan
  const tables = live.tables.copy()
  tables.swap(place.tables, record.generation, stagedPlaces({ plan, result }))
  const generations = new MemoryGenerations()
  const made = result.partitions.map(({ partition, offset }) => ({ partition, offset }))
  const handOver = { kind: 'states', place: replayPlace(id), partitions: made } as const
  for (const each of [...(await readRecords(live.generations)), { ...record, handOver }])
    await generations.put(each.generation, recordText(each))
  const next = new World(pipeline, allBut(behind, whole), { generations, tables })
  for (const partition of next.disks.keys())
    next.disks[partition] = await world.handedState(plan, partition)
  next.online = live.online
  for (const [position, reject] of live.rejects.kept) next.rejects.kept.set(position, reject)
  await next.run()
  await next.run()
  return new ReplayWorld(pipeline, whole, { live: next, handOvers })
}

/** The consumer under the next generation, which has read to the end of the log. */
export async function goneOn({ world, plan, whole }: Grown, place: ReplayPlace): Promise<World> {
  const next = await world.handedOver(plan, place, whole)
  next.online = world.live.online
  await next.run()
  return next
}

/** What all sinks differ from the oracle, once the owners have gone on to the end of the log. */
export async function differences(grown: Grown, place: ReplayPlace): Promise<string> {
  const { world, log, plan } = grown
  const { first } = plan.staged
  const next = await goneOn(grown, place)
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
  return sinkDifferences(recomputeRegrouped(world.pipeline, log), actual).slice(0, 12).join('\n')
}
