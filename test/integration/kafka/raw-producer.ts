/** Record batches exactly as a test wants them, which no producer's library would send: sent as they are. */
import type { RecordHeader } from '../../../src/core/event.ts'
import { crc32c } from '../../../src/core/crc32c.ts'
import { KafkaCluster } from '../../../src/kafka/cluster.ts'
import { bigEndian, encodeBatch, varint } from '../../kafka/encode-batch.ts'
import { clock, collectLog, kafkaLog } from './kafka-topic.ts'

export interface RawRecord {
  readonly key?: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

export class RawProducer implements AsyncDisposable {
  readonly #topic: string
  readonly #cluster: KafkaCluster

  constructor(bootstrap: string, topic: string) {
    this.#topic = topic
    const definition = kafkaLog(bootstrap, topic)
    const { log } = collectLog()
    this.#cluster = new KafkaCluster({ definition, log, clock, silenceMs: 5_000 })
  }

  /** All records as one batch. */
  async send(partition: number, records: readonly RawRecord[]): Promise<void> {
    const batch = encodeBatch({
      baseOffset: 0,
      lastOffsetDelta: records.length - 1,
      records: [],
      baseTimestamp: 0n,
      // Of the newest record, which the encoder looks for among those that it writes itself.
      logAppendTime: BigInt(records.map(timestampOf).reduce((most, ms) => Math.max(most, ms))),
      count: records.length,
      payload: Buffer.concat(records.map((record, at) => recordBytes(record, at))),
    })
    batch.writeInt16BE(0, ATTRIBUTES_AT)
    batch.writeUInt32BE(checksum(batch), CHECKSUM_AT)
    const { topic, brokers } = await this.#cluster.refresh()
    const leader = topic.partitions[partition]?.leader ?? [...brokers.keys()][0] ?? 0
    const body = Buffer.concat([
      bigEndian(2, -1),
      bigEndian(2, -1),
      bigEndian(4, 10_000),
      bigEndian(4, 1),
      bigEndian(2, this.#topic.length),
      Buffer.from(this.#topic),
      bigEndian(4, 1),
      bigEndian(4, partition),
      bigEndian(4, batch.length),
      batch,
    ])
    const answer = await this.#cluster.send(leader, 'control', {
      apiKey: 0,
      apiName: 'Produce',
      apiVersion: 7,
      body: { buf: body, buffer: body },
    })
    const errorCode = answer.readInt16BE(4 + 2 + this.#topic.length + 4 + 4)
    if (errorCode !== 0) throw new Error(`Produce: error ${errorCode}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster[Symbol.asyncDispose]()
  }
}

const CHECKSUM_AT = 17
const ATTRIBUTES_AT = 21

function checksum(batch: Buffer): number {
  return crc32c(batch, ATTRIBUTES_AT, batch.length)
}

function recordBytes(record: RawRecord, offsetDelta: number): Buffer {
  const { key = null, value, headers = [] } = record
  const body = Buffer.concat([
    bigEndian(1, 0),
    varint(BigInt(timestampOf(record))),
    varint(BigInt(offsetDelta)),
    sized(key),
    sized(value),
    varint(BigInt(headers.length)),
    ...headers.flatMap((header) => [sized(Buffer.from(header.key)), sized(header.value)]),
  ])
  return Buffer.concat([varint(BigInt(body.length)), body])
}

function sized(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(-1n) : Buffer.concat([varint(BigInt(bytes.length)), bytes])
}

function timestampOf({ timestamp = 1 }: RawRecord): number {
  return timestamp
}
