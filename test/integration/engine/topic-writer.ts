/**
 * Writes records to a topic as real producers do, several at once: plain batches in every codec, transactions of several
 * partitions that interleave with them, and aborted ones, whose records (again those of the log) nobody may ever see.
 */
import { compress as compressZstd } from '@bokuweb/zstd-wasm'
import kafkajs from 'kafkajs'
import type { CompressionTypes, Message, Producer, Transaction } from 'kafkajs'
import { compress as compressLz4 } from 'lz4js'
import { compress as compressSnappy } from 'snappyjs'
import type { Random } from '../../../bench/random.ts'
import { loadZstd } from '../../../src/kafka/zstd.ts'
import { uniqueName } from '../../support/servers.ts'
import { valueBytes, type RawPartition, type RawRecord } from '../../support/raw-record.ts'
import { KafkaClients } from '../kafka/kafka-topic.ts'
import type { LogAppender } from './paced-log.ts'

/** Only as properties: loaded by Node itself, the package has no such names. */
const { CompressionCodecs, CompressionTypes: Codec } = kafkajs

const CODECS = [Codec.None, Codec.GZIP, Codec.Snappy, Codec.LZ4, Codec.ZSTD] as const
const CHUNK_MAX = 25

function addCodec(
  type: Exclude<CompressionTypes, typeof Codec.None>,
  compress: (bytes: Uint8Array) => Uint8Array,
): void {
  CompressionCodecs[type] = () => ({
    compress: ({ buffer }: { readonly buffer: Buffer }) =>
      Promise.resolve(Buffer.from(compress(buffer))),
    decompress: () => Promise.reject(new Error('these clients only write')),
  })
}

/** Brokers take frames of independent blocks only: one block is, though the package does not say so in the header. */
function lz4Frame(bytes: Uint8Array): Uint8Array {
  const frame = compressLz4(bytes)
  return Buffer.concat([Buffer.from('04224d18607073', 'hex'), frame.subarray(7)])
}

interface Sending {
  send(batch: {
    readonly topic: string
    readonly compression: CompressionTypes
    readonly messages: Message[]
  }): Promise<readonly { readonly baseOffset?: string }[]>
}

interface Chunk {
  readonly partition: number
  readonly records: readonly RawRecord[]
}

export class TopicWriter implements LogAppender {
  /** Records of transactions that were aborted. */
  ghosts = 0
  readonly topic: string
  readonly #clients: KafkaClients
  readonly #plain: Producer
  readonly #committing: Producer
  readonly #aborting: Producer

