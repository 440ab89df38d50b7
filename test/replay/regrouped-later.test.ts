/** Replays of a log that got partitions before: what the regrouping left is a beginning like any other, where it is exact. */
import { describe, expect } from 'vitest'
import type { StartKind } from '../../src/replay/choose-start.ts'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { TidemarkError } from '../../src/errors.ts'
import type { ReplayPlan } from '../../src/replay/plan.ts'
import { presentRegroupedPlace } from '../../src/replay/regrouped-states.ts'
import { stagedDays } from '../../src/replay/staged.ts'
import { DAY_MS } from '../support/builders.ts'
import { readSinks } from '../support/engine-run.ts'
import { scenarios } from '../support/random-log.ts'
import { recomputeRegrouped } from '../support/regrouped-oracle.ts'
import type { RegroupedLog } from '../support/regrouped-oracle.ts'
import { differencesFrom } from '../support/staged-differences.ts'
import { daily, FIRST_DAY, growing, PARTITIONS, pipeline, userOf } from './growing-log.ts'
import { growing as randomGrowing, growth, pipelineOf } from './random-growth.ts'
import { goneOnWith, grow, ran } from './regrouping-world.ts'
import type { Growing } from './regrouping-world.ts'
import type { ReplayWorld } from './replay-world.ts'
import { fc, test } from '../support/properties.ts'

const TIMEOUT_MS = 120_000
const USERS = Array.from({ length: PARTITIONS }, (_, partition) => userOf(partition))

/** Ids are remembered no longer than records may be late: milestones serve. */
const FORGETFUL = pipeline((text) => text.replace('duplicatesWithin: 24h', 'duplicatesWithin: 12h'))

/** Without ids; windows that reach back to before partitions were added. */
const LONG = pipeline((text) =>
  text.replace('id: id, duplicatesWithin: 24h, ', '').replace('[1d, 3d]', '[1d, 7d]'),
)

/** What it stages, against the oracle. */
async function runAndCompare(
  world: ReplayWorld,
  plan: ReplayPlan,
  log: RegroupedLog,
): Promise<string> {
  const staged = world.place()
  const result = await world.run(plan, staged)
  const isStaged = ({ day, partition }: { day: number; partition: number }): boolean => {
    const { first, last } = stagedDays(plan, partition)
    const closedDay = result?.partitions[partition]?.closedDay ?? -Infinity
    return day >= first && day <= Math.min(last, closedDay)
  }
  const { online } = world.live
  const sinks = await readSinks({ online, pipeline: world.pipeline, ...staged })
  return differencesFrom(recomputeRegrouped(world.pipeline, log), { isStaged }, sinks)
}

function days(first: number, last = first): { range: { kind: 'days'; range: DayRangeOf } } {
  return { range: { kind: 'days', range: { first: FIRST_DAY + first, last: FIRST_DAY + last } } }
}

interface DayRangeOf {
  readonly first: number
  readonly last: number
}

interface Begun {
  readonly later: ReplayWorld
  readonly log: RegroupedLog
}

/** Regrouped, published, and gone on to the end of the log. */
async function begun(how: Growing, of = pipeline()): Promise<Begun> {
  const once = await ran(await grow(of, how))
  return { later: await goneOnWith(once), log: once.grown.log }
}

