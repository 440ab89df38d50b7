/**
 * `N.log`: the framed log, for payloads of any format. All integers are little-endian.
 *
 *   file   'TIDELOG' | version 1 | frame | frame | ...
 *   frame  u32 length of the rest | u32 CRC-32C of the rest
 *          i64 timestamp, ms | i32 key bytes | i32 value bytes | u32 headers | key | value | header ...
 *   header u32 name bytes | i32 value bytes | name | value
 *
 * A length of -1 is null; the smallest i64 is no timestamp.
 */
import type { RecordHeader } from '../core/event.ts'
import { crc32c } from '../core/crc32c.ts'
import type { FilePiece, Framing, ReadAt, SplitResult } from './framing.ts'
import { RECORD_BYTES_MAX } from './framing.ts'
import type { RecordColumns } from './record-columns.ts'
import { nextRecord } from './record-columns.ts'

export const FRAME_FILE_HEADER = Buffer.from('TIDELOG\x01', 'latin1')
/** Length and checksum. */
const PREFIX_BYTES = 8
/** Timestamp, three lengths. */
const FIXED_BYTES = 20
const HEADER_PREFIX_BYTES = 8
const TWO_32 = 4_294_967_296
const NO_TIMESTAMP_HIGH = -0x8000_0000
const SCAN_BYTES = 1024 * 1024

export const frameFraming: Framing = {
  extension: 'log',
  headerBytes: FRAME_FILE_HEADER.length,
  headerProblem,
  split: splitFrames,
  isBoundary: isFrame,
  lastBoundary: lastFrameEnd,
}

export interface LogRecord {
  readonly value: Uint8Array | null
  readonly key?: Uint8Array | null
  /** Integer ms; NaN or absent: none. */
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

export function frameBytes(record: LogRecord): number {
  let length = PREFIX_BYTES + FIXED_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const { key, value } of record.headers ?? []) {
    length += HEADER_PREFIX_BYTES + Buffer.byteLength(key) + (value?.length ?? 0)
  }
  return length
}

/** Writes a frame of `frameBytes(record)` bytes into `bytes` at `start`. */
export function writeFrame(record: LogRecord, bytes: Buffer, start: number, length: number): void {
  const { key = null, value, timestamp = NaN, headers = [] } = record
  const body = start + PREFIX_BYTES
  const high = Math.floor(timestamp / TWO_32)
  bytes.writeUInt32LE(Number.isNaN(timestamp) ? 0 : timestamp - high * TWO_32, body)
  bytes.writeInt32LE(Number.isNaN(timestamp) ? NO_TIMESTAMP_HIGH : high, body + 4)
  bytes.writeInt32LE(key?.length ?? -1, body + 8)
  bytes.writeInt32LE(value?.length ?? -1, body + 12)
  bytes.writeUInt32LE(headers.length, body + 16)
  let at = copyInto(bytes, body + FIXED_BYTES, key)
  at = copyInto(bytes, at, value)
  for (const header of headers) {
    const name = Buffer.from(header.key)
    bytes.writeUInt32LE(name.length, at)
    bytes.writeInt32LE(header.value?.length ?? -1, at + 4)
    at = copyInto(bytes, copyInto(bytes, at + HEADER_PREFIX_BYTES, name), header.value)
  }
  bytes.writeUInt32LE(length - PREFIX_BYTES, start)
  bytes.writeUInt32LE(crc32c(bytes, body, start + length), start + 4)
}

function copyInto(bytes: Buffer, at: number, from: Uint8Array | null): number {
  if (from === null) return at
  bytes.set(from, at)
  return at + from.length
}

function headerProblem(header: Buffer): string | undefined {
  const magic = FRAME_FILE_HEADER.length - 1
  if (header.compare(FRAME_FILE_HEADER, 0, magic, 0, magic) !== 0) {
    return `expected the framed log's first bytes "TIDELOG", found ${JSON.stringify(header.toString('latin1', 0, magic))}`
  }
  const [found, known] = [header[magic], FRAME_FILE_HEADER[magic]]
  return found === known
    ? undefined
    : `expected version ${String(known)} of the framed log, found version ${String(found)}`
}

