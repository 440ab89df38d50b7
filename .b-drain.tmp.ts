import { Kafka, logLevel } from 'kafkajs'
import { createKafkaLog } from '/work/main/src/kafka/kafka-log.ts'
import { systemClock as clock } from '/work/main/src/cli/system-clock.ts'
const bootstrap = process.argv[2]!, topic = 'bench', N = 2_000_000
const k = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
const log = { debug() {}, info: console.log, warn: console.log, error: console.log }
async function ours() {
  const cpu = process.cpuUsage(); const t = performance.now()
  await using source = createKafkaLog({ kind: 'kafka', brokers: [bootstrap], topic, start: 'earliest', group: 'g', sessionTimeoutMs: 1000, trustProducerClock: false }, { log, clock })
  let count = 0, batches = 0, bytes = 0
  await Promise.all([0, 1, 2, 3].map(async (p) => {
    await using r = await source.open(p, 0)
    const end = await r.endOffset(); let pos = 0
    while (pos < end) { const b = await r.read(2 * 1024 * 1024); if (b) { pos = b.nextOffset; count += b.count; batches++ ; bytes += b.bytes.length} }
  }))
  const s = (performance.now() - t) / 1000, c = process.cpuUsage(cpu)
  console.log('ours', count, batches, 'batches', (count / s / 1e6).toFixed(2), 'M/s', s.toFixed(2), 's; cpu', ((c.user + c.system) / 1e6).toFixed(2), 's; rss', (process.memoryUsage.rss() / 1e6).toFixed(0))
}
async function theirs() {
  const cpu = process.cpuUsage(); const t = performance.now()
  const c = k.consumer({ groupId: 'x' + Math.random() }); await c.connect(); await c.subscribe({ topic, fromBeginning: true })
  let count = 0, first = 0, cpu0 = cpu
  await new Promise<void>((res) => { void c.run({ autoCommit: false, eachBatch: async ({ batch }) => { if (!first) { first = performance.now(); cpu0 = process.cpuUsage() } count += batch.messages.length; if (count >= N) res() } }) })
  const s = (performance.now() - first) / 1000, u = process.cpuUsage(cpu0)
  console.log('kafkajs eachBatch', count, (count / s / 1e6).toFixed(2), 'M/s', s.toFixed(2), 's; cpu', ((u.user + u.system) / 1e6).toFixed(2), 's; rss', (process.memoryUsage.rss() / 1e6).toFixed(0))
  await c.disconnect()
}
const [o, t] = [Number(process.argv[3] ?? 4), Number(process.argv[4] ?? 0)]
for (let i = 0; i < o; i++) await ours()
for (let i = 0; i < t; i++) await theirs()
process.exit(0)
