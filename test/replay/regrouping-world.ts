/** A log that gets partitions, the consumer that had read most of it, the plan of the regrouping, and what its sinks differ from the oracle. */
import type { Pipeline } from '../../src/core/definition.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { planRegrouping } from '../../src/replay/plan-regrouping.ts'
import type { ReplayRequest } from '../../src/replay/plan-scope.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import type { World } from '../support/engine-run.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { recomputeRegrouped } from '../support/regrouped-oracle.ts'
import type { RegroupedLog } from '../support/regrouped-oracle.ts'
import { ReplayWorld } from './replay-world.ts'
import type { ReplayPlace } from './replay-world.ts'

export interface Growing {
  readonly log: Omit<RegroupedLog, 'first'>
  readonly partitioner: string
  /** Of each old partition: records that its owner has not read. */
  readonly behind?: number
  readonly wish?: Partial<ReplayRequest>
  /** Done to the live pipeline before it is planned. */
  readonly before?: (live: World) => void
  /** Instead of the origins. */
  readonly ends?: readonly number[]
}

export interface Grown {
  readonly world: ReplayWorld
  readonly log: Growing['log']
  /** All partitions with all their records. */
  readonly whole: readonly RawPartition[]
  readonly plan: ReplayPlan
}

/** The owner has read all but the last records of the old partitions; then the partitions are there. */
export async function grow(
  pipeline: Pipeline,
  { log, partitioner, behind = 0, wish = {}, before, ends }: Growing,
): Promise<Grown> {
  const { old, parts } = log
  const world = new ReplayWorld(pipeline, old)
  const read = old.map(({ records, ...part }) => ({
    ...part,
    records: records.slice(0, Math.max(0, records.length - behind)),
  }))
  world.live.change(pipeline, read)
  await world.live.run()
  // The next process keeps house: tiles that nothing can read any more are dropped.
  await world.live.run()
  before?.(world.live)
  const whole = parts.map(({ partition, records }) => {
    return { partition, records: [...(old[partition]?.records ?? []), ...records] }
  })
  world.partitions = whole
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
      ...wish,
    },
    {
      pipeline,
      stored,
      zoneData: 'test',
      source: { kind: 'log' },
      partitions: await world.knowledge(),
      from: old.map(({ partition }) => {
        return { partition, end: ends?.[partition] ?? parts[partition]?.origin ?? 0 }
      }),
      partitioner,
    },
  )
  return { world, log, whole, plan }
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
  const oracle = recomputeRegrouped(world.pipeline, { ...log, first })
  return sinkDifferences(oracle, actual).slice(0, 12).join('\n')
}
