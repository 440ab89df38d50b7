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
import { timeOfDay } from './instant.ts'
import { createZone } from './zone.ts'
import type { OffsetSpan, Zone } from './zone.ts'

const TOKENS = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const
type TimeToken = (typeof TOKENS)[number]

/** Reader of such texts: ms, or what is wrong. @throws DEFINITION_INVALID */
export function compilePattern(pattern: string, zone: string): (text: string) => number | string {
  if (!timeZoneExists(zone)) {
    throw refused(pattern, `expected an IANA time zone such as Europe/Berlin, received ${zone}`)
  }
  const { expression, tokens } = patternExpression(pattern)
  const groups = TOKENS.map((token) => tokens.indexOf(token) + 1)
  const toInstant = createLocalReader(createZone(zone))
  return (text) => {
    const match = expression.exec(text)
    if (match === null) return `expected a text like ${pattern}, received ${JSON.stringify(text)}`
    const local = localTime(match, groups)
    return local === undefined ? `${text}: there is no such date or time` : toInstant(local)
  }
}

function patternExpression(pattern: string): { expression: RegExp; tokens: TimeToken[] } {
  const tokens: TimeToken[] = []
  let source = ''
  for (const [part, quoted] of pattern.matchAll(/'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+|'/g)) {
    const token = TOKENS.find((known) => known === part)
    if (token === undefined) {
      source += literal(pattern, part, quoted)
      continue
    }
    if (tokens.includes(token)) throw refused(pattern, `expected ${token} once`)
    tokens.push(token)
    source += `(\\d{${token.length}})`
  }
  const missing = (['yyyy', 'MM', 'dd'] as const).filter((token) => !tokens.includes(token))
  if (missing.length > 0)
    throw refused(pattern, `expected a date in it, missing ${missing.join(' ')}`)
  return { expression: new RegExp(`^${source}$`), tokens }
}

/** Other characters than letters, a T alone, and anything in single quotes stand for themselves. */
function literal(pattern: string, part: string, quoted: string | undefined): string {
  if (part === 'Z') throw refused(pattern, 'Z means UTC: use the format iso')
  if (quoted === undefined && part !== 'T' && /[A-Za-z']/.test(part)) {
    const expected = `${TOKENS.join(' ')} or a text in single quotes`
    throw refused(pattern, `expected one of ${expected}, received ${part}`)
  }
  return (quoted ?? part).replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

function refused(pattern: string, problem: string): TidemarkError {
  return new TidemarkError(
    'DEFINITION_INVALID',
    `time pattern ${JSON.stringify(pattern)}: ${problem}`,
  )
}

/** Local time as if it were UTC, ms; undefined where calendar or clock do not have it. */
function localTime(match: RegExpExecArray, groups: readonly number[]): number | undefined {
  // In the order of TOKENS; 0 for a token that the pattern does not have.
  const part = (token: number): number => (groups[token] === 0 ? 0 : Number(match[groups[token]!]))
  const day = checkedDayFromCivil(part(0), part(1), part(2))
  const time = timeOfDay(part(3), part(4), part(5))
  return day === undefined || time === undefined ? undefined : day * DAY_MS + time + part(6)
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
