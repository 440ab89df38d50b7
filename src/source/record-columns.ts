/**
 * The columns of a `RecordBatch` while they are being filled. Framings push records into these arrays, which are kept and
 * reused; `takeBatch` copies what is in them, so that a batch owns arrays of its exact size.
 */
import type { RecordBatch, RecordHeader } from '../core/event.ts'

export interface RecordColumns {
  count: number
  offsets: Float64Array
  timestamps: Float64Array
  keyStarts: Int32Array
  keyEnds: Int32Array
  valueStarts: Int32Array
  valueEnds: Int32Array
  /** By index of the record; undefined until a record has headers. */
  headers: Map<number, readonly RecordHeader[]> | undefined
}

const ROOM_AT_FIRST = 4096

export function createRecordColumns(): RecordColumns {
  return {
    count: 0,
    offsets: new Float64Array(ROOM_AT_FIRST),
    timestamps: new Float64Array(ROOM_AT_FIRST),
    keyStarts: new Int32Array(ROOM_AT_FIRST),
    keyEnds: new Int32Array(ROOM_AT_FIRST),
    valueStarts: new Int32Array(ROOM_AT_FIRST),
    valueEnds: new Int32Array(ROOM_AT_FIRST),
    headers: undefined,
  }
}

/** Makes room for one more record and returns its index; the caller fills every column there. */
export function nextRecord(columns: RecordColumns): number {
  if (columns.count === columns.offsets.length) grow(columns)
  return columns.count++
}

/** What was collected, as a batch over `bytes`; the columns are empty afterwards. */
export function takeBatch(columns: RecordColumns, bytes: Buffer, nextOffset: number): RecordBatch {
  const { count, headers } = columns
  columns.count = 0
  columns.headers = undefined
  return {
    count,
    bytes,
    offsets: columns.offsets.slice(0, count),
    timestamps: columns.timestamps.slice(0, count),
    keyStarts: columns.keyStarts.slice(0, count),
    keyEnds: columns.keyEnds.slice(0, count),
    valueStarts: columns.valueStarts.slice(0, count),
    valueEnds: columns.valueEnds.slice(0, count),
    ...(headers && { headers: Array.from({ length: count }, (_, at) => headers.get(at)) }),
    nextOffset,
  }
}

function grow(columns: RecordColumns): void {
  columns.offsets = doubled(columns.offsets, Float64Array)
  columns.timestamps = doubled(columns.timestamps, Float64Array)
  columns.keyStarts = doubled(columns.keyStarts, Int32Array)
  columns.keyEnds = doubled(columns.keyEnds, Int32Array)
  columns.valueStarts = doubled(columns.valueStarts, Int32Array)
  columns.valueEnds = doubled(columns.valueEnds, Int32Array)
}

function doubled<T extends Float64Array | Int32Array>(from: T, make: new (length: number) => T): T {
  const wider = new make(from.length * 2)
  wider.set(from)
  return wider
}
