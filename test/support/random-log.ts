/**
 * Random logs for random pipelines: few entities, so that windows overlap much, and everything that real topics do:
 * disorder, lateness, repeats, poisoned clocks, days of silence, midnights to the millisecond, wrong types, missing fields,
 * tombstones, garbage. A scenario is a function of fast-check's seed alone.
 */
import fc from 'fast-check'
import { civilDay, dayEnd } from './civil-oracle.ts'
import { formatPlainJson, NumberText, type Json } from './plain-json.ts'
import type { RawPartition, RawRecord } from './raw-record.ts'
import { FIELD_NAMES, pipelines } from './random-pipeline.ts'
import type {
  DocumentShape,
  FieldName,
  PipelineDocument,
  TimeFormatDocument,
} from './random-pipeline.ts'

export interface Scenario extends DocumentShape {
  readonly partitions: readonly RawPartition[]
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MAX_FUTURE_MS = 10 * MINUTE_MS

const USERS: Readonly<Record<string, readonly Json[]>> = {
  string: ['ann', 'b|b', 'c%:c', '🦊', 'Zoë', 'ｚ'],
  int64: ['1', '42', '-5', '9007199254740993', '9223372036854775807', '0'].map(number),
}

/** Values of the right type, as JSON. */
const GOOD: Readonly<Record<FieldName, readonly Json[]>> = {
  item: ['1', '2', '42', '9007199254740993'].map(number),
  kind: ['click', 'view', 'buy', 'click'],
  region: ['north', 'ｚone', '🚀', 'a"b\\c\nd'],
  level: ['-1', '0', '3', '2147483647'].map(number),
  points: ['0', '5', '-7', '9007199254740991', '36028797018963969'].map(number),
  amount: [number('0'), number('9.99'), '10.50', number('-3.1'), '12345678901234.56', number('7')],
  weight: ['0.1', '0.2', '0.3', '-0', '-1.25', '1e-3', '1e300', '3'].map(number),
  ok: [true, false],
  born: ['2024-01-31', '2024-02-29', '1969-12-31'],
  seen: ['2024-03-01T00:00:00Z', '2024-02-29T23:59:59.999Z', '1969-12-31T23:59:59.500Z'],
}

/** Values of a wrong type. */
const WRONG: Readonly<Record<FieldName | 'user', readonly Json[]>> = {
  user: [true, [], new Map()],
  item: [true, number('1.5'), 'one'],
  kind: [number('1'), false],
  region: [number('1'), []],
  level: [number('2147483648'), number('0.5'), true],
  points: [number('9223372036854775808'), 'many', false],
  amount: [number('1.005'), 'ten', true, number('99999999999999999')],
  weight: [number('1e999'), 'NaN', true],
  ok: ['yes', number('1')],
  born: ['2023-02-29', 'today', true],
  seen: ['2024-03-01T00:00:00', 'now', true],
}

const GARBAGE = ['', 'not json', '{"user":', '[1,2]', '"text"', '7', 'true'].map((text) =>
  new TextEncoder().encode(text),
)
const NOT_UTF8 = Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)

type Poison = 'seconds' | 'micros' | 'future' | 'far future' | 'absent' | 'text' | 'early' | 'edge'
type Fault = 'missing key' | 'wrong key' | 'wrong field' | 'tombstone' | 'garbage'

/** One record before times and names are known: choices only, so that it shrinks well. */
interface Draft {
  readonly user: number
  /** How the partition's clock moves before the record. */
  readonly advanceMs: number
  /** How far behind the clock the event happened. */
  readonly behindMs: number
  readonly snap: 'none' | 'last ms of the day' | 'first ms of the next day'
  readonly fields: readonly number[]
  readonly repeatOf: number
  readonly poison: Poison | undefined
  readonly fault: Fault | undefined
  readonly pick: number
}

