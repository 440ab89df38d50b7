/**
 * The records inside one record batch, after decompression, into columns:
 *
 *   length varint | attributes i8 | timestamp delta varlong | offset delta varint | key | value | headers
 *
 * where key and value are a length varint (negative: null) and bytes, and headers a count and as many name/value pairs.
 * This is the loop that every byte from Kafka goes through: no object is made for a record that has no headers.
 */
import type { RecordBatch, RecordHeader } from '../core/event.ts'
import type { BatchHeader, ByteRange } from './batch-header.ts'
import type { Cursor } from './varint.ts'
import { readVarint, readVarlong } from './varint.ts'

/** Length, attributes, two deltas, two lengths, header count. */
const RECORD_BYTES_MIN = 7
/** What Kafka stores where a record has no timestamp. */
const NO_TIMESTAMP = -1

export interface Columns {
  count: number
  readonly bytes: Buffer
  readonly offsets: Float64Array
  readonly timestamps: Float64Array
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  headers: (readonly RecordHeader[] | undefined)[] | undefined
}

export function createColumns(bytes: Buffer, room: number): Columns {
  return {
    count: 0,
    bytes,
    offsets: new Float64Array(room),
    timestamps: new Float64Array(room),
    keyStarts: new Int32Array(room),
    keyEnds: new Int32Array(room),
    valueStarts: new Int32Array(room),
    valueEnds: new Int32Array(room),
    headers: undefined,
  }
}

/** Without the room that records below `from` would have taken. */
export function trimColumns({
  count,
  headers,
  ...columns
}: Columns): Omit<RecordBatch, 'nextOffset'> {
  return {
    count,
    bytes: columns.bytes,
    offsets: columns.offsets.subarray(0, count),
    timestamps: columns.timestamps.subarray(0, count),
    keyStarts: columns.keyStarts.subarray(0, count),
    keyEnds: columns.keyEnds.subarray(0, count),
    valueStarts: columns.valueStarts.subarray(0, count),
    valueEnds: columns.valueEnds.subarray(0, count),
    ...(headers && { headers: headers.slice(0, count) }),
  }
}

/** A count that the bytes cannot hold would reserve memory for records that are not there. */
export function countProblem(header: BatchHeader, bytes: number): string | undefined {
  const { count } = header
  if (count >= 0 && count * RECORD_BYTES_MIN <= bytes) return undefined
  return `a record batch of ${count} records in ${bytes} bytes`
}

/**
 * Adds the records of `columns.bytes[start, end)` whose offset is `from` or higher.
 * @returns what is wrong with the batch, or undefined
 */
export function addRecords(
  columns: Columns,
  header: BatchHeader,
  { start, end }: ByteRange,
  from: number,
): string | undefined {
  const { baseOffset, lastOffsetDelta, count } = header
  const cursor: Cursor = { bytes: columns.bytes, at: start }
  let before = -1
  for (let record = 0; record < count; record++) {
    const length = readVarint(cursor)
    const recordEnd = cursor.at + length
    if (recordEnd > end) return 'a record that is longer than its batch'
    cursor.at++ // Attributes: none is defined.
    const timestampDelta = readVarlong(cursor)
    const delta = readVarint(cursor)
    if (delta <= before || delta > lastOffsetDelta) return 'a record whose offset is out of order'
    before = delta

    if (baseOffset + delta < from) cursor.at = recordEnd
    else {
      const at = columns.count++
      columns.offsets[at] = baseOffset + delta
      columns.timestamps[at] = timestampOf(header, timestampDelta)
      addRange(cursor, columns.keyStarts, columns.keyEnds, at)
      addRange(cursor, columns.valueStarts, columns.valueEnds, at)
      const headers = readVarint(cursor)
      if (headers !== 0) addHeaders(columns, cursor, recordEnd, headers)
      if (cursor.at !== recordEnd) return 'a record whose lengths do not add up'
    }
  }
  return cursor.at === end ? undefined : `${end - cursor.at} bytes behind the last record`
}

/** The key of the first record, which is what a control batch is about; empty where there is none. */
export function firstKey(bytes: Buffer, { count }: BatchHeader): Buffer {
  if (count < 1) return bytes.subarray(0, 0)
  const cursor: Cursor = { bytes, at: 0 }
  readVarint(cursor)
  cursor.at++
  readVarlong(cursor)
  readVarint(cursor)
  const length = readVarint(cursor)
  return bytes.subarray(cursor.at, cursor.at + Math.max(length, 0))
}

function timestampOf(header: BatchHeader, delta: number): number {
  const timestamp = header.isLogAppendTime ? header.maxTimestamp : header.baseTimestamp + delta
  return timestamp === NO_TIMESTAMP ? NaN : timestamp
}

/** Half-open; a start of -1 is null. */
function addRange(cursor: Cursor, starts: Int32Array, ends: Int32Array, at: number): void {
  const length = readVarint(cursor)
  const isNull = length < 0
  starts[at] = isNull ? -1 : cursor.at
  if (!isNull) cursor.at += length
  ends[at] = isNull ? -1 : cursor.at
}

/** Leaves the cursor where it cannot end a record when the lengths do not add up. */
function addHeaders(columns: Columns, cursor: Cursor, end: number, count: number): void {
  const headers: RecordHeader[] = []
  while (headers.length < count && cursor.at < end) {
    const key = readBytes(columns.bytes, cursor)
    const value = readBytes(columns.bytes, cursor)
    headers.push({ key: key?.toString() ?? '', value })
  }
  if (headers.length !== count) cursor.at = -1
  columns.headers ??= new Array<undefined>(columns.offsets.length).fill(undefined)
  columns.headers[columns.count - 1] = headers
}

function readBytes(bytes: Buffer, cursor: Cursor): Buffer | null {
  const length = readVarint(cursor)
  if (length < 0) return null
  cursor.at += length
  return bytes.subarray(cursor.at - length, cursor.at)
}
