/** Appends to a topic in plain batches, as most producers do. */
import type { Producer } from 'kafkajs'
import { valueBytes, type RawRecord } from '../../support/raw-record.ts'
import type { LogAppender } from '../engine/paced-log.ts'
import type { KafkaClients } from '../kafka/kafka-topic.ts'

export class PlainAppender implements LogAppender {
  readonly #producer: Producer
  readonly #topic: string
  /** One after the other: while a client asks for a new topic's leaders, a second call would give up. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(producer: Producer, topic: string) {
    this.#producer = producer
    this.#topic = topic
  }

  static async open(clients: KafkaClients, topic: string): Promise<PlainAppender> {
    return new PlainAppender(await clients.producer({ idempotent: true }), topic)
  }

  append(partition: number, records: readonly RawRecord[]): Promise<readonly number[]> {
    const sent = this.#last.then(() => this.#send(partition, records))
    this.#last = sent.catch(() => undefined)
    return sent
  }

  async #send(partition: number, records: readonly RawRecord[]): Promise<readonly number[]> {
    const messages = records.map((record) => {
      const value = valueBytes(record)
      const { key, timestamp } = record
      return { partition, key, value: value && Buffer.from(value), timestamp: String(timestamp) }
    })
    const [answer] = await this.#producer.send({ topic: this.#topic, messages })
    return records.map((_, i) => Number(answer?.baseOffset ?? NaN) + i)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#producer.disconnect()
  }
}
