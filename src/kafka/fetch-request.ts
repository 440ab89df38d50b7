/** The Fetch request, version 11: read_committed, without a fetch session. */
import type { WireRequest } from './broker-connection.ts'
import { WireWriter } from './wire.ts'

const VERSION = 11
const READ_COMMITTED = 1

export interface FetchQuestion {
  readonly topic: string
  /** How long the broker may wait for the first byte. */
  readonly waitMs: number
  readonly bytesMax: number
  /** The broker fills its answer in this order; the first one gets a whole batch, however large. */
  readonly partitions: readonly PartitionQuestion[]
}

export interface PartitionQuestion {
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly bytesMax: number
}

export function fetchRequest({ topic, waitMs, bytesMax, partitions }: FetchQuestion): WireRequest {
  const body = new WireWriter().int32(-1).int32(waitMs).int32(1).int32(bytesMax)
  body.int8(READ_COMMITTED).int32(0).int32(-1)
  body.int32(1).string(topic).int32(partitions.length)
  for (const { partition, offset, leaderEpoch, bytesMax: partitionBytesMax } of partitions) {
    body.int32(partition).int32(leaderEpoch).int64(offset).int64(-1).int32(partitionBytesMax)
  }
  // Nothing to forget, no rack.
  body.int32(0).string('')
  return { apiKey: 1, apiName: 'Fetch', apiVersion: VERSION, body }
}
