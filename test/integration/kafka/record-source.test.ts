import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import type { LogFixture } from '../../conformance/record-source.ts'
import { describeRecordSource, PARTITIONS } from '../../conformance/record-source.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { clock, collectLog, kafkaLog, KafkaClients } from './kafka-topic.ts'
import { RawProducer } from './raw-producer.ts'

describeRecordSource('a Kafka topic', createFixture, { carriesAll: true, isRemote: true })

const BATCH_RECORDS = 7

async function createFixture(): Promise<LogFixture> {
  const { bootstrap } = await sharedKafka()
  const clients = new KafkaClients(bootstrap)
  const topic = uniqueName('log')
  await clients.createTopic(topic, PARTITIONS)
  const producer = new RawProducer(bootstrap, topic)
  const open = (): LogFixture['source'] =>
    createKafkaLog(kafkaLog(bootstrap, topic), { log: collectLog().log, clock })
  const opened = [open()]
  return {
    source: opened[0]!,
    async append(partition, records) {
      for (let at = 0; at < records.length; at += BATCH_RECORDS)
        await producer.send(partition, records.slice(at, at + BATCH_RECORDS))
    },
    async remake() {
      const admin = await clients.admin()
      await admin.deleteTopics({ topics: [topic] })
      await clients.createTopic(topic, PARTITIONS)
      const remade = open()
      opened.push(remade)
      return remade
    },
    async [Symbol.asyncDispose]() {
      for (const source of opened) await source[Symbol.asyncDispose]()
      await producer[Symbol.asyncDispose]()
      await clients[Symbol.asyncDispose]()
    },
  }
}
