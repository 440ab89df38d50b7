/**
 * How the partition judges its records, for the oracle: from bytes, time and id alone, each record against all that were
 * judged before it.
 */
import type { Pipeline } from '../../src/core/definition.ts'
import { invariant } from '../../src/errors.ts'
import { civilDay, dayEnd } from './civil-oracle.ts'
import type { Fields } from './condition-oracle.ts'
import { parsePlainJson, type JsonObject } from './plain-json.ts'
import { type RawPartition, type RawRecord, valueBytes } from './raw-record.ts'
import { lookUp, readTime, readValue } from './value-oracle.ts'

export type Outcome =
  | 'accepted'
  | 'tombstone'
  | 'undecodable'
  | 'bad_timestamp'
  | 'future'
  | 'too_late'
  | 'duplicate'
  /** Passed over by an amendment. */
  | 'amended'
  /** Accepted by an amendment: folded at the close of its day, under the closing record's offset. */
  | 'healed'

export interface JudgedRecord {
  readonly record: RawRecord
  readonly outcome: Outcome
  /** ms; undefined where the record has none. */
  readonly eventTime: number | undefined
  readonly day: number | undefined
  readonly id: string | undefined
  readonly fields: Fields
}

export interface OraclePartition {
  readonly partition: number
  /** In log order. */
  readonly judged: readonly JudgedRecord[]
  /** Log-derived, ms; undefined before the first accepted record. */
  readonly watermark: number | undefined
  /** By log or tick. */
  readonly closedDay: number | undefined
  readonly completeFrom: number | undefined
}

/** Event times from here on are a wrong unit or a wrong clock. */
const TIME_MAX_MS = Date.UTC(2200, 0, 1)

/** Judges every record of a partition by the letter of the order: decoding, time, lateness, duplicates. */
export function judgePartition(
  pipeline: Pipeline,
  { partition, records, origin = 0, tickedMs, ...amended }: RawPartition,
): OraclePartition {
  const { zone } = pipeline.time
  const judged = judgeAll(pipeline, records, amended)
  const accepted = judged.filter(({ outcome }) => outcome === 'accepted')
  const watermark = watermarkAfter(pipeline, judged)
  const first = accepted[0]
  if (watermark === undefined || first?.eventTime === undefined) {
    return {
      partition,
      judged,
      watermark: undefined,
      closedDay: undefined,
      completeFrom: undefined,
    }
  }
  const closedDay = civilDay(zone, Math.max(watermark, tickedMs ?? -Infinity)) - 1
  // From the log's beginning, offset 0: records before the first accepted one were refused, not missed.
  const completeFrom =
    origin === 0
      ? civilDay(zone, first.eventTime)
      : civilDay(zone, first.eventTime + pipeline.time.outOfOrdernessMs) + 1
  return { partition, judged, watermark, closedDay, completeFrom }
}

/** The same records where ticks came up to `tickedMs`. */
export function withTicks(
  { time: { zone } }: Pipeline,
  part: OraclePartition,
  tickedMs: number | undefined,
): OraclePartition {
  const { watermark } = part
  if (watermark === undefined || tickedMs === undefined) return part
  return { ...part, closedDay: civilDay(zone, Math.max(watermark, tickedMs)) - 1 }
}

/** Records of a partition that goes on from what others have judged: their latest time, and all their ids. */
export function judgeOn(
  pipeline: Pipeline,
  before: readonly JudgedRecord[],
  records: readonly RawRecord[],
): JudgedRecord[] {
  const judged = [...before]
  for (const record of records) judged.push(judge(pipeline, record, judged))
  return judged.slice(before.length)
}

type Amended = Pick<RawPartition, 'dropped' | 'accepted'>