const drafts: fc.Arbitrary<Draft> = fc.record({
  user: fc.nat({ max: 2 }),
  advanceMs: fc.oneof(
    {
      weight: 10,
      arbitrary: fc.integer({ min: 0, max: 12 }).map((steps) => steps * 30 * MINUTE_MS),
    },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 3 * HOUR_MS }) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 3 }).map((days) => days * DAY_MS) },
    { weight: 1, arbitrary: fc.integer({ min: 4, max: 14 }).map((days) => days * DAY_MS) },
  ),
  behindMs: fc.oneof(
    { weight: 8, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 6 }).map((steps) => steps * 30 * MINUTE_MS) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 36 }).map((hours) => hours * HOUR_MS) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }).map((days) => days * DAY_MS) },
  ),
  snap: fc.oneof(
    { weight: 8, arbitrary: fc.constant('none' as const) },
    { weight: 1, arbitrary: fc.constant('last ms of the day' as const) },
    { weight: 1, arbitrary: fc.constant('first ms of the next day' as const) },
  ),
  fields: fc.array(fc.nat({ max: 9 }), {
    minLength: FIELD_NAMES.length,
    maxLength: FIELD_NAMES.length,
  }),
  repeatOf: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 8 }) },
  ),
  poison: rarely<Poison>(12, [
    'seconds',
    'micros',
    'future',
    'far future',
    'absent',
    'text',
    'early',
    'edge',
  ]),
  fault: rarely<Fault>(9, [
    'missing key',
    'wrong key',
    'wrong field',
    'wrong field',
    'tombstone',
    'garbage',
  ]),
  pick: fc.nat({ max: 99 }),
})

function rarely<Choice>(
  oneIn: number,
  choices: readonly Choice[],
): fc.Arbitrary<Choice | undefined> {
  return fc.oneof(
    { weight: oneIn - 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...choices) },
  )
}

/** At most `recordsMax` records per partition, one to three partitions. */
export function scenarios({ recordsMax = 60 } = {}): fc.Arbitrary<Scenario> {
  return fc
    .record({
      shape: pipelines,
      logs: fc.array(fc.array(drafts, { maxLength: recordsMax, size: 'max' }), {
        minLength: 1,
        maxLength: 3,
      }),
      gaps: fc.constantFrom('none', 'none', 'some', 'not from 0'),
    })
    .map(({ shape, logs, gaps }) => {
      const partitions = logs.map((log, partition) => {
        const context = { shape, partition, partitions: logs.length }
        return { partition, records: numbered(recordsOf(log, context), gaps) }
      })
      return { ...shape, partitions }
    })
}

/** The same records at the offsets that a log gave them. */
export function withOffsets(part: RawPartition, offsets: readonly number[]): RawPartition {
  const records = part.records.map((record, index) => ({
    ...record,
    offset: offsets[index] ?? NaN,
  }))
  return { ...part, records }
}

/** The text of the pipeline file. */
export function pipelineText({ document }: { readonly document: PipelineDocument }): string {
  return JSON.stringify(document, null, 2)
}

/** Offsets may have gaps, as transactions and compaction leave them, and may begin above 0. */
function numbered(records: readonly RawRecord[], gaps: string): RawRecord[] {
  const first = gaps === 'not from 0' ? 500 : 0
  return records.map((record, index) => {
    return {
      ...record,
      offset: first + (gaps === 'some' ? index + Math.floor(index / 3) * 2 : index),
    }
  })
}

interface LogContext {
  readonly shape: DocumentShape
  readonly partition: number
  readonly partitions: number
}

function recordsOf(log: readonly Draft[], context: LogContext): RawRecord[] {
  const { document, framing, around } = context.shape
  let clock = Date.parse(`${around}T00:00:00Z`) - 2 * DAY_MS + context.partition * 7 * HOUR_MS
  const records: RawRecord[] = []
  log.forEach((draft, index) => {
    clock += draft.advanceMs
    const eventTime = snapped(draft, clock - draft.behindMs, document.time.zone)
    clock = Math.max(clock, eventTime)
    const isTombstone = draft.fault === 'tombstone' && framing === 'frames'
    const value = isTombstone ? null : valueOf(draft, { index, clock, eventTime, ...context })
    if (framing === 'lines' && isBlankOrBroken(value)) return
    // A line that is no JSON has no timestamp to be read from it.
    const hasTimestamp = framing === 'frames' || typeof value === 'string'
    const timestamp = hasTimestamp ? clock : NaN
    records.push({
      offset: index,
      timestamp,
      key: framing === 'frames' ? `key ${draft.user}` : null,
      value,
    })
  })
  return records
}

