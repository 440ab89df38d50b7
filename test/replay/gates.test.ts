/** Gates: what `validate` of a view lets through, and what it keeps from being published. */
import { expect, test } from 'vitest'
import type { ColumnSpec } from '../../src/core/columns.ts'
import type { ViewGates } from '../../src/core/view-gates.ts'
import { planViews } from '../../src/core/view-plan.ts'
import { judgeReplay } from '../../src/cli/replay-gates.ts'
import { checkGates } from '../../src/replay/gates.ts'
import type { GateFacts, GateResult } from '../../src/replay/gates.ts'
import { pipelineOf, viewOf } from '../support/builders.ts'
import { replayOf, ReplayFixture } from '../support/replay-fixture.ts'

const DAY = 20_000 // 2024-10-04

/** Rows and the mean of `spend` per day from DAY on; a tenth of the rows has null. */
function factsOf(days: readonly { rows: number; mean?: number | null }[]): GateFacts {
  return {
    judged: days.map((_, index) => DAY + index),
    firstDay: DAY,
    profiles: new Map(
      days.map(({ rows, mean = 1 }, index) => [
        DAY + index,
        {
          day: DAY + index,
          rows,
          columns: { spend: { nulls: rows / 10, min: 0, max: 900, mean } },
        },
      ]),
    ),
  }
}

function gatesOf(parts: Partial<ViewGates>): ViewGates {
  return { previousDays: 2, rows: {}, columns: {}, ...parts }
}

const INT64 = { kind: 'int64' } as const

function failures(results: readonly GateResult[]): string[] {
  return results.filter(({ passed }) => !passed).map(({ message }) => message)
}

test('a view that asks for nothing passes', () => {
  expect(checkGates('v@1', gatesOf({}), factsOf([{ rows: 0 }]))).toEqual([])
})

test('too few and too many rows of a day are found, with the worst day and how many there are', () => {
  const facts = factsOf([{ rows: 10 }, { rows: 4 }, { rows: 3 }, { rows: 30 }])
  const results = checkGates('v@1', gatesOf({ rows: { min: 5, max: 20 } }), facts)
  expect(failures(results)).toEqual([
    'v@1: rows.min: expected at least 5, found 3 on 2024-10-06; 2 of 4 days are beyond it',
    'v@1: rows.max: expected at most 20, found 30 on 2024-10-07; 1 of 4 days are beyond it',
  ])
})

test('a day without any row between others has too few', () => {
  const facts = factsOf([{ rows: 10 }, { rows: 10 }, { rows: 10 }])
  const profiles = new Map([...facts.profiles].filter(([day]) => day !== DAY + 1))
  const results = checkGates('v@1', gatesOf({ rows: { min: 1 } }), { ...facts, profiles })
  expect(results).toMatchObject([{ passed: false, worst: { day: '2024-10-05', found: '0' } }])
})

test('days before the first row of a table are not judged', () => {
  const facts = factsOf([{ rows: 10 }, { rows: 10 }])
  const judged = [DAY - 2, DAY - 1, ...facts.judged]
  const results = checkGates('v@1', gatesOf({ rows: { min: 1 } }), { ...facts, judged })
  expect(results).toMatchObject([{ passed: true, daysJudged: 2 }])
})

test('a change against the mean of the days before is judged from the day that has enough of them', () => {
  const facts = factsOf([{ rows: 10 }, { rows: 100 }, { rows: 60 }, { rows: 121 }])
  const results = checkGates('v@1', gatesOf({ rows: { change: 0.5 } }), facts)
  expect(results).toMatchObject([
    { daysJudged: 2, daysFailed: 1, worst: { day: '2024-10-07', found: '121 after 80 (51.25%)' } },
  ])
  const wider = checkGates('v@1', gatesOf({ rows: { change: 0.52 } }), facts)
  expect(wider).toMatchObject([{ passed: true }])
})

