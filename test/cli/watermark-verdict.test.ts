import { describe, expect, test } from 'vitest'
import { judgeHolder } from '../../src/cli/watermark-verdict.ts'
import type { HolderEvidence, Poison } from '../../src/cli/watermark-verdict.ts'
import { createCalendar } from '../../src/core/day.ts'
import { HOUR_MS, at, day, pipelineOf } from '../support/builders.ts'

const NOW = '2026-03-10 12:00'

/** Half an hour of disorder, a day of lateness, ten minutes of future. */
function judge(evidence: Partial<HolderEvidence> & { readonly at: string }): Poison | undefined {
  const { time } = pipelineOf({ views: [], time: { outOfOrdernessMs: HOUR_MS / 2 } })
  return judgeHolder(
    { eventTime: at(evidence.at), timestamp: undefined, after: [], ...evidence },
    { policy: time, calendar: createCalendar('UTC'), wallMs: at(NOW) },
  )
}

function events(count: number, text: string): number[] {
  return Array.from({ length: count }, (_, i) => at(text) - i * 1_000)
}

describe('an honest newest event', () => {
  test.each([
    ['of a moment ago', { at: '2026-03-10 11:59' }],
    ['as far ahead of the clock as maxFuture lets it be', { at: '2026-03-10 12:10' }],
    ['with a timestamp that it is not ahead of', { at: NOW, timestamp: at('2026-03-10 11:50') }],
    [
      'of years ago, with a log that goes on from there',
      { at: '2020-01-01', after: events(50, '2020-01-01') },
    ],
    ['with few events after it', { at: NOW, after: events(19, '2026-01-01') }],
    ['that leads by the disorder and a day', { at: NOW, after: events(50, '2026-03-09 11:30') }],
  ])('%s is left alone', (_, evidence) => {
    expect(judge(evidence)).toBeUndefined()
  })
})

describe('T3 a wrong time', () => {
  test('ahead of the clock', () => {
    expect(judge({ at: '2026-03-12 12:00' })).toMatchObject({
      kind: 'ahead of the clock',
      words: 'its event time is 2 d ahead of the clock',
    })
  })

  test("ahead of its record's timestamp, though the clock has passed it since", () => {
    const timestamp = at('2026-03-08 09:00')
    expect(judge({ at: '2026-03-10 09:00', timestamp })).toMatchObject({
      kind: 'ahead of its record',
    })
  })

  test('ahead of what follows, in a log without timestamps and long past', () => {
    const after = events(20, '2019-05-01 10:00')
    expect(judge({ at: '2020-05-01', after })).toEqual({
      kind: 'ahead of what follows',
      words: 'all of the 20 events after it are older by 365 d 14 h or more',
      closedEarly: { first: day('2019-05-01'), last: day('2020-04-29') },
      finalDay: day('2020-04-28'),
      tooLateAfter: 20,
    })
  })

  /**
   *      03-10 12:00       03-12 12:00
   *   now, honest |             | event time; watermark 03-12 11:30
   *       closed: 03-09     03-10, 03-11 too: early
   *                         03-10 is final: its lateness ends 03-12 00:00
   */
  test('days between honest time and its watermark are closed early; those whose lateness is over are refused', () => {
    const after = [at('2026-03-10 11:00'), at('2026-03-11 11:00')]
    expect(judge({ at: '2026-03-12 12:00', after: [...after] })).toMatchObject({
      closedEarly: { first: day('2026-03-10'), last: day('2026-03-11') },
      finalDay: day('2026-03-10'),
      tooLateAfter: 1,
    })
  })

  test('an hour ahead, within one day, closes nothing early', () => {
    expect(judge({ at: '2026-03-10 13:00' })).toMatchObject({ closedEarly: undefined })
  })
})
