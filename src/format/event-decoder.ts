/**
 * Records to events, whatever the format: which outcome a record has, in which order things are looked at, and where the
 * columns come from. A format only says how the bytes of one value become fields (`ValueFormat`).
 *
 * No record can stop this: what is wrong with it becomes its outcome, with a message.
 */
import type { FieldPath, Pipeline } from '../core/definition.ts'
import type { Column, EventBatch, RecordBatch } from '../core/event.ts'
import { Decoded } from '../core/event.ts'
import { compileEventTime } from '../core/event-time.ts'
import type { EventTimeReader } from '../core/event-time.ts'
import type { FieldType, Value } from '../core/value.ts'
import type { Decoder } from '../engine/ports.ts'
import type { FieldReader } from './record-field.ts'
import { compileRecordField } from './record-field.ts'

/** Reads one value at a time; the readers it compiled answer for the value that was loaded last. */
export interface ValueFormat {
  /** Looks at a batch before its values are loaded. */
  begin(records: RecordBatch): void
  /** Takes on a value. Returns why it cannot be decoded, or undefined. */
  load(bytes: Buffer, start: number, end: number): string | undefined
  field(segments: readonly string[], type: FieldType): () => Value | undefined
  /** The id as text; null where there is none, undefined where it is neither text nor an integer. */
  id(segments: readonly string[]): () => string | null | undefined
  /** For the event's time: text and numbers as they are written. */
  raw(segments: readonly string[]): () => Value | undefined
  /**
   * Whether the value at the path is an instant already, in ms, by the format's own types; a function where that differs from
   * value to value.
   */
  isInstant(segments: readonly string[]): boolean | (() => boolean)
}

export function createEventDecoder(pipeline: Pipeline, format: ValueFormat): Decoder {
  const { source, event } = pipeline
  const fields = source.fields.map(({ path, type }) => compileField(format, path, type))
  const eventTime = compileTime(pipeline, format, event.time.field)
  const ownTimestamp = compileOwnTimestamp(pipeline, format)
  const id = event.id && compileId(format, event.id)

  function decodeRecord(batch: Draft, at: number): number {
    const { records } = batch
    const start = records.valueStarts[at]!
    const end = records.valueEnds[at]!
    if (start < 0) return Decoded.TOMBSTONE
    const problem = format.load(records.bytes, start, end)
    if (problem !== undefined) return refuse(batch, at, Decoded.UNDECODABLE, problem)
    if (id !== undefined) {
      const text = id(records, at)
      if (text === undefined) return refuse(batch, at, Decoded.UNDECODABLE, BAD_ID)
      batch.ids![at] = text ?? undefined
    }
    const wrongTimestamp = ownTimestamp?.(records, at)
    if (wrongTimestamp !== undefined)
      return refuse(batch, at, Decoded.BAD_TIMESTAMP, wrongTimestamp)
    const time = eventTime(records, at)
    if (typeof time === 'string') return refuse(batch, at, Decoded.BAD_TIMESTAMP, time)
    batch.eventTimes[at] = time
    for (let field = 0; field < fields.length; field++) {
      batch.columns[field]![at] = fields[field]!(records, at)
    }
    return Decoded.EVENT
  }

  return {
    decode(records) {
      const batch = createDraft(records, fields.length, id !== undefined)
      format.begin(records)
      for (let at = 0; at < records.count; at++) batch.outcomes[at] = decodeRecord(batch, at)
      return batch
    },
  }
}

const BAD_ID = "the event's id: expected text or an integer, found another type"

interface Draft extends EventBatch {
  readonly ids?: (string | undefined)[]
  readonly problems: Map<number, string>
}

function createDraft(records: RecordBatch, fields: number, hasIds: boolean): Draft {
  const { count } = records
  return {
    records,
    outcomes: new Uint8Array(count),
    eventTimes: new Float64Array(count),
    ...(hasIds && { ids: new Array<string | undefined>(count).fill(undefined) }),
    columns: Array.from({ length: fields }, (): Column => new Array<Value>(count).fill(null)),
    problems: new Map(),
  }
}

function refuse(batch: Draft, at: number, outcome: number, problem: string): number {
  batch.problems.set(at, problem)
  return outcome
}

function compileField(format: ValueFormat, path: FieldPath, type: FieldType): FieldReader {
  return path.kind === 'value' ? format.field(path.segments, type) : compileRecordField(path, type)
}

type TimeReader = (records: RecordBatch, at: number) => number | string

function compileTime(pipeline: Pipeline, format: ValueFormat, path: FieldPath): TimeReader {
  const { event, time } = pipeline
  const bounds = { notBeforeMs: time.notBeforeMs }
  // Avro's own instants are in ms whatever unit they were written in; the pipeline's format is for bare numbers and text.
  const readMs = compileEventTime({ kind: 'ms' }, bounds)
  const readDeclared = compileEventTime(event.time.format, bounds)
  if (path.kind === 'value') {
    const raw = format.raw(path.segments)
    const isInstant = format.isInstant(path.segments)
    if (typeof isInstant === 'function') {
      return () => (isInstant() ? readMs(raw()) : readDeclared(raw()))
    }
    const read = isInstant ? readMs : readDeclared
    return () => read(raw())
  }
  const isMs = path.kind === 'timestamp'
  const read = isMs ? readMs : readDeclared
  const field = compileRecordField(path, isMs ? { kind: 'int64' } : { kind: 'string' })
  return (records, at) => read(field(records, at))
}

/**
 * Lines carry no timestamp beside their value, so it is read from the value, where the pipeline names it, into the
 * batch. A record that lacks it is refused: without it the firewall against times in the future would let it pass.
 */
function compileOwnTimestamp(
  { source: { log }, time }: Pipeline,
  format: ValueFormat,
): ((records: RecordBatch, at: number) => string | undefined) | undefined {
  if (log.kind !== 'files' || log.timestamp === undefined) return undefined
  const raw = format.raw(log.timestamp)
  const read: EventTimeReader = compileEventTime({ kind: 'ms' }, { notBeforeMs: time.notBeforeMs })
  const name = log.timestamp.join('.')
  return ({ timestamps }, at) => {
    if (!Number.isNaN(timestamps[at]!)) return undefined
    const timestamp = read(raw())
    if (typeof timestamp === 'string') return `the record's own timestamp (${name}): ${timestamp}`
    timestamps[at] = timestamp
    return undefined
  }
}

function compileId(
  format: ValueFormat,
  path: FieldPath,
): (records: RecordBatch, at: number) => string | null | undefined {
  if (path.kind === 'value') return format.id(path.segments)
  const field = compileRecordField(path, { kind: path.kind === 'timestamp' ? 'int64' : 'string' })
  return (records, at) => {
    const value = field(records, at)
    return value === undefined ? undefined : value === null || value === '' ? null : String(value)
  }
}
