/**
 * Instants as ISO 8601 text. Read strictly: an offset or `Z` is required, since a local time without a zone is a
 * different instant on every machine that guesses one.
 */
import { checkedDayFromCivil, dayFromCivil } from './civil.ts'
import { DAY_MS, formatDay, parseDay } from './day.ts'

/** `2024-01-31T23:59:59.999Z`, always with milliseconds. */
export function formatInstant(timeMs: number): string {
  const day = Math.floor(timeMs / DAY_MS)
  const ms = timeMs - day * DAY_MS
  const pad = (value: number, digits: number): string => String(value).padStart(digits, '0')
  const hour = pad(Math.floor(ms / 3_600_000), 2)
  const minute = pad(Math.floor(ms / 60_000) % 60, 2)
  const second = pad(Math.floor(ms / 1000) % 60, 2)
  return `${formatDay(day)}T${hour}:${minute}:${second}.${pad(ms % 1000, 3)}Z`
}

//                date             hour     minute     second     fraction          offset
const INSTANT =
  /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2})?)?$/

/** Ms, digits below truncated towards the past; or what is wrong with the text. */
export function parseInstant(text: string): number | string {
  const plain = parsePlain(text)
  if (plain !== undefined) return plain
  const match = INSTANT.exec(text)
  if (match === null) {
    return `expected an ISO 8601 instant such as 2024-01-31T08:30:00Z, received ${JSON.stringify(text)}`
  }
  const [, date = '', hour, minute, second = '0', fraction = '', sign, zoneHour, zoneMinute] = match
  if (sign === undefined && !/[Zz]$/.test(text)) {
    return `${text} has no offset: expected Z or one such as +02:00; for local times give { pattern, zone } instead of iso`
  }
  const day = parseDay(date)
  if (day === undefined) return `${text}: there is no date ${date}`
  const time = timeOfDay(Number(hour), Number(minute), Number(second))
  if (time === undefined) return `${text}: expected a time from 00:00:00 to 23:59:59`
  const offset = timeOfDay(Number(zoneHour ?? 0), Number(zoneMinute ?? 0), 0)
  if (offset === undefined) return `${text}: expected an offset below 24 hours`
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  return day * DAY_MS + time + ms - (sign === '-' ? -offset : offset)
}

/** `2024-01-31T08:30:00Z` and `...00.000Z`, which most logs have, a few times faster; undefined for all others. */
function parsePlain(text: string): number | undefined {
  const { length } = text
  if (length !== 20 && length !== 24) return undefined
  const hasMs = length === 24
  const isShaped =
    text.charAt(4) === '-' &&
    text.charAt(7) === '-' &&
    text.charAt(10) === 'T' &&
    text.charAt(13) === ':' &&
    text.charAt(16) === ':' &&
    text.charAt(length - 1) === 'Z' &&
    (!hasMs || text.charAt(19) === '.')
  if (!isShaped) return undefined
  const day = checkedDayFromCivil(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2))
  const time = timeOfDay(digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2))
  const ms = hasMs ? digits(text, 20, 3) : 0
  if (day === undefined || time === undefined) return undefined
  const instant = day * DAY_MS + time + ms
  return Number.isNaN(instant) ? undefined : instant
}

/** The number in `count` digits of the text; NaN where one is none. */
export function digits(text: string, from: number, count: number): number {
  let value = 0
  for (let i = from; i < from + count; i++) {
    const digit = text.charCodeAt(i) - 48
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN
  }
  return value
}

/** Ms since midnight; undefined for a time that a clock does not show. */
export function timeOfDay(hour: number, minute: number, second: number): number | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return ((hour * 60 + minute) * 60 + second) * 1000
}

/** The last instant that is taken for one: what lies beyond is a wrong unit or a wrong clock. */
export const INSTANT_MAX_MS = dayFromCivil(2200, 1, 1) * DAY_MS
