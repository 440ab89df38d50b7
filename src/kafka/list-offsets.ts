/** Where a partition's log begins and ends, and where a point in time lies in it. */
import type { WireRequest } from './broker-connection.ts'
import { WireReader, WireWriter } from './wire.ts'

const VERSION = 3

/** Times that mean ends of the log. */
export const EARLIEST = -2
export const LATEST = -1

export interface OffsetsQuestion {
  readonly topic: string
  readonly partitions: readonly number[]
  /** Ms, or EARLIEST or LATEST. */
  readonly time: number
  /** Whether transactions that are not decided yet belong to the log; else it ends before the first of them. */
  readonly undecided: boolean
}

export interface FoundOffset {
  readonly partition: number
  readonly errorCode: number
  /** Undefined: no record is that late. */
  readonly offset: number | undefined
}

export function listOffsetsRequest({
  topic,
  partitions,
  time,
  undecided,
}: OffsetsQuestion): WireRequest {
  const body = new WireWriter().int32(-1).int8(undecided ? 0 : 1)
  body.int32(1).string(topic).int32(partitions.length)
  for (const partition of partitions) body.int32(partition).int64(time)
  return { apiKey: 2, apiName: 'ListOffsets', apiVersion: VERSION, body }
}

export function decodeListOffsets(answer: Buffer): readonly FoundOffset[] {
  const reader = new WireReader(answer)
  reader.int32() // Throttle time.
  const topics = reader.array(() => {
    reader.string()
    return reader.array(() => readPartition(reader))
  })
  return topics.flat()
}

function readPartition(reader: WireReader): FoundOffset {
  const partition = reader.int32()
  const errorCode = reader.int16()
  reader.hex(8) // The found record's timestamp.
  const offset = reader.int64()
  return { partition, errorCode, offset: offset < 0 ? undefined : offset }
}
