import { describe, expect, test } from 'vitest'
import { openDayOf } from '../../src/cli/day-close.ts'
import { createCalendar } from '../../src/core/day.ts'
import { NO_TIME, PartitionTime } from '../../src/core/partition-time.ts'
import type { TimeState } from '../../src/core/partition-time.ts'
import { at, day, pipelineOf } from '../support/builders.ts'

const policy = {
  ...pipelineOf({ views: [] }).time,
  outOfOrdernessMs: 30 * 60_000,
  idleAfterMs: 300_000,
}

function timeAfter(event: string, zone = 'UTC'): TimeState {
  const time = new PartitionTime(createCalendar(zone), { ...policy, zone, origin: 0 }, NO_TIME)
  time.accept(at(event), 0)
  return time.state
}

function wordsAt(event: string, now: string, tickHistorical = false): string | undefined {
  const context = {
    policy: { ...policy, tickHistorical },
    calendar: createCalendar('UTC'),
    wallMs: at(now),
  }
  return openDayOf(timeAfter(event), context)?.words
}

describe('when the open day will close, in words', () => {
  test('the log has to show an event past its end and the disorder', () => {
    expect(wordsAt('2026-01-05 12:00', '2026-01-05 12:05')).toBe(
      'day 2026-01-05 closes when an event of 2026-01-06T00:30Z or later arrives, or at 2026-01-06T00:35Z if the log has been quiet for 5 min by then',
    )
  })

  test('where the clock is past that already, it waits only for the log to go quiet', () => {
    expect(wordsAt('2026-01-05 23:59', '2026-01-06 01:00')).toMatch(
      /, or 5 min after the log goes quiet$/,
    )
  })

  test('the named instant is the first that closes the day', () => {
    const open = openDayOf(timeAfter('2026-01-05 12:00'), {
      policy,
      calendar: createCalendar('UTC'),
      wallMs: at('2026-01-05'),
    })
    const time = new PartitionTime(
      createCalendar('UTC'),
      { ...policy, origin: 0 },
      timeAfter('2026-01-05 12:00'),
    )
    time.accept((open?.closedByEventMs ?? 0) - 1, 1)
    expect(time.closedDay).toBe(day('2026-01-04'))
    time.accept(open?.closedByEventMs ?? 0, 2)
    expect(time.closedDay).toBe(open?.day)
  })

  test('the clock closes nothing of a historical log, unless it is told to', () => {
    expect(wordsAt('2001-12-31 12:00', '2026-01-05')).toMatch(
      /not by the clock: the log is historical/,
    )
    expect(wordsAt('2001-12-31 12:00', '2026-01-05', true)).toMatch(
      /or 5 min after the log goes quiet$/,
    )
  })

  test('a day of 23 hours ends where the zone says', () => {
    const calendar = createCalendar('Europe/Berlin')
    const time = timeAfter('2026-03-29 12:00', 'Europe/Berlin')
    expect(
      openDayOf(time, { policy, calendar, wallMs: at('2026-03-29 13:00') })?.closedByEventMs,
    ).toBe(at('2026-03-29 22:30'))
  })

  test('before the first event there is no day', () => {
    expect(
      openDayOf(NO_TIME, { policy, calendar: createCalendar('UTC'), wallMs: 0 }),
    ).toBeUndefined()
  })
})