function splitFrames(piece: FilePiece, bytesMax: number, columns: RecordColumns): SplitResult {
  const { bytes, end, base } = piece
  const enough = piece.start + bytesMax
  let start = piece.start
  while (end - start >= PREFIX_BYTES) {
    const length = uint32(bytes, start)
    if (length < FIXED_BYTES || length > RECORD_BYTES_MAX) {
      return { next: start, needed: 1, damage: `a frame of ${length} bytes` }
    }
    const next = start + PREFIX_BYTES + length
    if (next > end) return { next: start, needed: next - start, damage: undefined }
    if (next > enough && columns.count > 0) break
    const damage = addFrame(columns, base, bytes, start, next)
    if (damage !== undefined) return { next: start, needed: 1, damage }
    start = next
  }
  return { next: start, needed: PREFIX_BYTES, damage: undefined }
}

/** Returns what is wrong with the frame, or undefined when it was added. */
function addFrame(
  columns: RecordColumns,
  base: number,
  bytes: Buffer,
  start: number,
  end: number,
): string | undefined {
  const body = start + PREFIX_BYTES
  const [stored, computed] = [uint32(bytes, start + 4), crc32c(bytes, body, end)]
  if (stored !== computed) return `checksum ${hex(computed)} where ${hex(stored)} was written`

  const keyStart = body + FIXED_BYTES
  const keyLength = int32(bytes, body + 8)
  const valueLength = int32(bytes, body + 12)
  const headerCount = uint32(bytes, body + 16)
  const valueStart = keyStart + Math.max(keyLength, 0)
  const valueEnd = valueStart + Math.max(valueLength, 0)
  const headers = headerCount === 0 ? undefined : readHeaders(bytes, valueEnd, end, headerCount)
  if (headerCount === 0 ? valueEnd !== end : headers === undefined) {
    return 'lengths inside a frame that do not add up'
  }

  const at = nextRecord(columns)
  const high = int32(bytes, body + 4)
  columns.offsets[at] = base + start
  columns.timestamps[at] = high === NO_TIMESTAMP_HIGH ? NaN : high * TWO_32 + uint32(bytes, body)
  columns.keyStarts[at] = keyLength < 0 ? -1 : keyStart
  columns.keyEnds[at] = keyLength < 0 ? -1 : valueStart
  columns.valueStarts[at] = valueLength < 0 ? -1 : valueStart
  columns.valueEnds[at] = valueLength < 0 ? -1 : valueEnd
  if (headers !== undefined) (columns.headers ??= new Map()).set(at, headers)
  return undefined
}

function readHeaders(
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
): RecordHeader[] | undefined {
  const headers: RecordHeader[] = []
  let at = start
  for (let header = 0; header < count; header++) {
    if (end - at < HEADER_PREFIX_BYTES) return undefined
    const nameEnd = at + HEADER_PREFIX_BYTES + uint32(bytes, at)
    const valueLength = int32(bytes, at + 4)
    const valueEnd = nameEnd + Math.max(valueLength, 0)
    if (valueEnd > end) return undefined
    headers.push({
      key: bytes.toString('utf8', at + HEADER_PREFIX_BYTES, nameEnd),
      value: valueLength < 0 ? null : bytes.subarray(nameEnd, valueEnd),
    })
    at = valueEnd
  }
  return at === end ? headers : undefined
}

/** A frame that is not whole yet cannot be told from other bytes beyond its length. */
async function isFrame(read: ReadAt, offset: number, size: number): Promise<boolean> {
  if (size - offset < PREFIX_BYTES) return true
  const prefix = await read(offset, PREFIX_BYTES)
  const length = uint32(prefix, 0)
  if (length < FIXED_BYTES || length > RECORD_BYTES_MAX) return false
  if (offset + PREFIX_BYTES + length > size) return true
  const body = await read(offset + PREFIX_BYTES, length)
  return crc32c(body) === uint32(prefix, 4)
}

/** Hops from length to length; the checksums are looked at when the frames are read. */
async function lastFrameEnd(read: ReadAt, from: number, size: number): Promise<number> {
  let position = from
  while (size - position >= PREFIX_BYTES) {
    const bytes = await read(position, Math.min(SCAN_BYTES, size - position))
    const start = position
    for (let at = 0; bytes.length - at >= PREFIX_BYTES; at = position - start) {
      const length = uint32(bytes, at)
      const next = position + PREFIX_BYTES + length
      if (length < FIXED_BYTES || length > RECORD_BYTES_MAX || next > size) return position
      position = next
    }
    if (position === start) break
  }
  return position
}

function uint32(bytes: Uint8Array, at: number): number {
  return int32(bytes, at) >>> 0
}

function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0')
}
