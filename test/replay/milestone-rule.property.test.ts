/**
 * The rule by which a replay may begin at a milestone, against judging the whole log again: every record of the tiles that are needed
 * comes at or after it, and from there on each record gets the verdict that it gets in the whole log.
 */
import { describe, expect, test } from 'vitest'
import { chooseStart } from '../../src/replay/choose-start.ts'
import type { StartNeeds } from '../../src/replay/choose-start.ts'
import { DAY_MS, HOUR_MS } from '../support/builders.ts'
import { UTC, dayOf, endOf, judgeAll, knowledgeOf, milestonesOf, stillCounts } from './known-log.ts'
import type { LogPolicy, LoggedEvent, Verdict } from './known-log.ts'
import { fc } from '../support/properties.ts'

interface Scenario {
  readonly events: readonly LoggedEvent[]
  readonly policy: LogPolicy
  readonly firstTile: number
  readonly logStart: number
}

const policies: fc.Arbitrary<LogPolicy> = fc
  .record({
    outOfOrdernessMs: fc.constantFrom(0, HOUR_MS, 7 * HOUR_MS, 2 * DAY_MS),
    allowedLatenessMs: fc.constantFrom(0, 5 * HOUR_MS, DAY_MS, 3 * DAY_MS),
    longerMs: fc.constantFrom(0, -HOUR_MS, -DAY_MS, 2 * DAY_MS),
  })
  .map(({ longerMs, ...rest }) => ({
    ...rest,
    duplicatesWithinMs: Math.max(0, rest.allowedLatenessMs + longerMs),
  }))

/** Steps of time forth and back; some records are sent again: as they were, a bit later, or with a time that lies days ahead of all. */
const steps = fc.array(
  fc.record({
    forthMs: fc.oneof(
      fc.integer({ min: 0, max: 6 * HOUR_MS }),
      fc.integer({ min: 0, max: 4 * DAY_MS }),
    ),
    backMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 * DAY_MS })),
    again: fc.option(
      fc.record({ of: fc.nat(40), movedMs: fc.constantFrom(0, HOUR_MS, 9 * DAY_MS) }),
      {
        freq: 2,
      },
    ),
  }),
  { minLength: 5, maxLength: 60 },
)

const scenarios: fc.Arbitrary<Scenario> = fc
  .record({ steps, policy: policies, tile: fc.nat(100), start: fc.nat(100) })
  .map(({ steps: all, policy, tile, start }) => {
    const events: LoggedEvent[] = []
    let newest = Date.UTC(2024, 0, 1)
    for (const [offset, { forthMs, backMs, again }] of all.entries()) {
      const original = again && events.at(-1 - again.of)
      if (original) {
        events.push({ offset, time: original.time + again.movedMs, id: original.id })
        continue
      }
      newest += forthMs
      events.push({ offset, time: newest - backMs, id: `e${offset}` })
    }
    const firstDay = dayOf(events[0]?.time ?? 0)
    const days = dayOf(newest) - firstDay + 2
    const firstTile = firstDay + Math.floor((tile * days) / 100)
    const logStart = start < 60 ? 0 : Math.floor(((start - 60) * events.length) / 100)
    return { events, policy, firstTile, logStart }
  })

/** `a` is sent again with a time days ahead, and once more: whoever forgets it by the newest accepted event takes the last for a new one. */
const AHEAD: Scenario = {
  events: (
    [
      ['a', 0],
      ['a', 9],
      ['b', 0.5],
      ['c', 1.4],
      ['d', 2.9],
      ['a', 9],
      ['e', 4],
    ] as const
  ).map(([id, day], offset) => {
    return { offset, id, time: Date.UTC(2024, 0, 1) + Math.round(day * DAY_MS) }
  }),
  policy: { outOfOrdernessMs: 0, allowedLatenessMs: 0, duplicatesWithinMs: 0 },
  firstTile: dayOf(Date.UTC(2024, 0, 4)),
  logStart: 0,
}

