/**
 * How the partition judges its records, for the oracle: from bytes, time and id alone, each record against all that were
 * judged before it.
 */
import type { Pipeline } from '../../src/core/definition.ts'
import { civilDay, dayEnd } from './civil-oracle.ts'
import type { Fields } from './condition-oracle.ts'
import { parsePlainJson, type JsonObject } from './plain-json.ts'
import { type RawPartition, type RawRecord, valueBytes } from './raw-record.ts'
import { lookUp, readTime, readValue } from './value-oracle.ts'

export type Outcome =
  'accepted' | 'tombstone' | 'undecodable' | 'bad_timestamp' | 'future' | 'too_late' | 'duplicate'

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
  { partition, records, origin = 0, tickedMs }: RawPartition,
): OraclePartition {
  const { zone } = pipeline.time
  const judged: JudgedRecord[] = []
  for (const record of records) judged.push(judge(pipeline, record, judged))
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

function watermarkAfter(pipeline: Pipeline, judged: readonly JudgedRecord[]): number | undefined {
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
  const refused = { record, eventTime: undefined, day: undefined, id: undefined, fields: new Map() }
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
        (earlier.outcome === 'accepted' || earlier.outcome === 'duplicate') &&
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
