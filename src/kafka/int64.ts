/** Big-endian 64-bit integers of Kafka's protocol, read as doubles: a BigInt per batch would cost more than the batch's header. */
import { invariant } from '../errors.ts'

const TWO_32 = 4_294_967_296

/** An offset or a count: exact, since no log is 2^53 records long. */
export function int64(bytes: Buffer, at: number): number {
  const value = nearestInt64(bytes, at)
  invariant(Number.isSafeInteger(value), `a 64-bit integer within 2^53, found about ${value}`)
  return value
}

/** A timestamp, which is whatever a producer wrote: the nearest double beyond 2^53. */
export function nearestInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4)
}
