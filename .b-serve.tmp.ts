import { startKafka } from '/work/main/servers/kafka.ts'
import { Kafka, logLevel } from 'kafkajs'
import { createKafkaLog } from '/work/main/src/kafka/kafka-log.ts'
import { systemClock as clock } from '/work/main/src/cli/system-clock.ts'
import { mkdirSync } from 'node:fs'
mkdirSync('/tmp/B/bench', { recursive: true })
await using kafka = await startKafka({ directory: '/tmp/B/bench' })
const bootstrap = kafka.bootstrap
const topic = 'bench'
const k = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
const admin = k.admin(); await admin.connect()
await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] })
const N = 2_000_000
const producer = k.producer({ createPartitioner: () => () => 0 }); await producer.connect()
const t0 = Date.now()
for (let at = 0; at < N; at += 1000) {
  const messages = Array.from({ length: 1000 }, (_, i) => {
    const n = at + i
    const v = JSON.stringify({ event_id: String(n).padStart(9, '0'), user_id: n % 10007, item_id: n % 997, event_ts: 1700000000000 + n, event_type: 'view', amount: 12.5 })
    return { key: String(n % 10007), value: v.padEnd(116, ' '), partition: (at / 1000) % 4 }
  })
  await producer.send({ topic, messages, acks: 1 })
}
console.log('produced', N, (Date.now() - t0) / 1000, 's')
await producer.disconnect(); await admin.disconnect()
console.log('READY', bootstrap); setInterval(() => {}, 1000); await new Promise(() => {})
