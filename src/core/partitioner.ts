/**
 * Where producers put a record with a key: each kind of client has a hash of its own, and a key that is written by two kinds stands in
 * two partitions. The doctor looks from the records which kinds wrote a topic; a generation that regroups entities records which one
 * decides where each of them lives. Pinned for ever: states are laid out by it.
 */

export interface Partitioner {
  /** As it is typed, and recorded. */
  readonly name: string
  /** Clients whose default it is. */
  readonly clients: string
  readonly hash: string
  partitionOf(key: Uint8Array, partitions: number): number
}

export const PARTITIONERS: readonly Partitioner[] = [
  {
    name: 'murmur2',
    clients: 'Java clients',
    hash: 'murmur2',
    partitionOf: (key, partitions) => (murmur2(key) & 0x7fff_ffff) % partitions,
  },
  {
    name: 'crc32',
    clients: 'librdkafka (Python, Go, .NET, PHP)',
    hash: 'crc32',
    partitionOf: (key, partitions) => crc32(key) % partitions,
  },
  {
    name: 'fnv1a',
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

/** CRC-32 of zip and Ethernet (reflected polynomial 0xedb88320); 32 bits, unsigned. */
export function crc32(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1
  }
  return ~crc >>> 0
}

export function partitionerNamed(name: string): Partitioner | undefined {
  return PARTITIONERS.find((each) => each.name === name)
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}
