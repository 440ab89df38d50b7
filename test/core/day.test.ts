/** Civil days in any zone: bounds against what the zone's own clocks show, minute by minute. */
import { describe, expect, test } from 'vitest'
import { createCalendar, formatDay, parseDay, timeZoneExists } from '../../src/core/day.ts'
import { fc } from '../support/properties.ts'

const HOUR_MS = 3_600_000
function at(iso: string): number {
  return Date.parse(iso)
}
function day(text: string): number {
  return parseDay(text) ?? Number.NaN
}

describe('T23 civil days of a zone follow its clocks', () => {
  test.each([
    ['Europe/Berlin', '2024-03-31', '2024-03-30T23:00Z', 23],
    ['Europe/Berlin', '2024-10-27', '2024-10-26T22:00Z', 25],
    ['Europe/Berlin', '2024-10-28', '2024-10-27T23:00Z', 24],
    ['Asia/Kolkata', '2024-01-01', '2023-12-31T18:30Z', 24],
    ['Australia/Lord_Howe', '2024-04-07', '2024-04-06T13:00Z', 24.5],
    // Midnight does not exist: the day begins at 01:00.
    ['America/Sao_Paulo', '2018-11-04', '2018-11-04T03:00Z', 23],
    ['Asia/Beirut', '2022-03-27', '2022-03-26T22:00Z', 23],
    // Set back at midnight to 23:00 of the day before: that hour belongs to the day that had not ended.
    ['America/Sao_Paulo', '2018-02-17', '2018-02-17T02:00Z', 25],
    ['America/Sao_Paulo', '2018-02-18', '2018-02-18T03:00Z', 24],
    // Set back at 00:01 to 23:01: the new day had begun, and keeps the repeated hour.
    ['America/St_Johns', '2010-11-06', '2010-11-06T02:30Z', 24],
    ['America/St_Johns', '2010-11-07', '2010-11-07T02:30Z', 25],
    ['America/St_Johns', '2010-03-14', '2010-03-14T03:30Z', 23],
    // The islands crossed the date line: 30 December 2011 was left out.
    ['Pacific/Apia', '2011-12-29', '2011-12-29T10:00Z', 24],
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00Z', 0],
    ['Pacific/Apia', '2011-12-31', '2011-12-30T10:00Z', 24],
    ['UTC', '2024-02-29', '2024-02-29T00:00Z', 24],
    ['Etc/GMT', '1969-12-31', '1969-12-31T00:00Z', 24],
  ])('%s %s begins at %s and lasts %d hours', (zone, date, start, hours) => {
    const calendar = createCalendar(zone)
    expect(new Date(calendar.startOf(day(date))).toISOString()).toBe(new Date(start).toISOString())
    expect((calendar.endOf(day(date)) - calendar.startOf(day(date))) / HOUR_MS).toBe(hours)
    if (hours > 0) {
      expect(calendar.dayOf(at(start))).toBe(day(date))
      expect(calendar.dayOf(at(start) + hours * HOUR_MS - 1)).toBe(day(date))
    }
    expect(calendar.dayOf(at(start) - 1)).toBeLessThan(day(date))
    expect(calendar.dayOf(at(start) + hours * HOUR_MS)).toBeGreaterThan(day(date))
  })

  test('a day that a country skipped has no instant in it', () => {
    const calendar = createCalendar('Pacific/Apia')
    expect(calendar.dayOf(at('2011-12-30T09:59:59.999Z'))).toBe(day('2011-12-29'))
    expect(calendar.dayOf(at('2011-12-30T10:00Z'))).toBe(day('2011-12-31'))
  })

  const zones = Intl.supportedValuesOf('timeZone')
  const clocks = new Map<string, Intl.DateTimeFormat>()
  /** The date that the clocks show, by another way than the calendar's. */
  const shownDay = (zone: string, time: number): number => {
    let clock = clocks.get(zone)
    if (clock === undefined)
      clocks.set(zone, (clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })))
    return day(clock.format(time))
  }

  test('a day begins at the first instant whose local date is that day or later, in every zone', () => {
    const instants = fc.integer({ min: at('1950-01-01'), max: at('2100-01-01') })
    fc.assert(
      fc.property(fc.constantFrom(...zones), instants, (zone, time) => {
        const calendar = createCalendar(zone)
        const found = calendar.dayOf(time)
        const start = calendar.startOf(found)
        expect(start).toBeLessThanOrEqual(time)
        expect(time).toBeLessThan(calendar.endOf(found))
        expect(shownDay(zone, start)).toBeGreaterThanOrEqual(found)
        expect(shownDay(zone, start - 1)).toBeLessThan(found)
        for (let before = start - 1; before > start - 30 * HOUR_MS; before -= HOUR_MS / 2) {
          expect(shownDay(zone, before)).toBeLessThan(found)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['Africa/Casablanca', '2018-01-01'],
    ['America/Havana', '2012-01-01'],
    ['America/St_Johns', '2010-01-01'],
    ['America/Sao_Paulo', '2018-01-01'],
    ['Asia/Gaza', '2008-01-01'],
    ['Antarctica/Casey', '2020-01-01'],
    ['Pacific/Apia', '2011-01-01'],
  ])('days have neither gaps nor overlaps in two years of %s from %s', (zone, from) => {
    const calendar = createCalendar(zone)
    let shown = -Infinity
    for (let d = day(from); d < day(from) + 730; d++) {
      const length = calendar.endOf(d) - calendar.startOf(d)
      expect(length === 0 || Math.abs(length / HOUR_MS - 24) <= 3).toBe(true)
      if (length === 0) continue
      expect(calendar.dayOf(calendar.startOf(d))).toBe(d)
      expect(calendar.dayOf(calendar.endOf(d) - 1)).toBe(d)
      const shownAtStart = shownDay(zone, calendar.startOf(d))
      expect(shownAtStart).toBeGreaterThan(shown)
      shown = shownAtStart
    }
  })

  test('the order in which days are asked for does not change the answers', () => {
    const times = fc.array(fc.integer({ min: at('1990-01-01'), max: at('2040-01-01') }), {
      minLength: 2,
    })
    fc.assert(
      fc.property(fc.constantFrom('America/Sao_Paulo', 'Europe/Berlin'), times, (zone, all) => {
        const shared = createCalendar(zone)
        const forgetful = all.map((time) => createCalendar(zone).dayOf(time))
        expect(all.map((time) => shared.dayOf(time))).toEqual(forgetful)
      }),
      { numRuns: 50 },
    )
  })
})

describe('T24 bounds of a day are half-open', () => {
  test.each([
    [-86_400_001, -2],
    [-86_400_000, -1],
    [-1, -1],
    [0, 0],
    [86_399_999, 0],
    [86_400_000, 1],
  ])('%d ms is in day %d of UTC', (time, expected) => {
    expect(createCalendar('UTC').dayOf(time)).toBe(expected)
  })

  test('the end of a day is the start of the next, in UTC and elsewhere', () => {
    for (const zone of ['UTC', 'Europe/Berlin']) {
      const calendar = createCalendar(zone)
      for (let d = -3; d < 3; d++) expect(calendar.endOf(d)).toBe(calendar.startOf(d + 1))
    }
  })
})

describe('days as text', () => {
  test.each([
    [0, '1970-01-01'],
    [-1, '1969-12-31'],
    [19_782, '2024-02-29'],
    [-719_528, '0000-01-01'],
    [-719_529, '-000001-12-31'],
    [2_932_897, '+010000-01-01'],
  ])('day %d is %s', (index, text) => {
    expect(formatDay(index)).toBe(text)
    expect(parseDay(text)).toBe(index)
  })

  test.each([
    '2023-02-29',
    '2024-04-31',
    '2024-13-01',
    '2024-00-10',
    '2024-1-1',
    '+001970-01-01',
    '-000000-01-01',
    ' 2024-01-01',
    '',
  ])('%j is no day', (text) => {
    expect(parseDay(text)).toBeUndefined()
  })

  test('every day reads back, and is the day that the language shows', () => {
    fc.assert(
      fc.property(fc.integer({ min: -3_000_000, max: 10_000_000 }), (index) => {
        expect(parseDay(formatDay(index))).toBe(index)
        expect(new Date(index * 86_400_000).toISOString().split('T')[0]).toBe(formatDay(index))
      }),
    )
  })
})

describe('names of zones', () => {
  test.each([
    ['UTC', true],
    ['America/Argentina/Buenos_Aires', true],
    ['Europe/Berlim', false],
    ['+02:00', false],
    ['', false],
  ])('%j is a zone: %s', (zone, exists) => {
    expect(timeZoneExists(zone)).toBe(exists)
  })

  test('a calendar of an unknown zone is refused with the name', () => {
    expect(() => createCalendar('Mars/Olympus')).toThrow(
      /received "Mars\/Olympus" \[DEFINITION_INVALID\]/,
    )
  })
})
