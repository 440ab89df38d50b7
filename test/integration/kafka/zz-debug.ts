import { startKafka } from '../../../servers/kafka.ts'
import { LeaseProbe, nowMs } from './lease-probe.ts'
import { kafkaLog, KafkaClients } from './kafka-topic.ts'
import { mkdtempSync } from 'node:fs'
const t0 = nowMs()
const say = (m: string) => console.log((nowMs() - t0).toFixed(0), m)
const mk = (name: string) => {
  const at = () => (fields: any, message: string) => { if (!/Metadata|Response/.test(message)) say(`${name} ${message.slice(0, 160)}`) }
  return { debug: at(), info: at(), warn: at(), error: at() }
}
const nodes = Number(process.argv[2] ?? 3) as 1 | 3
const kafka = await startKafka({ directory: mkdtempSync('/tmp/C/k'), nodes })
say('up')
const clients = new KafkaClients(kafka.bootstrap)
await clients.createTopic('t', 4)
const d = kafkaLog(kafka.bootstrap, 't', { group: 'g', sessionTimeoutMs: 20000 })
const a = await LeaseProbe.join(d, {}, { log: mk('a') })
await a.untilHolds(4)
const b = await LeaseProbe.join(d, {}, { log: mk('b') })
await Promise.all([a.untilHolds(2), b.untilHolds(2)])
say('two')
const admin = await clients.admin()
const md = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] })
const c = md.topics[0]!.partitions[0]!.leader
await kafka.node(c).kill()
say('killed ' + c)
const e = await LeaseProbe.join(d, {}, { log: mk('c') })
await e.until(({ held }) => held !== undefined, 40000)
say('third ' + JSON.stringify([a.events.length, b.events.length, e.events]))
if (nodes === 1) await kafka.node(1).start()
await a[Symbol.asyncDispose](); say('a gone')
await b[Symbol.asyncDispose]()
await e[Symbol.asyncDispose]()
await clients[Symbol.asyncDispose]()
await kafka.stop()