function judgeAll(
  pipeline: Pipeline,
  records: readonly RawRecord[],
  { dropped = [], accepted = [] }: Amended,
): JudgedRecord[] {
  const judged: JudgedRecord[] = []
  const watermark = (): number => watermarkAfter(pipeline, judged) ?? -Infinity
  for (const record of records) {
    if (dropped.includes(record.offset)) {
      judged.push({ ...nothingOf(record), outcome: 'amended' })
      continue
    }
    const before = accepted.length > 0 ? watermark() : NaN
    const one = judge(pipeline, record, judged)
    const isLate = one.day !== undefined && dayEnd(pipeline.time.zone, one.day) <= before
    const isAccepted = accepted.some(({ offset }) => offset === record.offset)
    const wasHealed = isAccepted && isLate && ['accepted', 'duplicate'].includes(one.outcome)
    judged.push(wasHealed ? { ...nothingOf(record), outcome: 'amended' } : one)
    for (const late of [...accepted].sort((a, b) => a.offset - b.offset)) {
      const closed = { after: before, through: watermark() }
      if (late.offset > record.offset)
        judged.push(...heal(pipeline, late, { closed, judged, record }))
    }
  }
  return judged
}

/** A record whose day ended in (after, through], the days that the record closed, as if it stood right behind that. */
function heal(
  pipeline: Pipeline,
  late: RawRecord,
  at: {
    readonly closed: { readonly after: number; readonly through: number }
    readonly judged: readonly JudgedRecord[]
    readonly record: RawRecord
  },
): JudgedRecord[] {
  const lenient = { ...pipeline, time: { ...pipeline.time, allowedLatenessMs: Infinity } }
  const one = judge(lenient, late, at.judged)
  invariant(one.day !== undefined, 'what is accepted is an event')
  const end = dayEnd(pipeline.time.zone, one.day)
  if (!(end > at.closed.after && end <= at.closed.through)) return []
  const record = { ...late, offset: at.record.offset }
  return [{ ...one, record, outcome: one.outcome === 'accepted' ? 'healed' : one.outcome }]
}

function nothingOf(record: RawRecord): Omit<JudgedRecord, 'outcome'> {
  return { record, eventTime: undefined, day: undefined, id: undefined, fields: new Map() }
}

export function watermarkAfter(
  pipeline: Pipeline,
  judged: readonly JudgedRecord[],
): number | undefined {
  const accepted = judged.filter(({ outcome }) => outcome === 'accepted')
  if (accepted.length === 0) return undefined
  return (
    Math.max(...accepted.map(({ eventTime }) => eventTime ?? NaN)) - pipeline.time.outOfOrdernessMs
  )
}

function judge(
  pipeline: Pipeline,
  record: RawRecord,
  before: readonly JudgedRecord[],
): JudgedRecord {
  const { source, event, time } = pipeline
  const bytes = valueBytes(record)
  const refused = nothingOf(record)
  if (bytes === null) return { ...refused, outcome: 'tombstone' }
  const root = decode(bytes)
  if (root === undefined) return { ...refused, outcome: 'undecodable' }
  const fields = new Map(
    source.fields.map(({ name, path, type }) => [
      name,
      readValue(lookUp(record, root, path), type),
    ]),
  )
  const idFound = event.id && lookUp(record, root, event.id)
  const id = typeof idFound === 'string' ? idFound : undefined
  const eventTime = readTime(lookUp(record, root, event.time.field), event.time.format)
  if (eventTime === undefined || eventTime < time.notBeforeMs || eventTime >= TIME_MAX_MS) {
    return { ...refused, fields, id, outcome: 'bad_timestamp' }
  }
  const day = civilDay(time.zone, eventTime)
  const rest = { record, fields, id, eventTime, day }
  if (eventTime > record.timestamp + time.maxFutureMs) return { ...rest, outcome: 'future' }
  const watermark = watermarkAfter(pipeline, before) ?? -Infinity
  const isTooLate = watermark >= dayEnd(time.zone, day) + time.allowedLatenessMs
  if (isTooLate) return { ...rest, outcome: 'too_late' }
  const isDuplicate =
    id !== undefined &&
    before.some(
      (earlier) =>
        earlier.id === id &&
        ['accepted', 'healed', 'duplicate'].includes(earlier.outcome) &&
        dayEnd(time.zone, earlier.day ?? NaN) + event.duplicatesWithinMs > watermark,
    )
  return { ...rest, outcome: isDuplicate ? 'duplicate' : 'accepted' }
}

function decode(bytes: Uint8Array): JsonObject | undefined {
  try {
    const json = parsePlainJson(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
    )
    return json instanceof Map ? (json as JsonObject) : undefined
  } catch {
    return undefined // not UTF-8
  }
}