function needsOf({ policy, firstTile }: Scenario): StartNeeds {
  return {
    calendar: UTC,
    outOfOrdernessMs: policy.outOfOrdernessMs,
    duplicatesWithinMs: policy.duplicatesWithinMs,
    allowedLatenessMs: policy.allowedLatenessMs,
    first: firstTile + 3,
    countedFirst: firstTile + 3,
    firstTile,
    origin: 0,
    changesFrom: Infinity,
    timeHolds: true,
    tilesHold: true,
    tilesBefore: Infinity,
    statesHold: true,
    liveHolds: false,
    generation: 1,
    wanted: 'milestone',
    isRegrouped: false,
    allowIncomplete: false,
  }
}

/** Reads from `offset`, remembers ids, and judges from `countsFrom` on by the time that the start gives. */
function judgeFrom(
  { events, policy }: Scenario,
  start: { readonly offset: number; readonly countsFrom: number; readonly maxEventTime: number },
): ReadonlyMap<number, Verdict> {
  const verdicts = new Map<number, Verdict>()
  const remembered: LoggedEvent[] = []
  let newest = start.maxEventTime
  for (const event of events.filter(({ offset }) => offset >= start.offset)) {
    const watermark = newest - policy.outOfOrdernessMs
    if (event.offset < start.countsFrom) {
      remembered.push(event)
      continue
    }
    if (endOf(event) + policy.allowedLatenessMs <= watermark) {
      verdicts.set(event.offset, 'too_late')
      continue
    }
    const isSame = (other: LoggedEvent): boolean =>
      other.id === event.id && stillCounts(other, watermark, policy)
    const isDuplicate = remembered.some(isSame)
    verdicts.set(event.offset, isDuplicate ? 'duplicate' : 'accepted')
    remembered.push(event)
    if (!isDuplicate) newest = Math.max(newest, event.time)
  }
  return verdicts
}

describe('a replay from a milestone', () => {
  test('counts every record of its tiles and judges each as the whole log does', () => {
    let begun = 0
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const { events, policy, firstTile, logStart } = scenario
        const known = knowledgeOf(events, policy)
        const log = { ...known.log, start: logStart }
        const { start } = chooseStart({ ...known, log }, needsOf(scenario))
        if (start?.kind !== 'milestone') return
        begun += 1
        const whole = judgeAll(events, policy)
        expect(start.offset).toBeGreaterThanOrEqual(logStart)
        for (const [i, { offset, time }] of events.entries()) {
          if (whole[i] === 'accepted' && dayOf(time) >= firstTile)
            expect(offset).toBeGreaterThanOrEqual(start.countsFrom)
        }
        const maxEventTime = start.time.maxEventTime ?? NaN
        const accepted = events.filter((_, i) => whole[i] === 'accepted')
        const before = accepted.filter(({ offset }) => offset < start.countsFrom)
        expect(maxEventTime).toBe(Math.max(...before.map(({ time }) => time)))
        expect(before.find(({ time }) => time === maxEventTime)?.offset).toBe(
          start.time.maxEventOffset,
        )
        const found = judgeFrom(scenario, { ...start, maxEventTime })
        for (const [offset, verdict] of found) expect(verdict).toBe(whole[offset])
      }),
      { numRuns: 4_000, examples: [[AHEAD]] },
    )
    // Else the test would say nothing.
    expect(begun).toBeGreaterThan(60)
  })

  test('is the latest that serves', () => {
    fc.assert(
      fc.property(scenarios, (scenario) => {
        const { events, policy, firstTile } = scenario
        const { start } = chooseStart(knowledgeOf(events, policy), needsOf(scenario))
        if (start?.kind !== 'milestone') return
        const whole = judgeAll(events, policy)
        const later = milestonesOf(events, whole, policy).filter(
          ({ offset }) => offset > start.countsFrom,
        )
        for (const { maxEventTime } of later)
          expect(maxEventTime).toBeGreaterThanOrEqual(firstTile * DAY_MS)
      }),
      { numRuns: 200 },
    )
  })
})
