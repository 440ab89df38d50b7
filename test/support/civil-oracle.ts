/**
 * Civil days for the oracle: the runtime is asked for the local date of every single instant. No table of offsets, no
 * arithmetic of hours: what a calendar on the wall shows is the definition.
 */

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly date: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const calendars = new Map<string, Intl.DateTimeFormat>()

export function localTime(zone: string, timeMs: number): LocalTime {
  let calendar = calendars.get(zone)
  if (calendar === undefined) {
    calendar = new Intl.DateTimeFormat('en-u-ca-iso8601', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    calendars.set(zone, calendar)
  }
  const parts = new Map(calendar.formatToParts(timeMs).map((part) => [part.type, +part.value]))
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? NaN
  return {
    year: part('year'),
    month: part('month'),
    date: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  }
}

const ends = new Map<string, number>()

/** The instant at which a day ends: the first minute whose local date is a later one. */
export function dayEnd(zone: string, day: number): number {
  const known = ends.get(`${zone} ${day}`)
  if (known !== undefined) return known
  // No zone is further ahead of UTC than 15 hours, and no clock is put forward by more than 3, or else by a whole date.
  const around = [-15, 15].map((hours) => (day + 1) * DAY_MS + hours * 60 * MINUTE_MS)
  const offsetMs = Math.max(...around.map((timeMs) => asUtc(localTime(zone, timeMs)) - timeMs))
  let minute = (day + 1) * DAY_MS - offsetMs - 3 * 60 * MINUTE_MS
  while (localDate(zone, minute) <= day) minute += MINUTE_MS
  ends.set(`${zone} ${day}`, minute)
  return minute
}

/** Days since 1970-01-01. A minute that a clock shows again after its midnight stays in the day that had begun. */
export function civilDay(zone: string, timeMs: number): number {
  let day = localDate(zone, timeMs)
  while (dayEnd(zone, day) <= timeMs) day += 1
  return day
}

const dates = new Map<string, Intl.DateTimeFormat>()

function localDate(zone: string, timeMs: number): number {
  let format = dates.get(zone)
  if (format === undefined) {
    // Swedes write dates as ISO 8601 does.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone })
    dates.set(zone, format)
  }
  const parsed = Date.parse(format.format(timeMs))
  if (!Number.isNaN(parsed)) return parsed / DAY_MS
  const { year, month, date } = localTime(zone, timeMs)
  return Date.UTC(year, month - 1, date) / DAY_MS
}

/**
 * The instant at which a clock of the zone shows the local time (given as if it were UTC). Shown twice: the first one. Never
 * shown: as if the clock had not been put forward yet.
 */
export function instantOf(zone: string, localMs: number): number {
  const second = Math.floor(localMs / 1000) * 1000
  const candidates = [second - DAY_MS, second + DAY_MS].map(
    (around) => second - (asUtc(localTime(zone, around)) - around),
  )
  const shown = candidates.filter((timeMs) => asUtc(localTime(zone, timeMs)) === second)
  const instant = shown.length > 0 ? Math.min(...shown) : (candidates[0] ?? NaN)
  return instant + (localMs - second)
}

function asUtc({ year, month, date, hour, minute, second }: LocalTime): number {
  return Date.UTC(year, month - 1, date, hour, minute, second)
}
