import type { IHeaders } from 'kafkajs'
import type { RecordHeader } from '../../../src/core/event.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import type { LogFixture } from '../../conformance/record-source.ts'
import { describeRecordSource, PARTITIONS } from '../../conformance/record-source.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients } from './kafka-topic.ts'

describeRecordSource('a Kafka topic', createFixture, { carriesAll: true, isRemote: true })

async function createFixture(): Promise<LogFixture> {
  const { bootstrap } = await sharedKafka()
  const clients = new KafkaClients(bootstrap)
  const topic = uniqueName('log')
  await clients.createTopic(topic, PARTITIONS, { 'message.timestamp.before.max.ms': LONG_MS })
  const producer = await clients.producer()
  const open = (): LogFixture['source'] =>
    createKafkaLog(kafkaLog(bootstrap, topic), { log: collectLog().log, clock })
  const opened = [open()]
  return {
    source: opened[0]!,
    async append(partition, records) {
      const messages = records.map(({ key = null, value, timestamp = 1, headers = [] }) => ({
        partition,
        key: key === null ? null : Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestamp: String(timestamp),
        headers: headersOf(headers),
      }))
      await producer.send({ topic, messages })
    },
    async remake() {
      const admin = await clients.admin()
      await admin.deleteTopics({ topics: [topic] })
      await clients.createTopic(topic, PARTITIONS)
      opened.push(open())
      return opened[1]!
    },
    async [Symbol.asyncDispose]() {
      for (const source of opened) await source[Symbol.asyncDispose]()
      await clients[Symbol.asyncDispose]()
    },
  }
}

const LONG_MS = '9223372036854775807'

/** Headers of one name are one entry for kafkajs. */
function headersOf(headers: readonly RecordHeader[]): IHeaders {
  const byKey: Record<string, Buffer[]> = {}
  for (const { key, value } of headers) (byKey[key] ??= []).push(value as Buffer)
  return byKey
}
