/**
 * Plans against the whole of random logs, of which the state that they were made from has read a part: what is swapped in beside the
 * owners' states changes no more, and what owners may still write is staged where they take the states over.
 */
import { expect, test } from 'vitest'
import { recordOf } from '../../src/core/generation.ts'
import { planViews } from '../../src/core/view-plan.ts'
import { planReplay } from '../../src/replay/plan-replay.ts'
import type { PlannedReplay } from '../../src/replay/plan-replay.ts'
import { COUNT, DAY_MS, HOUR_MS, pipelineOf, viewOf } from '../support/builders.ts'
import { dayOf, judgeAll, knowledgeOf } from './known-log.ts'
import type { LogPolicy, LoggedEvent } from './known-log.ts'
import { fc } from '../support/properties.ts'

interface Scenario {
  readonly events: readonly LoggedEvent[]
  readonly policy: LogPolicy
  /** Events that the state has read. */
  readonly known: number
  readonly range: { readonly first: number; readonly last: number }
  readonly window: number
}

const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    steps: fc.array(
      fc.record({
        forthMs: fc.integer({ min: 0, max: DAY_MS }),
        backMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4 * DAY_MS })),
      }),
      { minLength: 10, maxLength: 80 },
    ),
    outOfOrdernessMs: fc.constantFrom(0, HOUR_MS, 2 * DAY_MS),
    allowedLatenessMs: fc.constantFrom(0, 5 * HOUR_MS, 3 * DAY_MS),
    share: fc.integer({ min: 30, max: 100 }),
    first: fc.nat(100),
    length: fc.nat(4),
    window: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ steps, share, first, length, window, ...policy }) => {
    let newest = Date.UTC(2024, 0, 1)
    const events = steps.map(({ forthMs, backMs }, offset) => {
      newest += forthMs
      return { offset, time: newest - backMs, id: `e${offset}` }
    })
    const known = Math.max(1, Math.floor((events.length * share) / 100))
    const times = events.slice(0, known).map(({ time }) => dayOf(time))
    const days = Math.max(...times) - Math.min(...times)
    const from = Math.min(...times) + Math.floor((days * first) / 100)
    const range = { first: from, last: from + length }
    return { events, known, range, window, policy: { ...policy, duplicatesWithinMs: 0 } }
  })

function planned({ events, policy, known, range, window }: Scenario): PlannedReplay {
  const { outOfOrdernessMs, allowedLatenessMs } = policy
  const time = { outOfOrdernessMs, allowedLatenessMs }
  const pipeline = pipelineOf({ views: [viewOf([window], [COUNT])], time, duplicatesWithinMs: 0 })
  const parts = { generation: 1, zoneData: 'none', log: undefined, origins: [0] }
  return planReplay(
    {
      id: 'r1',
      text: '',
      range: { kind: 'days', range },
      views: undefined,
      onlyRange: false,
      start: undefined,
      allowIncomplete: false,
      amendments: [],
      audit: { atMs: 0, by: 'me', reason: 'test', software: 'test' },
    },
    {
      pipeline,
      stored: recordOf(pipeline, planViews(pipeline), parts),
      zoneData: 'none',
      source: { kind: 'log' },
      partitions: [knowledgeOf(events.slice(0, known), policy)],
    },
  )
}

test('no record after the stop changes a staged row, and every record that one needs is counted', () => {
  let beside = 0
  let over = 0
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const { events, policy, window, known } = scenario
      const { plan } = planned(scenario)
      const [partition] = plan.partitions
      if (partition === undefined) throw new Error('a partition')
      const { start, stop } = partition
      const counts = 'countsFrom' in start ? start.countsFrom : start.offset
      const verdicts = judgeAll(events, policy)
      const firstTile = plan.staged.first - window
      const accepted = events.filter((_, i) => verdicts[i] === 'accepted')
      for (const { offset, time } of accepted) {
        const bucket = dayOf(time)
        if (bucket < firstTile || bucket > plan.staged.last) continue
        expect(offset).toBeGreaterThanOrEqual(counts)
        if (stop !== undefined) expect(offset).toBeLessThan(stop)
      }
      if (plan.handsOver) over += 1
      else beside += 1
      // What owners count later corrects rows from its own day on.
      const later = accepted.filter(({ offset }) => offset >= known)
      if (!plan.handsOver)
        for (const { time } of later) expect(dayOf(time)).toBeGreaterThan(plan.staged.last)
      else
        for (const { time } of later) expect(dayOf(time)).toBeGreaterThanOrEqual(plan.staged.first)
    }),
    { numRuns: 500 },
  )
  expect(Math.min(beside, over)).toBeGreaterThan(20)
})
