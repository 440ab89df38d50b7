/**
 * Record batches the slow and obvious way: integers as BigInts, bytes in arrays, the checksum bit by bit. Shares nothing
 * with the decoder that it is there to test but the compressors' packages.
 */
import { compress as compressZstd } from '@bokuweb/zstd-wasm'
import { compress as compressLz4 } from 'lz4js'
import { gzipSync } from 'node:zlib'
import { compress as compressSnappy } from 'snappyjs'

export type CodecName = 'none' | 'gzip' | 'snappy' | 'xerial' | 'lz4' | 'zstd'
export const CODEC_NAMES: readonly CodecName[] = ['none', 'gzip', 'snappy', 'xerial', 'lz4', 'zstd']
const CODEC_NUMBERS = { none: 0, gzip: 1, snappy: 2, xerial: 2, lz4: 3, zstd: 4 } as const

export interface PlainHeader {
  readonly key: string
  readonly value: string | null
}

export interface PlainRecord {
  readonly offsetDelta: number
  readonly timestamp: bigint
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly PlainHeader[]
}

export interface PlainBatch {
  readonly baseOffset: number
  readonly lastOffsetDelta: number
  readonly records: readonly PlainRecord[]
  readonly codec?: CodecName
  readonly producerId?: bigint
  readonly isTransactional?: boolean
  /** A marker that ends the producer's transaction; the batch has no other record then. */
  readonly marker?: 'commit' | 'abort'
  /** The broker's clock, in place of the records' timestamps. */
  readonly logAppendTime?: bigint
  /** What timestamp deltas are counted from; the first record's by default. */
  readonly baseTimestamp?: bigint
  /** Whatever it takes to make a damaged batch, before the checksum is taken. */
  readonly count?: number
  readonly codecNumber?: number
  readonly payload?: Buffer
}

export function encodeBatch(batch: PlainBatch): Buffer {
  const records = batch.marker === undefined ? batch.records : [markerRecord(batch.marker)]
  const baseTimestamp = batch.baseTimestamp ?? records[0]?.timestamp ?? -1n
  const encoded = records.map((record) => recordBytes(record, baseTimestamp))
  const codec = batch.codec ?? 'none'
  const payload = batch.payload ?? compressed(codec, Buffer.concat(encoded))
  const checked = Buffer.concat([
    bigEndian(2, attributes(batch, batch.codecNumber ?? CODEC_NUMBERS[codec])),
    bigEndian(4, batch.lastOffsetDelta),
    bigEndian(8, baseTimestamp),
    bigEndian(8, batch.logAppendTime ?? maximum(records.map(({ timestamp }) => timestamp))),
    bigEndian(8, batch.producerId ?? -1n),
    bigEndian(2, 0),
    bigEndian(4, 0),
    bigEndian(4, batch.count ?? records.length),
    payload,
  ])
  const rest = [bigEndian(4, 7), bigEndian(1, 2), bigEndian(4, slowCrc32c(checked)), checked]
  return Buffer.concat([bigEndian(8, batch.baseOffset), bigEndian(4, 9 + checked.length), ...rest])
}

function attributes(batch: PlainBatch, codec: number): number {
  return (
    codec +
    (batch.logAppendTime === undefined ? 0 : 0b1000) +
    (batch.isTransactional === true ? 0b1_0000 : 0) +
    (batch.marker === undefined ? 0 : 0b10_0000)
  )
}

function markerRecord(marker: 'commit' | 'abort'): PlainRecord {
  const key = marker === 'abort' ? '\0\0\0\0' : '\0\0\0\u0001'
  return { offsetDelta: 0, timestamp: 5n, key, value: '\0\0\0\0\0\0', headers: [] }
}

function recordBytes(record: PlainRecord, baseTimestamp: bigint): Buffer {
  const body = Buffer.concat([
    bigEndian(1, 0),
    varint(record.timestamp - baseTimestamp),
    varint(BigInt(record.offsetDelta)),
    sized(record.key),
    sized(record.value),
    varint(BigInt(record.headers.length)),
    ...record.headers.flatMap(({ key, value }) => [sized(key), sized(value)]),
  ])
  return Buffer.concat([varint(BigInt(body.length)), body])
}

function sized(text: string | null): Buffer {
  if (text === null) return varint(-1n)
  const bytes = Buffer.from(text)
  return Buffer.concat([varint(BigInt(bytes.length)), bytes])
}

/** Zig-zag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...; then seven bits a byte, lowest first. */
export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = value >= 0n ? value * 2n : -value * 2n - 1n
  while (rest >= 128n) {
    bytes.push(Number(rest % 128n) + 128)
    rest /= 128n
  }
  return Buffer.from([...bytes, Number(rest)])
}

export function bigEndian(bytes: number, value: number | bigint): Buffer {
  const bits = BigInt.asUintN(bytes * 8, BigInt(value))
  return Buffer.from(bits.toString(16).padStart(bytes * 2, '0'), 'hex')
}

function maximum(values: readonly bigint[]): bigint {
  return values.reduce((most, value) => (value > most ? value : most), -1n)
}

function compressed(codec: CodecName, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none':
      return bytes
    case 'gzip':
      return gzipSync(bytes)
    case 'snappy':
      return Buffer.from(compressSnappy(bytes))
    case 'xerial':
      return xerialFrame(bytes)
    case 'lz4':
      return Buffer.from(compressLz4(bytes))
    case 'zstd':
      return Buffer.from(compressZstd(bytes))
  }
}

/** Blocks of 100 bytes, so that there are several. */
function xerialFrame(bytes: Buffer): Buffer {
  const parts = [Buffer.from('\x82SNAPPY\0', 'latin1'), bigEndian(4, 1), bigEndian(4, 1)]
  for (let start = 0; start < bytes.length; start += 100) {
    const block = Buffer.from(compressSnappy(bytes.subarray(start, start + 100)))
    parts.push(bigEndian(4, block.length), block)
  }
  return Buffer.concat(parts)
}

/** One bit at a time, straight from the polynomial. */
export function slowCrc32c(bytes: Buffer): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
