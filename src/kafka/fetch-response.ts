/**
 * The body of a Fetch response, version 11, to its partitions. Record sets stay bytes (`record-batch.ts` reads them); they
 * are ranges of the response, not copies.
 *
 * A partition's error is data: one partition that moved or was trimmed must not cost the records of the others.
 */
import { TidemarkError } from '../errors.ts'
import { int64 } from './int64.ts'

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Kafka's code; 0 where all is well. The other numbers are -1 where the broker could not tell. */
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  /** In the broker's order, which is that of the abort markers. */
  readonly aborted: readonly AbortedTransaction[]
  readonly records: Buffer
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

export interface FetchResponse {
  readonly throttleMs: number
  /** Of the request as a whole; 0 where all is well. */
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

/**
 * @param body what follows the correlation id
 * @throws SOURCE_UNREADABLE where the body ends too early
 */
export function decodeFetchResponse(body: Buffer): FetchResponse {
  const reader = new BodyReader(body)
  const throttleMs = reader.int32()
  const errorCode = reader.int16()
  reader.int32() // The fetch session, which we do not use.
  const partitions: FetchedPartition[] = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string()
    for (let count = reader.int32(); count > 0; count--)
      partitions.push(readPartition(reader, topic))
  }
  return { throttleMs, errorCode, partitions }
}

function readPartition(reader: BodyReader, topic: string): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const highWatermark = reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = reader.int64()
  const aborted: AbortedTransaction[] = []
  for (let count = reader.int32(); count > 0; count--) {
    aborted.push({ producerId: reader.bigInt64(), firstOffset: reader.int64() })
  }
  reader.int32() // The replica to prefer: told only to clients that name their rack.
  const offsets = { highWatermark, lastStableOffset, logStartOffset }
  return { topic, partition, errorCode, ...offsets, aborted, records: reader.bytes() }
}

/** Reads field after field; arrays and byte strings that are null count as empty. */
class BodyReader {
  readonly #body: Buffer
  #at = 0

  constructor(body: Buffer) {
    this.#body = body
  }

  int16(): number {
    return this.#body.readInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#body.readInt32BE(this.#take(4))
  }

  int64(): number {
    return int64(this.#body, this.#take(8))
  }

  bigInt64(): bigint {
    return this.#body.readBigInt64BE(this.#take(8))
  }

  string(): string {
    const length = Math.max(this.int16(), 0)
    const start = this.#take(length)
    return this.#body.toString('utf8', start, start + length)
  }

  bytes(): Buffer {
    const length = Math.max(this.int32(), 0)
    const start = this.#take(length)
    return this.#body.subarray(start, start + length)
  }

  #take(length: number): number {
    const start = this.#at
    this.#at += length
    if (this.#at <= this.#body.length) return start
    throw new TidemarkError(
      'SOURCE_UNREADABLE',
      `a fetch response of ${this.#body.length} bytes ends inside a field of ${length} bytes at byte ${start}: ` +
        'what answered does not speak version 11 of Kafka’s Fetch. Check that the brokers named in the ' +
        'pipeline file are Kafka brokers and that nothing between rewrites the connection',
    )
  }
}