describe('later replays', () => {
  const old = [daily(userOf(0), 0, 3), daily(userOf(2), 0, 3)]

  test('the day after it is counted again from the states that it made; the day of its last event is not', async () => {
    const { later, log } = await begun(
      growing(
        old,
        USERS.flatMap((user) => daily(user, 4, 6)),
      ),
    )
    const { plan } = await later.plan(days(4))
    expect(plan.partitions.map(({ start }) => start)).toMatchObject([
      { kind: 'checkpoint', offset: 4, place: 'replays/after-1' },
      { kind: 'checkpoint', offset: 4, place: 'replays/after-1' },
      { kind: 'checkpoint', offset: 0, place: 'replays/after-1' },
    ])
    expect(await runAndCompare(later, plan, log)).toBe('')
    await expect(later.plan(days(3))).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      details: { firstPossibleDay: '2026-01-05' },
    })
  })

  test('its states serve behind other publishes too, unless these judge the log before their origins otherwise', async () => {
    const how = growing(
      old,
      USERS.flatMap((user) => daily(user, 4, 9)),
    )
    const once = await ran(await grow(pipeline(), how))
    const { log, whole } = once.grown
    const later = await goneOnWith(once)
    const { plan } = await later.plan(days(6))
    const next = await goneOnWith(await ran({ world: later, plan, log, whole }))
    const records = await readRecords(next.live.generations)
    expect(records.map(({ handOver }) => handOver?.kind)).toEqual([undefined, 'states', 'states'])
    const again = (await next.plan(days(4))).plan
    expect(again.partitions[0]?.start).toMatchObject({ place: 'replays/after-1' })
    expect(await runAndCompare(next, again, log)).toBe('')

    const newest = records.at(-1)!
    const without = (changed: Partial<GenerationRecord>): string | undefined =>
      presentRegroupedPlace([...records, { ...newest, generation: 4, ...changed }])
    const drop = (offset: number) => ({ kind: 'drop', partition: 0, offset }) as const
    expect(without({ amendments: [drop(4)] })).toBe('replays/after-1')
    expect(without({ amendments: [drop(3)] })).toBeUndefined()
    expect(without({ policy: { ...newest.policy, outOfOrdernessMs: 1 } })).toBeUndefined()
    expect(without({ views: [] })).toBeUndefined()
  })

  test('a partition to which nothing has come since writes what its owner may still correct, and hinders no other', async () => {
    const { later, log } = await begun(growing(old, daily(userOf(1), 4, 9)))
    const { plan } = await later.plan(days(6))
    expect(stagedDays(plan, 0).first).toBeLessThan(FIRST_DAY + 4)
    expect(await runAndCompare(later, plan, log)).toBe('')
  })

  test('an id that an old partition has remembered far ahead is a duplicate to a later replay, too', async () => {
    const user = userOf(1)
    const before = [{ user, day: 0.5, id: 'x' }, { user, day: 7.2, id: 'x' }, ...daily(user, 1, 3)]
    const since = [
      ...daily(user, 4, 6),
      { user, day: 7.1 },
      { user, day: 7.4, id: 'x' },
      ...daily(user, 8, 13),
    ]
    const { later, log } = await begun(growing([before], since), FORGETFUL)
    const { plan } = await later.plan(days(9))
    expect(await runAndCompare(later, plan, log)).toBe('')
  })

  test('tiles of an entity that was in two old partitions come from the tables merged', async () => {
    const user = userOf(1)
    const both = [daily(user, 0, 3), daily(user, 0, 3)]
    const since = USERS.flatMap((each) => daily(each, 4, 9))
    const { later, log } = await begun(growing(both, since), LONG)
    const { plan } = await later.plan({ ...days(5), start: 'tiles' })
    expect(plan.partitions[1]?.start).toMatchObject({ tiles: { first: FIRST_DAY - 2 } })
    expect(await runAndCompare(later, plan, log)).toBe('')
  })
})

/** Undefined where there is no such beginning. */
async function planned(
  world: ReplayWorld,
  start: StartKind,
  place: number,
): Promise<ReplayPlan | undefined> {
  const known = await world.knowledge()
  const closed = known.flatMap(({ state }) => state?.milestones.map(({ day }) => day) ?? [])
  const left = known.flatMap(({ checkpoints }) =>
    checkpoints.map(({ time }) => Math.floor((time.maxEventTime ?? 0) / DAY_MS) + 1),
  )
  const firsts = start === 'checkpoint' ? left : closed
  const first = firsts[place % Math.max(1, firsts.length)]
  if (first === undefined) return undefined
  try {
    const range = { kind: 'days', range: { first, last: first + (place % 3) } } as const
    return (await world.plan({ start, range })).plan
  } catch (error) {
    const isRefused = error instanceof TidemarkError && error.code !== 'SOURCE_CHANGED'
    if (isRefused) return undefined
    throw error
  }
}

const KINDS = ['checkpoint', 'milestone', 'tiles'] as const
/** Partitions were added early on, so that much has come since. */
const early = growth.map((how) => ({ ...how, before: how.before % 12 }))

for (const kind of KINDS) {
  test.prop([scenarios(), early, fc.nat(99)], { numRuns: 40 })(
    `from the ${kind}: staged rows and tiles are what the log says`,
    async (scenario, how, place) => {
      const { later, log } = await begun(randomGrowing(scenario, how), pipelineOf(scenario))
      const plan = await planned(later, kind, place)
      if (plan !== undefined) expect(await runAndCompare(later, plan, log)).toBe('')
    },
    TIMEOUT_MS,
  )
}
