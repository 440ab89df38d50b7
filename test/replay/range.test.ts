/** What is typed for a range, and the days that offsets and times come to. */
import { describe, expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import { OPEN_DAY } from '../../src/replay/plan.ts'
import { parseRange, resolveRange } from '../../src/replay/range.ts'
import type { RangePolicy, TypedRange } from '../../src/replay/range.ts'
import { DAY_MS, HOUR_MS, at, day } from '../support/builders.ts'
import { UTC, knowledgeOf } from './known-log.ts'
import type { LoggedEvent } from './known-log.ts'

const POLICY: RangePolicy = {
  calendar: UTC,
  outOfOrdernessMs: HOUR_MS,
  allowedLatenessMs: DAY_MS,
  maxFutureMs: 10 * 60_000,
  notBeforeMs: Date.UTC(2000, 0, 1),
}
const IDS = { duplicatesWithinMs: DAY_MS }

/** An event at noon of each day from 2024-03-01 on: offset n is that of day n. */
function noons(days: number): LoggedEvent[] {
  return Array.from({ length: days }, (_, offset) => {
    return { offset, time: at('2024-03-01 12:00') + offset * DAY_MS, id: `e${offset}` }
  })
}

const TEN = knowledgeOf(noons(10), { ...POLICY, ...IDS })
const TWENTY = { ...knowledgeOf(noons(20), { ...POLICY, ...IDS }), partition: 1 }

function resolved(typed: TypedRange, partitions = [TEN, TWENTY]): string {
  const { first, last } = resolveRange(parseRange(typed, UTC), partitions, POLICY)
  return `${formatDay(first)} .. ${last === OPEN_DAY ? 'end' : formatDay(last)}`
}

describe('days', () => {
  test.each([
    ['2024-03-05..2024-03-07', '2024-03-05 .. 2024-03-07'],
    ['2024-03-05', '2024-03-05 .. 2024-03-05'],
    ['2024-03-05..', '2024-03-05 .. end'],
  ])('%s', (days, expected) => {
    expect(resolved({ days })).toBe(expected)
  })

  test('are both included', () => {
    const request = parseRange({ days: '2024-03-05..2024-03-07' }, UTC)
    expect(request).toEqual({
      kind: 'days',
      range: { first: day('2024-03-05'), last: day('2024-03-07') },
    })
  })
})

describe('offsets', () => {
  test('come to the days that records from there on can still reach', () => {
    // Before offset 5, of 03-06 12:00, the watermark is 03-05 11:00: 03-04 is over by less than a day.
    expect(resolved({ fromOffset: '0=5' })).toBe('2024-03-04 .. end')
  })

  test('of several partitions come to the days of all of them', () => {
    expect(resolved({ fromOffset: '0=9,1=4' })).toBe('2024-03-03 .. end')
  })

  test('end with the newest day of an event before', () => {
    expect(resolved({ fromOffset: '0=5', toOffset: '0=7' })).toBe('2024-03-04 .. 2024-03-07')
  })

  test('that the state has not come to have no end', () => {
    expect(resolved({ fromOffset: '0=5', toOffset: '0=70' })).toBe('2024-03-04 .. end')
  })

  test('before anything was closed reach back as far as events may', () => {
    expect(resolved({ fromOffset: '0=0' })).toBe('2000-01-01 .. end')
  })
})

describe('times', () => {
  test('come to the days that records from then on could still reach', () => {
    // The last record before then is that of 03-05 12:00; its watermark is 03-05 11:00.
    expect(resolved({ since: '2024-03-06T00:00Z' })).toBe('2024-03-04 .. end')
    expect(resolved({ since: '2024-03-06' })).toBe('2024-03-04 .. end')
  })

  test('end with the day of the last event that the firewall lets through', () => {
    expect(resolved({ since: '2024-03-06', until: '2024-03-08T23:55Z' })).toBe(
      '2024-03-04 .. 2024-03-09',
    )
  })

  test('are event times where records have no timestamps', () => {
    const milestones = TEN.state?.milestones.map((each) => ({ ...each, timestamp: NaN })) ?? []
    const timeless = { ...TEN, state: TEN.state && { ...TEN.state, milestones } }
    expect(resolved({ since: '2024-03-06T18:00Z' }, [timeless])).toBe('2024-03-06 .. end')
  })

  test('of a producer whose clock was ahead for once do not hide records', () => {
    const milestones =
      TEN.state?.milestones.map((each, i) =>
        i === 3 ? { ...each, timestamp: at('2024-04-01') } : each,
      ) ?? []
    const ahead = { ...TEN, state: TEN.state && { ...TEN.state, milestones } }
    // Milestones from the fourth on are not trusted to be earlier.
    expect(resolved({ since: '2024-03-09' }, [ahead])).toBe('2024-03-02 .. end')
  })
})

describe('what cannot be meant', () => {
  const mistakes: readonly (readonly [TypedRange, RegExp])[] = [
    [{}, /which days\? .* none of them is given/],
    [{ days: '2024-03-05', since: '2024-03-05' }, /more than one is given/],
    [{ days: '5 March' }, /expected dates such as .* received "5 March"/],
    [{ days: '2024-02-30' }, /received "2024-02-30"/],
    [{ days: '2024-03-07..2024-03-05' }, /2024-03-05 is before 2024-03-07/],
    [{ days: '2024-03-07', until: '2024-03-08' }, /--until ends a range that --since begins/],
    [
      { since: '2024-03-07', toOffset: '0=1' },
      /--to-offset ends a range that --from-offset begins/,
    ],
    [{ since: 'yesterday' }, /--since: expected an ISO 8601 instant/],
    [{ since: '2024-03-07', until: '2024-03-07' }, /is not after/],
    [{ fromOffset: '5' }, /expected PARTITION=OFFSET/],
    [{ fromOffset: '0=5,0=6' }, /partition 0 is given twice/],
    [{ fromOffset: '0=5', toOffset: '0=5' }, /which is not after its beginning/],
  ]
  test.each(mistakes)('%j is refused in words', (typed, words) => {
    expect(() => parseRange(typed, UTC)).toThrow(words)
    expect(() => parseRange(typed, UTC)).toThrow('[USAGE]')
  })

  test('a partition that the log does not have', () => {
    expect(() => resolved({ fromOffset: '7=1' })).toThrow(
      'there is no partition 7: the log has 2, numbered from 0',
    )
  })
})
