import { describe, expect, test } from 'vitest'
import { measureDisorder, measureLateness, quantile } from '../../src/cli/disorder.ts'
import { createCalendar } from '../../src/core/day.ts'
import { at } from '../support/builders.ts'

const calendar = createCalendar('UTC')
const MINUTE = 60_000

describe('how far out of order a log is', () => {
  test('an event is as far behind as the newest before it in its own partition', () => {
    const times = [
      '2026-01-05 10:00',
      '2026-01-05 10:05',
      '2026-01-05 09:58',
      '2026-01-05 10:06',
    ].map(at)
    const { behindMs, outOfOrderShare, events } = measureDisorder([times, [at('2026-01-01')]])
    expect(behindMs).toEqual([0, 0, 0, 0, 7 * MINUTE])
    expect([events, outOfOrderShare]).toEqual([5, 0.2])
  })

  test.each([
    [0.5, 5],
    [0.9, 9],
    [0.91, 10],
    [1, 10],
  ])('a quantile is the smallest value that the share does not exceed: %d', (share, value) => {
    expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], share)).toBe(value)
  })

  test('an event is late when the watermark has reached the end of its day', () => {
    const times = ['2026-01-05 23:59', '2026-01-06 00:30', '2026-01-05 23:00'].map(at)
    expect(measureLateness([times], 30 * MINUTE, calendar)).toEqual({
      lateShare: 1 / 3,
      latestMs: 0,
    })
    expect(measureLateness([times], 31 * MINUTE, calendar)).toEqual({
      lateShare: 0,
      latestMs: undefined,
    })
    expect(measureLateness([times], 10 * MINUTE, calendar).latestMs).toBe(20 * MINUTE)
  })
})
