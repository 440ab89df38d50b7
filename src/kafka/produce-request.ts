/** Records on their way to a partition: one record batch in one request, acknowledged by all replicas in sync. */
import type { WireRequest } from './broker-connection.ts'
import { WireReader, WireWriter } from './wire.ts'

const ALL_IN_SYNC = -1

export interface ProduceQuestion {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
  /** How long the leader may wait for the other replicas. */
  readonly timeoutMs: number
}

export interface ProduceAnswer {
  readonly errorCode: number
  readonly message: string | undefined
}

export function produceRequest(question: ProduceQuestion): WireRequest {
  const body = new WireWriter().noString().int16(ALL_IN_SYNC).int32(question.timeoutMs)
  body.int32(1).string(question.topic)
  body.int32(1).int32(question.partition).bytes(question.batch)
  return { apiKey: 0, apiName: 'Produce', apiVersion: 8, body }
}

export function decodeProduce(answer: Buffer): ProduceAnswer {
  const reader = new WireReader(answer)
  const [first] = reader
    .array(() => {
      reader.string()
      return reader.array(() => readPartition(reader))
    })
    .flat()
  if (first === undefined) throw new RangeError('no partition in an answer about one')
  return first
}

function readPartition(reader: WireReader): ProduceAnswer {
  reader.int32()
  const errorCode = reader.int16()
  // Offset, time of appending, start of the log.
  for (let field = 0; field < 3; field++) reader.hex(8)
  const refused = reader.array(() => {
    reader.int32()
    return reader.string()
  })
  const message = reader.string() ?? refused.find((text) => text !== undefined)
  return { errorCode, message }
}
