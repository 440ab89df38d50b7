/**
 * What the clocks of a zone show: its offset from UTC as spans of constant offset.
 *
 * The runtime's time zone data answers only "what time is it there at this instant". Asking at intervals shorter than
 * any zone kept an offset, and halving where two answers differ, gives the instants at which the clocks were changed.
 * The version of that data is part of a generation's record: another version can move a day's bounds.
 */
import { dayFromCivil } from './civil.ts'

export interface Zone {
  readonly name: string
  readonly isUtc: boolean
  /** Local time less UTC, ms. */
  offsetAt(timeMs: number): number
  /** Covers [from, to) in order and without gaps; neighbours differ in offset. */
  spans(from: number, to: number): OffsetSpan[]
}

/** Half-open, ms. */
export interface OffsetSpan {
  readonly start: number
  readonly end: number
  readonly offsetMs: number
}

/** Far below the shortest time between two changes in any zone (days). */
const PROBE_MS = 12 * 3_600_000

/** A name of the IANA database; not an offset such as `+02:00`, which newer runtimes take for a zone too. */
export function isZoneName(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** `name` must exist. Costs microseconds per probe: callers remember what they learn. */
export function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const isUtc = format.resolvedOptions().timeZone === 'UTC'

  function offsetAt(timeMs: number): number {
    const second = Math.floor(timeMs / 1000) * 1000
    return isUtc ? 0 : localTime(format.formatToParts(second)) - second
  }

  function spans(from: number, to: number): OffsetSpan[] {
    const found: OffsetSpan[] = []
    let start = from
    let offsetMs = offsetAt(from)
    for (let probed = from; probed < to;) {
      const next = Math.min(probed + PROBE_MS, to)
      const nextOffsetMs = offsetAt(next)
      if (nextOffsetMs !== offsetMs) {
        const changed = firstChange(offsetAt, probed, next)
        if (changed < to) {
          found.push({ start, end: changed, offsetMs })
          start = changed
          offsetMs = nextOffsetMs
        }
      }
      probed = next
    }
    found.push({ start, end: to, offsetMs })
    return found
  }

  return { name, isUtc, offsetAt, spans }
}

/** The first instant after `before` with another offset; `after` has one. */
function firstChange(offsetAt: (timeMs: number) => number, before: number, after: number): number {
  const offsetMs = offsetAt(before)
  let [low, high] = [before, after]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(middle) === offsetMs) low = middle
    else high = middle
  }
  return high
}

/** Local time as if it were UTC, ms. */
function localTime(parts: readonly Intl.DateTimeFormatPart[]): number {
  let [year, month, date, hour, minute, second] = [0, 0, 0, 0, 0, 0]
  let isBeforeChrist = false
  for (const { type, value } of parts) {
    if (type === 'year') year = Number(value)
    else if (type === 'month') month = Number(value)
    else if (type === 'day') date = Number(value)
    else if (type === 'hour') hour = Number(value)
    else if (type === 'minute') minute = Number(value)
    else if (type === 'second') second = Number(value)
    else if (type === 'era') isBeforeChrist = value.startsWith('B')
  }
  const day = dayFromCivil(isBeforeChrist ? 1 - year : year, month, date)
  return ((day * 24 + hour) * 60 + minute) * 60_000 + second * 1000
}