  private constructor(
    topic: string,
    clients: KafkaClients,
    producers: readonly [Producer, Producer, Producer],
  ) {
    this.topic = topic
    this.#clients = clients
    ;[this.#plain, this.#committing, this.#aborting] = producers
  }

  /** Makes the topic. Its records may be of any time, and none is ever deleted. */
  static async create(bootstrap: string, partitions: number): Promise<TopicWriter> {
    const topic = uniqueName('law')
    await using clients = new KafkaClients(bootstrap)
    await clients.createTopic(topic, partitions, { 'retention.ms': '-1' })
    await clients.createTopic(deadLettersOf(topic), 2, { 'retention.ms': '-1' })
    return await TopicWriter.open(bootstrap, topic)
  }

  /** A topic that is there. What a writer before has left open is aborted. */
  static async open(bootstrap: string, topic: string): Promise<TopicWriter> {
    // By the engine's own call: the package does not work any more when it is loaded twice.
    await loadZstd()
    addCodec(Codec.Snappy, compressSnappy)
    addCodec(Codec.LZ4, lz4Frame)
    addCodec(Codec.ZSTD, (bytes) => compressZstd(Buffer.from(bytes)))
    const clients = new KafkaClients(bootstrap)
    const open = (transactionalId?: string): Promise<Producer> =>
      clients.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        ...(transactionalId !== undefined && { transactionalId }),
      })
    const producers = await Promise.all([open(), open(`${topic}-commit`), open(`${topic}-abort`)])
    return new TopicWriter(topic, clients, producers)
  }

  /** One plain batch. */
  append(partition: number, records: readonly RawRecord[]): Promise<readonly number[]> {
    return this.#send(this.#plain, { partition, records }, Codec.None)
  }

  /** All records, in the order of their partitions, in whatever way chance has it. @returns them at their offsets */
  async write(log: readonly RawPartition[], random: Random): Promise<RawPartition[]> {
    const written = log.map(({ partition }) => ({ partition, records: [] as RawRecord[] }))
    const queues = log.map(({ partition, records }) => chunksOf(partition, records, random))
    const all = log.flatMap(({ partition, records }) => records.map((one) => ({ partition, one })))
    const note = (chunk: Chunk, offsets: readonly number[]): void => {
      const records = chunk.records.map((record, i) => ({ ...record, offset: offsets[i] ?? NaN }))
      written.find(({ partition }) => partition === chunk.partition)?.records.push(...records)
    }
    const ghostOf = (): Chunk => {
      const { partition } = all[random.below(all.length)] ?? { partition: 0 }
      const records = all.filter((one) => one.partition === partition).map(({ one }) => one)
      const from = random.below(records.length)
      return { partition, records: records.slice(from, from + 1 + random.below(CHUNK_MAX)) }
    }
    for (;;) {
      const left = queues.filter((queue) => queue.length > 0)
      if (left.length === 0) return written
      await this.#round(left, { random, note, ghostOf })
    }
  }

  /** A few chunks, some of them in a transaction, amid one that comes to nothing. */
  async #round(
    queues: readonly Chunk[][],
    {
      random,
      note,
      ghostOf,
    }: {
      readonly random: Random
      readonly note: (chunk: Chunk, offsets: readonly number[]) => void
      readonly ghostOf: () => Chunk
    },
  ): Promise<void> {
    const aborting = random.next() < 0.5 ? await this.#aborting.transaction() : undefined
    const committing = random.next() < 0.5 ? await this.#committing.transaction() : undefined
    const codec = (): CompressionTypes => CODECS[random.below(CODECS.length)] ?? CODECS[0]
    const sendGhost = async (): Promise<void> => {
      if (aborting === undefined) return
      const ghost = ghostOf()
      this.ghosts += ghost.records.length
      await this.#send(aborting, ghost, codec())
    }
    await sendGhost()
    for (let chunks = 1 + random.below(4); chunks > 0; chunks -= 1) {
      const chunk = queues[random.below(queues.length)]?.shift()
      if (chunk === undefined) continue
      const by = committing !== undefined && random.next() < 0.6 ? committing : this.#plain
      note(chunk, await this.#send(by, chunk, codec()))
      if (random.next() < 0.4) await sendGhost()
    }
    const ends = [() => aborting?.abort(), () => committing?.commit()]
    if (random.next() < 0.5) ends.reverse()
    for (const end of ends) await end()
  }

  async #send(
    by: Producer | Transaction,
    { partition, records }: Chunk,
    compression: CompressionTypes,
  ): Promise<readonly number[]> {
    const messages = records.map((record) => messageOf(record, partition))
    const sending: Sending = by
    const [answer] = await sending.send({ topic: this.topic, compression, messages })
    const base = Number(answer?.baseOffset ?? NaN)
    return records.map((_, i) => base + i)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients[Symbol.asyncDispose]()
  }
}

/** Name of the dead letters' topic. */
export function deadLettersOf(topic: string): string {
  return `${topic}-dead`
}

function chunksOf(partition: number, records: readonly RawRecord[], random: Random): Chunk[] {
  const chunks: Chunk[] = []
  for (let from = 0; from < records.length;) {
    const to = from + 1 + random.below(CHUNK_MAX)
    chunks.push({ partition, records: records.slice(from, to) })
    from = to
  }
  return chunks
}

function messageOf(record: RawRecord, partition: number): Message {
  const value = valueBytes(record)
  return {
    partition,
    key: record.key,
    value: value && Buffer.from(value),
    timestamp: String(record.timestamp),
    headers: { trace: `of ${partition}`, ...record.headers },
  }
}
