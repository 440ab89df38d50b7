/**
 * Civil days: the unit of state, of merging and of expiry.
 *
 * Day D begins at the first instant whose local date is D or later, and ends where D+1 begins. So days are half-open,
 * without gaps or overlaps, and in order, whatever a zone does: 23 and 25 hours, a clock that is set back across
 * midnight (the repeated minutes stay in the day that had begun), a date that a country skipped (a day of length 0).
 *
 *   America/Sao_Paulo 2018-11-04, clocks go 00:00 -> 01:00      Pacific/Apia leaves out 2011-12-30
 *   | ..  23:59:59 | 01:00:00  ..   (23 h)                      | .. 12-29 23:59:59 | 12-31 00:00:00 ..
 *                  ^ start of 11-04                                                 ^ start of 12-30 and of 12-31
 *
 * UTC is plain arithmetic. Elsewhere the bounds of a day come from the zone data once and are remembered.
 */
import { invariant, TidemarkError } from '../errors.ts'
import { civilFromDay, checkedDayFromCivil } from './civil.ts'
import { createZone, isZoneName } from './zone.ts'
import type { Zone } from './zone.ts'

/** Days since 1970-01-01 of a local civil date. Integer, may be negative. */
export type DayIndex = number

export const DAY_MS = 86_400_000

export interface Calendar {
  /** As it was given. */
  readonly zone: string
  /** The day that an instant (integer ms) belongs to. */
  dayOf(timeMs: number): DayIndex
  /** Its first instant, ms. */
  startOf(day: DayIndex): number
  /** The instant after its last: the start of the next day, ms. */
  endOf(day: DayIndex): number
}

/** By zone: asking the runtime is slow, and its answers stay. */
const calendars = new Map<string, Calendar>()

export function timeZoneExists(zone: string): boolean {
  return calendars.has(zone) || isZoneName(zone)
}

/** @throws DEFINITION_INVALID for a zone that the runtime's time zone data does not have. */
export function createCalendar(zone: string): Calendar {
  const known = calendars.get(zone)
  if (known !== undefined) return known
  if (!timeZoneExists(zone)) {
    throw new TidemarkError(
      'DEFINITION_INVALID',
      `time zone: expected an IANA name such as UTC or Europe/Berlin, received ${JSON.stringify(zone)}`,
    )
  }
  const rules = createZone(zone)
  const calendar = rules.isUtc ? utcCalendar(zone) : zoneCalendar(rules)
  calendars.set(zone, calendar)
  return calendar
}

function utcCalendar(zone: string): Calendar {
  return {
    zone,
    dayOf: (timeMs) => Math.floor(timeMs / DAY_MS),
    startOf: (day) => day * DAY_MS,
    endOf: (day) => (day + 1) * DAY_MS,
  }
}

/** Days whose bounds are remembered; a power of two, so that a day's place is its low bits. */
const REMEMBERED_DAYS = 4096
const NO_DAY = -0x8000_0000

function zoneCalendar(zone: Zone): Calendar {
  const days = new Int32Array(REMEMBERED_DAYS).fill(NO_DAY)
  const starts = new Float64Array(REMEMBERED_DAYS)
  // The day that was asked for last: records come nearly in order, so it is nearly always the one asked for next.
  let current = 0
  // A typed array, since a closure's own doubles would be allocated anew at every change.
  const currentBounds = new Float64Array([Infinity, -Infinity])

  function startOf(day: DayIndex): number {
    const place = day & (REMEMBERED_DAYS - 1)
    if (days[place] === day) return starts[place] as number
    const start = firstInstant(zone, day)
    days[place] = day
    starts[place] = start
    return start
  }

  function dayOf(timeMs: number): DayIndex {
    if (timeMs >= (currentBounds[0] as number) && timeMs < (currentBounds[1] as number)) {
      return current
    }
    // The last day that has begun: days of length 0 are passed over.
    let day = Math.floor(timeMs / DAY_MS)
    let start = startOf(day)
    while (start > timeMs) start = startOf(--day)
    let end = startOf(day + 1)
    while (end <= timeMs) {
      day++
      start = end
      end = startOf(day + 1)
    }
    current = day
    currentBounds[0] = start
    currentBounds[1] = end
    return day
  }

  return { zone: zone.name, dayOf, startOf, endOf: (day) => startOf(day + 1) }
}

function firstInstant(zone: Zone, day: DayIndex): number {
  const midnight = day * DAY_MS
  const begun = zone
    .spans(midnight - DAY_MS, midnight + DAY_MS)
    .map(({ start, end, offsetMs }) => ({ end, start: Math.max(start, midnight - offsetMs) }))
    .find(({ start, end }) => start < end)
  invariant(begun, `${zone.name}: day ${day} begins within a day of its midnight in UTC`)
  return begun.start
}

/** `YYYY-MM-DD`; years outside 0..9999 as ISO 8601 has them, signed and with six digits. */
export function formatDay(day: DayIndex): string {
  const { year, month, date } = civilFromDay(day)
  return `${formatYear(year)}-${pad2(month)}-${pad2(date)}`
}

const DAY_TEXT = /^(\d{4}|[+-]\d{6})-(\d{2})-(\d{2})$/

/** Reads what `formatDay` writes; undefined for any other text and for dates that do not exist. */
export function parseDay(text: string): DayIndex | undefined {
  const match = DAY_TEXT.exec(text)
  if (match === null) return undefined
  const [, writtenYear = '', month, date] = match
  const year = Number(writtenYear)
  const day = checkedDayFromCivil(year, Number(month), Number(date))
  // One text per day: no +001970 beside 1970.
  return writtenYear.length === 4 || formatYear(year) === writtenYear ? day : undefined
}

function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return String(year).padStart(4, '0')
  return (year < 0 ? '-' : '+') + String(Math.abs(year)).padStart(6, '0')
}

function pad2(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
