/**
 * A replay that brings amendments in: from whatever it starts, what it stages is what the oracle says of the log as amended; and the
 * days before the first that it stages are untouched by them. Over logs that were amended before, too.
 */
import { expect } from 'vitest'
import type { Amendment } from '../../src/core/generation.ts'
import { TidemarkError } from '../../src/errors.ts'
import { START_KINDS } from '../../src/replay/choose-start.ts'
import type { ReplayRequest } from '../../src/replay/plan-scope.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import type { ReplayResult } from '../../src/replay/records.ts'
import { stagedDays, stagedPlaces } from '../../src/replay/staged.ts'
import { amend, amendmentsOf, beginAmended, keptRecords } from '../support/amended.ts'
import { sinkDifferences } from '../support/compare-sinks.ts'
import { CrashPoint } from '../support/crash.ts'
import { readSinks } from '../support/engine-run.ts'
import { recompute } from '../support/oracle.ts'
import type { OracleResult } from '../support/oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../support/random-log.ts'
import type { RawPartition } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import { ReplayWorld, type ReplayPlace } from '../replay/replay-world.ts'
import { fc, test } from '../support/properties.ts'

interface Amended {
  readonly world: ReplayWorld
  /** As the generation before has it. */
  readonly before: readonly RawPartition[]
  /** As the next one has it. */
  readonly after: readonly RawPartition[]
  readonly added: readonly Amendment[]
}

async function amendedWorld(
  scenario: Scenario,
  liveTo: number,
  { choices, wasAmended }: { choices: Iterator<boolean>; wasAmended: boolean },
): Promise<Amended> {
  const resolved = resolveText(pipelineText(scenario), '/random')
  const pipeline = { ...resolved, rejects: { ...resolved.rejects, limit: 1 } }
  const choose = (): boolean => choices.next().value as boolean
  const all = amend(pipeline, scenario.partitions, choose)
  const before = wasAmended ? all.map((part) => someOf(part, choose)) : scenario.partitions
  const world = new ReplayWorld(pipeline, scenario.partitions)
  await beginAmended(world.live, before)
  await world.runLiveTo(liveTo)
  await world.live.run()
  await world.live.amended.put(all.flatMap(keptRecords))
  const known = new Set(amendmentsOf(pipeline, before).map(textOf))
  const added = amendmentsOf(pipeline, all).filter((one) => !known.has(textOf(one)))
  return { world, before, after: all, added }
}

function textOf({ partition, offset }: Amendment): string {
  return `${partition}@${offset}`
}

function someOf(part: RawPartition, choose: () => boolean): RawPartition {
  const { dropped = [], accepted = [] } = part
  return { ...part, dropped: dropped.filter(choose), accepted: accepted.filter(choose) }
}

async function planned(
  world: ReplayWorld,
  wish: Partial<ReplayRequest>,
): Promise<ReplayPlan | undefined> {
  try {
    return (await world.plan(wish)).plan
  } catch (error) {
    const isRefused =
      error instanceof TidemarkError && ['REPLAY_REFUSED', 'USAGE'].includes(error.code)
    if (isRefused) return undefined
    throw error
  }
}

/** What was staged and what the log as amended says of the days that the replay closed. */
async function differences(
  world: ReplayWorld,
  staged: { readonly plan: ReplayPlan; readonly place: ReplayPlace; readonly result: ReplayResult },
  log: readonly RawPartition[],
): Promise<string> {
  const { plan, place, result } = staged
  const isStaged = stagedPlaces({ plan, result })
  const oracle = recompute(world.pipeline, log)
  const views = oracle.views.filter(({ view }) =>
    plan.views.includes(`${view.name}@${view.version}`),
  )
  const { online } = world.live
  const actual = await readSinks({ online, ...place, pipeline: world.pipeline })
  const found = sinkDifferences(only({ ...oracle, views }, isStaged), {
    ...actual,
    online: new Map(),
    rejects: [],
  })
  return found.slice(0, 12).join('\n')
}

type Placed = (at: { readonly day: number; readonly partition: number }) => boolean

function only({ views, ...rest }: OracleResult, isOf: Placed): OracleResult {
  const kept = views.map((view) => ({
    ...view,
    rows: view.rows.filter(isOf),
    tiles: view.tiles.filter(isOf),
    online: [],
  }))
  return { ...rest, rejects: [], views: kept }
}

function asSinks({ views }: OracleResult): Parameters<typeof sinkDifferences>[1] {
  return {
    rows: new Map(views.map(({ view, rows }) => [view.name, rows])),
    tiles: new Map(views.map(({ view, tiles }) => [view.name, tiles])),
    online: new Map(),
    rejects: [],
  }
}

const choices = fc.infiniteStream(fc.boolean())

const kinds = fc.constantFrom(...START_KINDS)

test.prop([scenarios(), fc.nat(60), kinds, choices, fc.boolean()], { numRuns: 80 })(
  'a replay that brings amendments in stages what the amended log says, and all that they reach',
  async (scenario, liveTo, start, chosen, wasAmended) => {
    const made = await amendedWorld(scenario, liveTo, { choices: chosen, wasAmended })
    const { world, before, after, added } = made
    if (added.length === 0) return
    const plan = await planned(world, { amendments: added, start })
    if (plan === undefined) return
    const staged = world.place()
    const result = await world.run(plan, staged, { fetchRecords: () => 1 + (liveTo % 11) })
    expect(result && (await differences(world, { plan, place: staged, result }, after))).toBe('')
    const closed = result?.partitions.map(({ closedDay = -Infinity }) => closedDay) ?? []
    const isUntouched = ({ day, partition }: { day: number; partition: number }): boolean =>
      day < stagedDays(plan, partition).first && day <= (closed[partition] ?? -Infinity)
    const was = only(recompute(world.pipeline, before), isUntouched)
    const is = only(recompute(world.pipeline, after), isUntouched)
    expect(sinkDifferences(is, asSinks(was))).toEqual([])
  },
)

test.prop([scenarios(), fc.nat(60), fc.nat(99), kinds, choices], { numRuns: 40 })(
  'a replay of any days over a log that was amended before',
  async (scenario, liveTo, place, start, chosen) => {
    const made = await amendedWorld(scenario, liveTo, { choices: chosen, wasAmended: true })
    const { world, before } = made
    const days = (await world.knowledge()).flatMap(({ state }) => state?.milestones ?? [])
    const day = days[place % Math.max(1, days.length)]?.day
    if (day === undefined) return
    const range = { kind: 'days', range: { first: day, last: day + (place % 3) } } as const
    const plan = await planned(world, { range, start })
    if (plan === undefined) return
    const staged = world.place()
    await world.run(plan, staged, { crash: new CrashPoint(place % 17) })
    const result = await world.run(plan, staged)
    expect(result && (await differences(world, { plan, place: staged, result }, before))).toBe('')
  },
)
