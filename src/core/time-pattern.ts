/**
 * Local times by a pattern, in a zone: tokens `yyyy MM dd HH mm ss SSS`; signs, T and what is in single quotes are themselves.
 *
 * Where clocks are set, a local time is not one instant. A time that is skipped moves forward by what was skipped (02:30
 * on the night that 02:00 became 03:00 is 03:30); a time that comes twice is the earlier instant. The same text is
 * thereby the same instant for everyone, as in java.time.
 */
import { TidemarkError } from '../errors.ts'
import { checkedDayFromCivil } from './civil.ts'
import { DAY_MS, timeZoneExists } from './day.ts'
import { digits, timeOfDay } from './instant.ts'
import { createZone } from './zone.ts'
import type { OffsetSpan, Zone } from './zone.ts'

const TOKENS = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const

/** Reader of such texts: ms, or what is wrong. @throws DEFINITION_INVALID */
export function compilePattern(pattern: string, zone: string): (text: string) => number | string {
  if (!timeZoneExists(zone)) {
    throw refused(pattern, `expected an IANA time zone such as Europe/Berlin, received ${zone}`)
  }
  const layout = layOut(pattern)
  const toInstant = createLocalReader(createZone(zone))
  return (text) => {
    const local = matches(layout, text) ? localTime(layout, text) : Number.NaN
    if (local === undefined) return `${text}: there is no such date or time`
    return Number.isNaN(local)
      ? `expected a text like ${pattern}, received ${JSON.stringify(text)}`
      : toInstant(local)
  }
}

/** Every token has one width, so each part of a text has its place. */
interface Layout {
  readonly length: number
  readonly literals: readonly { readonly at: number; readonly text: string }[]
  /** Where each of TOKENS is; undefined for one that the pattern does not have. */
  readonly places: readonly (number | undefined)[]
}

function layOut(pattern: string): Layout {
  const literals: { at: number; text: string }[] = []
  const places = TOKENS.map((): number | undefined => undefined)
  let length = 0
  for (const [written, quoted] of pattern.matchAll(/'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+|'/g)) {
    const token = TOKENS.findIndex((known) => known === written)
    if (places[token] !== undefined) throw refused(pattern, `expected ${written} once`)
    if (token < 0) literals.push({ at: length, text: literal(pattern, written, quoted) })
    else places[token] = length
    length += token < 0 ? (quoted ?? written).length : written.length
  }
  const missing = TOKENS.slice(0, 3).filter((_, token) => places[token] === undefined)
  if (missing.length > 0) {
    throw refused(pattern, `expected a date in it, missing ${missing.join(' ')}`)
  }
  return { length, literals, places }
}

/** Other characters than letters, a T alone, and anything in single quotes stand for themselves. */
function literal(pattern: string, part: string, quoted: string | undefined): string {
  if (part === 'Z') throw refused(pattern, 'Z means UTC: use the format iso')
  if (quoted === undefined && part !== 'T' && /[A-Za-z']/.test(part)) {
    const expected = `${TOKENS.join(' ')} or a text in single quotes`
    throw refused(pattern, `expected one of ${expected}, received ${part}`)
  }
  return quoted ?? part
}

function refused(pattern: string, problem: string): TidemarkError {
  return new TidemarkError(
    'DEFINITION_INVALID',
    `time pattern ${JSON.stringify(pattern)}: ${problem}`,
  )
}

function matches({ length, literals }: Layout, text: string): boolean {
  if (text.length !== length) return false
  for (const each of literals) if (!text.startsWith(each.text, each.at)) return false
  return true
}

/**
 * Local time as if it were UTC, ms; undefined where calendar or clock do not have it, NaN where there are no digits.
 */
function localTime(layout: Layout, text: string): number | undefined {
  const year = part(layout, text, 0)
  const month = part(layout, text, 1)
  const date = part(layout, text, 2)
  const hour = part(layout, text, 3)
  const minute = part(layout, text, 4)
  const second = part(layout, text, 5)
  const ms = part(layout, text, 6)
  if (Number.isNaN(year + month + date + hour + minute + second + ms)) return Number.NaN
  const day = checkedDayFromCivil(year, month, date)
  const time = timeOfDay(hour, minute, second)
  return day === undefined || time === undefined ? undefined : day * DAY_MS + time + ms
}

/** What the text has for one of TOKENS; 0 where the pattern does not have it. */
function part({ places }: Layout, text: string, token: number): number {
  const at = places[token]
  return at === undefined ? 0 : digits(text, at, TOKENS[token]!.length)
}

/** What is learned of a zone at once. */
const CHUNK_MS = 32 * DAY_MS
/** Of 90 years; where events spread further, what was learned is learned again. */
const CHUNKS_MAX = 1024

function createLocalReader(zone: Zone): (local: number) => number {
  const chunks = new Map<number, readonly OffsetSpan[]>()
  let current = Number.NaN
  let spans: readonly OffsetSpan[] = []

  function spansOf(chunk: number): readonly OffsetSpan[] {
    const known = chunks.get(chunk)
    if (known !== undefined) return known
    if (chunks.size >= CHUNKS_MAX) chunks.clear()
    // No zone is further than a day from UTC, and resolving looks at the span before.
    const learned = zone.spans(chunk * CHUNK_MS - 2 * DAY_MS, (chunk + 1) * CHUNK_MS + 2 * DAY_MS)
    chunks.set(chunk, learned)
    return learned
  }

  return (local) => {
    const chunk = Math.floor(local / CHUNK_MS)
    if (chunk !== current) {
      spans = spansOf(chunk)
      current = chunk
    }
    return resolve(spans, local)
  }
}

function resolve(spans: readonly OffsetSpan[], local: number): number {
  let before = spans[0]!
  for (const span of spans) {
    const instant = local - span.offsetMs
    // Skipped: by the old offset it is past the span before, by the new one it lies ahead of this.
    if (instant < span.start) break
    if (instant < span.end) return instant
    before = span
  }
  return local - before.offsetMs
}
