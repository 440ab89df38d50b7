/**
 * The 61 bytes before the records of a record batch (format version 2):
 *
 *   0 base offset i64 | 8 length of the rest i32 | 12 leader epoch i32 | 16 magic i8 | 17 CRC-32C of what follows u32
 *   21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64 | 43 producer id i64
 *   51 producer epoch i16 | 53 base sequence i32 | 57 records i32 | 61 records
 *
 * A record set is batches one after the other; the last may be cut short, because a broker cuts by bytes.
 */
import { crc32c } from '../core/crc32c.ts'
import { position } from '../core/event.ts'
import { TidemarkError } from '../errors.ts'
import { int64, nearestInt64 } from './int64.ts'

/** Base offset and length: what the length does not count. */
const PREFIX_BYTES = 12
const MAGIC_AT = 16
const CRC_AT = 17
const CHECKED_FROM = 21
const HEADER_BYTES = 61
const MAGIC = 2

const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** Half-open. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface BatchHeader {
  readonly baseOffset: number
  readonly lastOffsetDelta: number
  /** What is added to the records' timestamp deltas; not always the first record's (compaction may store a deadline there). */
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  /** The broker's clock when it appended; every record of the batch has this timestamp then. */
  readonly isLogAppendTime: boolean
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly codec: number
  readonly count: number
  /** Where the batch and its records lie in the record set. */
  readonly start: number
  readonly recordsStart: number
  readonly end: number
}

/** For messages. */
export interface Place {
  readonly topic: string
  readonly partition: number
}

/**
 * Where the batch at `at` ends: beyond the record set where it is cut short, or none begins there.
 * @throws SOURCE_UNREADABLE where no batch of version 2 begins there
 */
export function batchEnd(records: Buffer, at: number, place: Place): number {
  if (records.length - at <= MAGIC_AT) return at + HEADER_BYTES
  const magic = records.readInt8(at + MAGIC_AT)
  const length = records.readInt32BE(at + 8)
  if (magic === 0 || magic === 1) {
    throw unreadable(
      place,
      records,
      at,
      `a message set of the old format (version ${magic}), which brokers before 4.0 may still hold. Tidemark reads ` +
        'record batches (version 2, Kafka 0.11 and newer): copy the topic with a current producer, or begin behind these records',
    )
  }
  if (magic !== MAGIC) {
    throw unreadable(
      place,
      records,
      at,
      `expected a record batch of version 2, found version ${magic}. ${BYTES_CHANGED}`,
    )
  }
  if (length < HEADER_BYTES - PREFIX_BYTES) {
    throw unreadable(place, records, at, `a record batch of ${length} bytes. ${BYTES_CHANGED}`)
  }
  return at + PREFIX_BYTES + length
}

/** @throws SOURCE_UNREADABLE where the checksum of the batch, which must be whole, is not that of its bytes */
export function readBatchHeader(
  records: Buffer,
  { start: at, end }: ByteRange,
  place: Place,
): BatchHeader {
  const [stored, computed] = [
    records.readUInt32BE(at + CRC_AT),
    crc32c(records, at + CHECKED_FROM, end),
  ]
  if (stored !== computed) {
    throw unreadable(
      place,
      records,
      at,
      `the record batch has the checksum ${hex(computed)} where ${hex(stored)} was written (CRC-32C). ${BYTES_CHANGED}`,
    )
  }
  const attributes = records.readInt16BE(at + CHECKED_FROM)
  return {
    baseOffset: int64(records, at),
    lastOffsetDelta: records.readInt32BE(at + 23),
    baseTimestamp: nearestInt64(records, at + 27),
    maxTimestamp: nearestInt64(records, at + 35),
    isLogAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    codec: attributes & 7,
    count: records.readInt32BE(at + 57),
    start: at,
    recordsStart: at + HEADER_BYTES,
    end,
  }
}

export function producerId(records: Buffer, header: BatchHeader): bigint {
  return records.readBigInt64BE(header.start + 43)
}

/** About the batch at `at`, which has at least its base offset. */
export function unreadable(
  { topic, partition }: Place,
  records: Buffer,
  at: number,
  what: string,
): TidemarkError {
  const offset = nearestInt64(records, at)
  return new TidemarkError('SOURCE_UNREADABLE', `${position(topic, partition, offset)}: ${what}`, {
    details: { topic, partition, offset },
  })
}

export const BYTES_CHANGED =
  'The bytes changed on the way or on the broker’s disk, nothing was read from them. Start again; if it ' +
  'comes back, check this partition’s replicas with Kafka’s DumpLogSegments and let a sound one lead'

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0')
}
