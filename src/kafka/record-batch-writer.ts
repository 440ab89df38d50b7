/**
 * Records as the bytes of one record batch (format 2), compressed with gzip. Neither idempotent nor transactional: what we
 * produce is keyed by its position, and repeating it is harmless.
 */
import { gzipSync } from 'node:zlib'
import { crc32c } from '../core/crc32c.ts'
import type { RecordHeader } from '../core/event.ts'

export interface NewRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  /** Ms. */
  readonly timestamp: number
}

/** Up to the checksum, and from there to the first record. */
const PREFIX_BYTES = 21
const CHECKED_BYTES = 40
const MAGIC = 2
const GZIP = 1

/** @param records at least one */
export function encodeRecordBatch(records: readonly NewRecord[]): Buffer {
  const baseTimestamp = records[0]?.timestamp ?? -1
  const encoded = records.map((record, delta) => encodeRecord(record, delta, baseTimestamp))
  const payload = gzipSync(Buffer.concat(encoded))
  const batch = Buffer.alloc(PREFIX_BYTES + CHECKED_BYTES + payload.length)
  payload.copy(batch, PREFIX_BYTES + CHECKED_BYTES)
  // Without base offset (0: the broker gives it) and partition leader epoch (none).
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch.writeInt8(MAGIC, 16)
  batch.writeInt16BE(GZIP, 21)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(BigInt(baseTimestamp), 27)
  batch.writeBigInt64BE(BigInt(Math.max(...records.map(({ timestamp }) => timestamp))), 35)
  // No producer: id, epoch, first sequence number.
  batch.fill(0xff, 43, 57)
  batch.writeInt32BE(records.length, 57)
  batch.writeUInt32BE(crc32c(batch, PREFIX_BYTES), 17)
  return batch
}

/** Of the bytes before compression, roughly. */
export function recordSize({ key, value, headers }: NewRecord): number {
  let bytes = 32 + key.length + (value?.length ?? 0)
  for (const header of headers) bytes += 8 + header.key.length + (header.value?.length ?? 0)
  return bytes
}

function encodeRecord(record: NewRecord, offsetDelta: number, baseTimestamp: number): Buffer {
  const parts: Uint8Array[] = [
    Buffer.from([0]), // Attributes: none.
    varint(record.timestamp - baseTimestamp),
    varint(offsetDelta),
    ...sized(record.key),
    ...sized(record.value),
    varint(record.headers.length),
  ]
  for (const { key, value } of record.headers)
    parts.push(...sized(Buffer.from(key)), ...sized(value))
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(body.length), body])
}

function sized(bytes: Uint8Array | null): Uint8Array[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes]
}

/** Zig-zag, seven bits a byte, lowest first; exact within 2^52. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}