test('shares of nulls and the place of all values are judged per column', () => {
  const facts = factsOf([{ rows: 10 }])
  const columns = { spend: { type: INT64, nullsMax: 0.05, min: 1, max: 1000 } }
  expect(failures(checkGates('v@1', gatesOf({ columns }), facts))).toEqual([
    'v@1: nulls of spend: expected at most 5%, found 10% on 2024-10-04; 1 of 1 days are beyond it',
    'v@1: ranges of spend: expected 1 to 1000, found 0 on 2024-10-04; 1 of 1 days are beyond it',
  ])
  const kinder = { spend: { type: INT64, nullsMax: 0.1, min: 0, max: 900 } }
  expect(failures(checkGates('v@1', gatesOf({ columns: kinder }), facts))).toEqual([])
})

test('a mean that leaves zero is beyond every limit, one that stays zero beyond none', () => {
  const columns = { spend: { type: INT64, change: 5 } }
  const facts = factsOf([
    { rows: 10, mean: 0 },
    { rows: 10, mean: 0 },
    { rows: 10, mean: 0 },
    { rows: 10, mean: 2 },
    { rows: 10, mean: null },
  ])
  expect(checkGates('v@1', gatesOf({ columns }), facts)).toMatchObject([
    { daysJudged: 2, daysFailed: 1, worst: { day: '2024-10-07', found: '2 after 0 (from 0)' } },
  ])
})

const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user', type: { kind: 'string' } },
  { name: 'clicks_1d', type: INT64 },
  { name: 'spend_1d', type: { kind: 'decimal', precision: 38, scale: 2 } },
  { name: 'score_1d', type: { kind: 'double' } },
]

test('a replay is judged by what the tables would hold: its slots, beside those that it leaves alone', async () => {
  await using fixture = await ReplayFixture.create()
  const slots = (from: number, count: number, clicks: number, partition = 0) =>
    Array.from({ length: count }, (_, index) => ({
      day: from + index,
      partition,
      rows: [
        [`a${partition}`, clicks, 1250, 0.5],
        [`b${partition}`, clicks, null, null],
      ],
    }))
  await fixture.fill('live', {
    columns: COLUMNS,
    slots: [...slots(DAY, 6, 10), ...slots(DAY, 6, 10, 1)],
  })
  // Partition 1 closed one day less; what it staged of that day is not published.
  await fixture.fill('staged', {
    columns: COLUMNS,
    slots: [...slots(DAY + 3, 2, 20), ...slots(DAY + 3, 2, 10_000, 1)],
  })
  const gates = gatesOf({
    rows: { min: 4 },
    columns: {
      clicks_1d: { type: INT64, max: 20, change: 0.4 },
      spend_1d: { type: { kind: 'decimal', precision: 38, scale: 2 }, min: 1250, nullsMax: 0.4 },
      score_1d: { type: { kind: 'double' }, max: 0.5 },
    },
  })
  const view = viewOf([1], [{ name: 'clicks', aggregate: 'count', field: '*' }], { gates })
  const views = planViews(pipelineOf({ views: [view] }))
  const replay = replayOf({ first: DAY + 3, last: DAY + 9 }, [DAY + 4, DAY + 2])
  const results = await judgeReplay(replay, views, fixture.tables)
  expect(
    results.map(({ gate, column = '', passed, daysJudged, worst }) => [
      gate,
      column,
      passed,
      daysJudged,
      worst?.found,
    ]),
  ).toEqual([
    ['rows.min', '', true, 2, '4'],
    ['ranges', 'clicks_1d', true, 2, '20'],
    // Staged 20 and live 10 on the day, 10 before it.
    ['change', 'clicks_1d', false, 2, '15 after 10 (50%)'],
    ['nulls', 'spend_1d', false, 2, '50%'],
    ['ranges', 'spend_1d', true, 2, '12.50'],
    ['ranges', 'score_1d', true, 2, '0.5'],
  ])
})
