/** Topics on a real broker, and clients beside the one under test: what tests produce, delete and move goes through kafkajs. */
import { Kafka, logLevel } from 'kafkajs'
import type { Admin, KafkaConfig, Producer, ProducerConfig, ITopicConfig } from 'kafkajs'
import type { KafkaLog } from '../../../src/core/definition.ts'
import type { Clock, Log } from '../../../src/engine/ports.ts'
import { systemClock } from '../../../src/cli/system-clock.ts'
import { stopIdleTimers } from '../../../src/kafka/kafkajs-idle-timer.ts'

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

/** A log whose lines can be looked at. */
export function collectLog(): { readonly log: Log; readonly lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  const at =
    (level: LoggedLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message })
    }
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}

export const clock: Clock = systemClock

export function kafkaLog(bootstrap: string, topic: string, more: Partial<KafkaLog> = {}): KafkaLog {
  return {
    kind: 'kafka',
    brokers: bootstrap.split(','),
    topic,
    start: 'earliest',
    group: topic,
    sessionTimeoutMs: 6_000,
    trustProducerClock: false,
    ...more,
  }
}

/** Clients of one broker list; all are disconnected at the end of the block. */
export class KafkaClients implements AsyncDisposable {
  readonly #kafka: Kafka
  readonly #opened: { disconnect(): Promise<void> }[] = []

  constructor(bootstrap: string, options: Partial<KafkaConfig> = {}) {
    stopIdleTimers()
    this.#kafka = new Kafka({
      brokers: bootstrap.split(','),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, retries: 60, multiplier: 1.2, maxRetryTime: 500 },
      ...options,
    })
  }

  async admin(): Promise<Admin> {
    const admin = this.#kafka.admin()
    await admin.connect()
    this.#opened.push(admin)
    return admin
  }

  async producer(options: ProducerConfig = {}): Promise<Producer> {
    const producer = this.#kafka.producer({
      createPartitioner: () => () => 0,
      allowAutoTopicCreation: false,
      ...options,
    })
    await producer.connect()
    this.#opened.push(producer)
    return producer
  }

  async createTopic(
    topic: string,
    partitions: number,
    config: Readonly<Record<string, string>> = {},
    more: Partial<ITopicConfig> = {},
  ): Promise<void> {
    const admin = await this.admin()
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, configEntries, ...more }],
      waitForLeaders: true,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opened.map((client) => client.disconnect()))
  }
}
