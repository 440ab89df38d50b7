/** The events that `tidemark init` would write as files, in a topic: keyed by user, put into partitions as Java's client does. */
import { Partitioners } from 'kafkajs'
import { DAY_MS } from '../../src/core/day.ts'
import { sampleEvents } from '../../src/definition/sample-events.ts'
import type { KafkaClients } from '../integration/kafka/kafka-topic.ts'

export interface SampleTopicOptions {
  readonly partitions?: number
  readonly settings?: Readonly<Record<string, string>>
}

/** Longer than the template's longest window and its lateness. */
const RETENTION_MS = 40 * DAY_MS

export interface SampleEvent {
  readonly user_id: string
  readonly received_ms: number
}

export async function fillSampleTopic(
  clients: KafkaClients,
  topic: string,
  { partitions = 2, settings = {} }: SampleTopicOptions = {},
): Promise<void> {
  await clients.createTopic(topic, partitions, {
    'retention.ms': String(RETENTION_MS),
    ...settings,
  })
  const nowMs = Date.now()
  const [lines = []] = sampleEvents(Math.floor(nowMs / DAY_MS) - 1, 1)
  const messages = lines.map((value) => {
    const { user_id: key, received_ms: receivedMs } = JSON.parse(value) as SampleEvent
    // Made-up arrivals may lie ahead of the clock, which brokers bound.
    return { key, value, timestamp: String(Math.min(receivedMs, nowMs)) }
  })
  const producer = await clients.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.send({ topic, messages })
}
