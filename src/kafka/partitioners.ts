/**
 * Where producers put a record with a key: each kind of client has a hash of its own, and a key that is written by two kinds stands in
 * two partitions. For the doctor, who looks from the records which kinds wrote a topic.
 */
import { crc32 } from 'node:zlib'

export interface Partitioner {
  /** Clients whose default it is. */
  readonly clients: string
  readonly hash: string
  partitionOf(key: Uint8Array, partitions: number): number
}

export const PARTITIONERS: readonly Partitioner[] = [
  {
    clients: 'Java clients',
    hash: 'murmur2',
    partitionOf: (key, partitions) => (murmur2(key) & 0x7fff_ffff) % partitions,
  },
  {
    clients: 'librdkafka (Python, Go, .NET, PHP)',
    hash: 'crc32',
    partitionOf: (key, partitions) => crc32(key) % partitions,
  },
  {
    clients: 'Sarama and kafka-go',
    hash: 'FNV-1a',
    partitionOf: (key, partitions) => Math.abs(fnv1a(key) % partitions),
  },
]

const SEED = 0x9747_b28c
const M = 0x5bd1_e995
const R = 24

/** As Kafka's Java client has it: signed, four bytes at a time, least significant first. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const whole = length & ~3
  let hash = SEED ^ length
  for (let at = 0; at < whole; at += 4) {
    let word = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8)
    word |= (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24)
    word = Math.imul(word, M)
    word ^= word >>> R
    hash = Math.imul(hash, M) ^ Math.imul(word, M)
  }
  if (length > whole) {
    if (length - whole > 2) hash ^= byteAt(bytes, whole + 2) << 16
    if (length - whole > 1) hash ^= byteAt(bytes, whole + 1) << 8
    hash = Math.imul(hash ^ byteAt(bytes, whole), M)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, M)
  return hash ^ (hash >>> 15)
}

/** 32 bits, signed. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193)
  return hash | 0
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}
