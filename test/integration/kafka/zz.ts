import { mkdtempSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startKafka } from '../../../servers/kafka.ts'
import { LeaseProbe, nowMs } from './lease-probe.ts'
import { kafkaLog, KafkaClients } from './kafka-topic.ts'
const kafka = await startKafka({ directory: mkdtempSync('/tmp/C/k'), nodes: 1, proxied: true })
const clients = new KafkaClients(kafka.bootstrap)
let state = Number(process.argv[2] ?? 7)
const random = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 2 ** 32 }
await clients.createTopic('t', 12)
const d = kafkaLog(kafka.proxied.bootstrap, 't', { group: 'g', sessionTimeoutMs: 8000 })
const all: LeaseProbe[] = [], present: LeaseProbe[] = []
const leaves: number[] = []
for (let step = 0; step < 150; step++) {
  const r = random()
  if (r < 0.1) { kafka.proxied.proxy(1).cut() }
  else if (present.length < 2 || (r < 0.55 && present.length < 7)) {
    const p = await LeaseProbe.join(d); all.push(p); present.push(p)
  } else {
    const [gone] = present.splice(Math.floor(random() * present.length), 1)
    const t = nowMs(); await gone?.[Symbol.asyncDispose](); leaves.push(nowMs() - t)
  }
  await sleep(random() < 0.5 ? random() * 20 : random() * 500)
}
await sleep(2500)
const held = present.flatMap((p) => p.held ?? []).sort((a, b) => a - b)
console.log('held', held.length, new Set(held).size, present.map((p) => p.held?.length))
let bad = 0, rounds = 0
for (const p of all) for (const [i, e] of p.events.entries()) {
  const b = p.events[i - 1]; rounds++
  if (e.kind !== 'assigned' || b?.kind !== 'assigned') continue
  const kept = e.partitions.filter((x) => b.partitions.includes(x))
  for (const o of all) if (o !== p) for (const g of o.events) if (g.kind === 'assigned' && g.atMs > b.atMs && g.atMs < e.atMs) bad += g.partitions.filter((x) => kept.includes(x)).length
}
console.log('events', rounds, 'intrusions', bad, 'lost', all.flatMap((p) => p.kinds).filter((k) => k === 'lost').length, 'failed', all.flatMap((p) => p.kinds).filter((k) => k === 'failed').length)
console.log([...new Set(all.flatMap((p) => p.warnings))])
leaves.sort((a, b) => a - b); console.log('leave ms p50', leaves[leaves.length >> 1], 'max', leaves.at(-1))
for (const p of present.splice(1)) await p[Symbol.asyncDispose]()
await sleep(1500)
const before = process.cpuUsage(); const t0 = nowMs()
await sleep(20000)
const used = process.cpuUsage(before)
console.log('idle lease: cpu ms/s', ((used.user + used.system) / 1000 / ((nowMs() - t0) / 1000)).toFixed(2))
// baseline
await present[0]![Symbol.asyncDispose]()
await sleep(3000)
const b2 = process.cpuUsage(); const t2 = nowMs(); await sleep(5000); const u2 = process.cpuUsage(b2)
console.log('no lease: cpu ms/s', ((u2.user + u2.system) / 1000 / ((nowMs() - t2) / 1000)).toFixed(2))
await clients[Symbol.asyncDispose](); await kafka.stop(); process.exit(0)
