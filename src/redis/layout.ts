/**
 * The plain layout, to the letter (docs/reading-online.md): names of keys and fields, and values as text. Readable in
 * redis-cli; other programs read it, so nothing here changes without a new layout.
 *
 *     <prefix><pipeline>:<view>:v<version>:<entity>           hash: the features, then the envelope
 *     <prefix><pipeline>:_marker:<partition>[:{<tag>}]        hash: told up to here; no view is called _marker
 */
import { ENVELOPE } from '../core/online-row.ts'
import { formatDay, parseDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Marker, OnlineValue, OnlineVersion } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'

export class Layout {
  /** All keys of the pipeline begin with it. */
  readonly root: string

  constructor(prefix: string, pipeline: string) {
    this.root = `${prefix}${pipeline}:`
  }

  valueKey(view: string, entity: string): string {
    return `${this.root}${view}:${entity}`
  }

  /** Several masters hold a marker each, at a tag that leads to them. */
  markerKey(partition: number, tag: string | undefined): string {
    const key = `${this.root}_marker:${partition}`
    return tag === undefined ? key : `${key}:{${tag}}`
  }

  /** For SCAN: every value of the view, and nothing else. */
  viewPattern(view: string): string {
    return `${escapePattern(this.valueKey(view, ''))}*`
  }
}

/** A text as pattern that matches only it: of keys in SCAN, of rights in ACL. */
export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/** Adds the fields and texts of the hash, by turns. */
export function pushHash(into: string[], value: OnlineValue): void {
  const { generation, offset, day } = value.version
  for (const [name, text] of value.fields) into.push(name, text)
  into.push('_asof', dayText(day))
  if (value.nextDay !== undefined) into.push('_next', dayText(value.nextDay))
  if (value.watermark !== -Infinity) into.push('_watermark', String(value.watermark))
  if (value.eventTime !== undefined) into.push('_event_time', String(value.eventTime))
  into.push('_state', value.state, '_version', `${generation}.${offset}.${day}`)
  into.push('_partition', String(value.partition), '_definition', value.definition)
}

/** `hash`: fields and texts by turns, as HGETALL answers. @throws ONLINE_REFUSED where it is no value of ours */
export function parseValue(
  at: { readonly view: string; readonly entity: string },
  hash: readonly string[],
  ttlMs: number,
): OnlineValue {
  const fields: (readonly [string, string])[] = []
  const envelope = new Map<string, string>()
  for (let i = 0; i + 1 < hash.length; i += 2) {
    const name = hash[i] ?? ''
    const text = hash[i + 1] ?? ''
    if (ENVELOPE.has(name)) envelope.set(name, text)
    else fields.push([name, text])
  }
  const version = parseVersion(envelope.get('_version'))
  if (version === undefined) throw notAValue(at.view)
  const next = envelope.get('_next')
  const eventTime = envelope.get('_event_time')
  return {
    ...at,
    partition: Number(envelope.get('_partition')),
    version,
    fields,
    nextDay: next === undefined ? undefined : parseDay(next),
    watermark: Number(envelope.get('_watermark') ?? -Infinity),
    eventTime: eventTime === undefined ? undefined : Number(eventTime),
    state: envelope.get('_state') === 'final' ? 'final' : 'provisional',
    definition: envelope.get('_definition') ?? '',
    ttlMs,
  }
}

function parseVersion(text: string | undefined): OnlineVersion | undefined {
  const found = /^(\d+)\.(-?\d+)\.(-?\d+)$/.exec(text ?? '')
  if (found === null) return undefined
  const [generation = NaN, offset = NaN, day = NaN] = found.slice(1).map(Number)
  return { generation, offset, day }
}

function notAValue(view: string): TidemarkError {
  return new TidemarkError(
    'ONLINE_REFUSED',
    `a hash under a key of ${view} in Redis has no \`_version\`: another program wrote it. Give this pipeline a prefix of its own (sinks.online.prefix), or delete that key`,
  )
}

/** By the names of `MARKER_FIELDS`; undefined where there is no marker. */
export function parseMarker(texts: readonly (string | null | undefined)[]): Marker | undefined {
  const [generation, position, day, scanId] = texts
  if (typeof generation !== 'string') return undefined
  return {
    generation: Number(generation),
    position: Number(position),
    asOf: Number(day),
    scanId: scanId ?? undefined,
  }
}

export const MARKER_FIELDS = ['generation', 'position', 'day', 'scan'] as const

/** Values come with a handful of days, again and again. */
const dayTexts = new Map<DayIndex, string>()
const DAY_TEXTS_MAX = 10_000

function dayText(day: DayIndex): string {
  const known = dayTexts.get(day)
  if (known !== undefined) return known
  if (dayTexts.size >= DAY_TEXTS_MAX) dayTexts.clear()
  const text = formatDay(day)
  dayTexts.set(day, text)
  return text
}
