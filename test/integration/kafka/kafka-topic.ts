/** Topics on a real broker, and clients beside the one under test: what tests produce, delete and move goes through kafkajs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Admin, KafkaConfig, Producer, ProducerConfig, ITopicConfig } from 'kafkajs'
import type { KafkaLog } from '../../../src/core/definition.ts'
import { systemClock } from '../../../src/cli/system-clock.ts'
import type { RecordBatch } from '../../../src/core/event.ts'
import type { Clock, Log, PartitionReader } from '../../../src/engine/ports.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import type { KafkaLogParts, KafkaSource } from '../../../src/kafka/kafka-log.ts'
import { stopIdleTimers } from '../../../src/kafka/kafkajs-idle-timer.ts'
import { recordsOfAll } from '../../conformance/record-source.ts'
import { uniqueName } from '../../support/servers.ts'

const LED_WITHIN_MS = 20_000
const LED_LOOK_MS = 20

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
  return {
    lines,
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
  }
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
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
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
      // A busy broker makes kafkajs give up: it asks before the broker itself knows of the topic.
      waitForLeaders: false,
    })
    await untilLed(admin, topic, partitions)
  }

  /** Partition 0 begins at `offset` from now on; -1: at its end. */
  async deleteRecords(topic: string, offset: number): Promise<void> {
    const admin = await this.admin()
    // Else its client does not know the topic.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: 0, offset: String(offset) }],
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opened.map((client) => client.disconnect()))
  }
}

async function untilLed(admin: Admin, topic: string, partitions: number): Promise<void> {
  const deadlineMs = performance.now() + LED_WITHIN_MS
  for (;;) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => {
      return { topics: [] }
    })
    const led = topics.flatMap((one) => one.partitions.filter(({ leader }) => leader >= 0))
    if (led.length >= partitions && (await answers(admin, topic))) return
    if (performance.now() > deadlineMs) throw new Error(`${topic} has no leaders`)
    await sleep(LED_LOOK_MS)
  }
}

/** The leaders know that they lead: before, a request for several partitions is repeated for all of them. */
async function answers(admin: Admin, topic: string): Promise<boolean> {
  return admin.fetchTopicOffsets(topic).then(
    () => true,
    () => false,
  )
}

/** A topic of its own for one test, a source that reads it, and what that source logged. */
export interface TopicRig extends AsyncDisposable {
  readonly topic: string
  readonly clients: KafkaClients
  readonly lines: readonly LoggedLine[]
  readonly source: KafkaSource
}

export async function createTopicRig(
  bootstrap: string,
  options: {
    readonly partitions?: number
    readonly config?: Readonly<Record<string, string>>
    readonly definition?: Partial<KafkaLog>
    readonly parts?: Partial<KafkaLogParts>
  } = {},
): Promise<TopicRig> {
  const topic = uniqueName('topic')
  const clients = new KafkaClients(bootstrap)
  await clients.createTopic(topic, options.partitions ?? 1, options.config)
  const { log, lines } = collectLog()
  const definition = kafkaLog(bootstrap, topic, options.definition)
  const source = createKafkaLog(definition, { log, clock, ...options.parts })
  return {
    topic,
    clients,
    lines,
    source,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]()
      await clients[Symbol.asyncDispose]()
    },
  }
}

export function valuesOf(batches: readonly RecordBatch[]): (string | null)[] {
  return recordsOfAll(batches).map(({ value }) => value)
}

/** `a-0`, `a-1` ... */
export function numbered(prefix: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}-${from + at}`)
}

/** Until `count` records have come; batches without records are passed over. */
export async function readCount(reader: PartitionReader, count: number): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  for (let left = count; left > 0;) {
    const batch = await reader.read(1_000_000)
    if (batch === undefined) continue
    left -= batch.count
    batches.push(batch)
  }
  return batches
}