/** A line ends at a line end, and an empty one is no record. */
function isBlankOrBroken(value: RawRecord['value']): boolean {
  return value === null || value.length === 0 || (typeof value !== 'string' && value.includes(0x0a))
}

function snapped({ snap }: Draft, timeMs: number, zone: string): number {
  if (snap === 'none') return timeMs
  const end = dayEnd(zone, civilDay(zone, timeMs))
  return snap === 'last ms of the day' ? end - 1 : end
}

interface ValueContext extends LogContext {
  readonly index: number
  readonly clock: number
  readonly eventTime: number
}

function valueOf(draft: Draft, context: ValueContext): string | Uint8Array {
  const { shape, partition, partitions, index, clock } = context
  if (draft.fault === 'garbage') return pickFrom([...GARBAGE, NOT_UTF8], draft.pick)
  const fields = new Map<string, Json>()
  // One entity lives in one partition: that is what the log is keyed by.
  const user = pickFrom(USERS[shape.keyType] ?? [], (draft.user * partitions + partition) % 6)
  if (draft.fault === 'wrong key') fields.set('user', pickFrom(WRONG.user, draft.pick))
  else if (draft.fault !== 'missing key') fields.set('user', user)
  else if (draft.pick % 2 === 0) fields.set('user', null)
  const wrongField = draft.fault === 'wrong field' ? pickFrom(FIELD_NAMES, draft.pick) : undefined
  FIELD_NAMES.forEach((name, place) => {
    const choice = draft.fields[place] ?? 0
    const value =
      name === wrongField ? pickFrom(WRONG[name], choice) : presentOr(GOOD[name], choice)
    if (value === undefined) return
    if (name === 'region') fields.set('geo', new Map([['region', value]]))
    else fields.set(name, value)
  })
  const id = index - draft.repeatOf
  if (draft.pick % 20 !== 0) fields.set('id', `e${partition}-${id}`)
  const at = eventTimeJson(draft, context, shape.document.source.event.time.format)
  if (at !== undefined) fields.set('at', at)
  if (shape.framing === 'lines') fields.set('meta', new Map([['received', number(String(clock))]]))
  return formatPlainJson(fields)
}

/** One choice in ten is absent, one is null. */
function presentOr(values: readonly Json[], choice: number): Json | undefined {
  if (choice === 0) return undefined
  return choice === 1 ? null : pickFrom(values, choice)
}

function eventTimeJson(
  draft: Draft,
  { clock, eventTime }: ValueContext,
  format: TimeFormatDocument,
): Json | undefined {
  switch (draft.poison) {
    case 'absent':
      return undefined
    case 'text':
      return 'yesterday'
    case 'seconds':
      return format === 'ms'
        ? timeJson(Math.floor(eventTime / 1000), 'ms')
        : timeJson(eventTime / 1000, format)
    case 'micros':
      return format === 'ms'
        ? timeJson(eventTime * 1000, 'ms')
        : timeJson(Date.UTC(2300, 0, 1), format)
    case 'future':
      return timeJson(clock + MAX_FUTURE_MS + 1000, format)
    case 'far future':
      return timeJson(clock + 1000 * DAY_MS, format)
    case 'early':
      return timeJson(Date.UTC(1999, 11, 31, 23, 59), format)
    case 'edge':
      return timeJson(clock + MAX_FUTURE_MS, format)
    case undefined:
      return timeJson(eventTime, format)
  }
}

/** Formats in seconds lose the milliseconds. */
function timeJson(timeMs: number, format: TimeFormatDocument): Json {
  const iso = new Date(timeMs).toISOString()
  switch (format) {
    case 'ms':
      return number(String(Math.floor(timeMs)))
    case 's':
      return number(String(Math.floor(timeMs / 1000)))
    case 'us':
      return number(String(Math.floor(timeMs) * 1000 + 999))
    case 'iso':
      return iso
    default:
      return iso.replace('T', ' ').replace('Z', '')
  }
}

function number(text: string): Json {
  return new NumberText(text)
}

function pickFrom<Item>(items: readonly Item[], choice: number): Item {
  const item = items[choice % items.length]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}
