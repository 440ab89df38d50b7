/** Metrics and health of a run on real Kafka and Redis, while the brokers go away and come back. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { expect, test } from 'vitest'
import { startKafka } from '../../servers/kafka.ts'
import { CliDirectory } from '../support/cli-process.ts'
import { ServerDirectory, sharedRedis } from '../support/servers.ts'

function pipeline(brokers: string, redis: string): string {
  return `
name: shop
source:
  kafka: { brokers: "${brokers}", topic: clicks, sessionTimeout: 10s }
  format: json
  key: user_id
  fields: { user_id: string }
  event: { time: { field: at, format: ms } }
views:
  activity: { entity: user_id, windows: [1d], features: { n: { count: '*' } } }
sinks: { online: { redis: "${redis}" } }
http: 127.0.0.1:0
`
}

async function produce(brokers: string, records: number): Promise<void> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'clicks', numPartitions: 2 }] })
  await admin.disconnect()
  const producer = kafka.producer()
  await producer.connect()
  const messages = Array.from({ length: records }, (_, i) => {
    const user = `u${i % 7}`
    return { key: user, value: JSON.stringify({ user_id: user, at: Date.now() }) }
  })
  await producer.send({ topic: 'clicks', messages })
  await producer.disconnect()
}

test('brokers that go away are told by /readyz and the metrics, not by /healthz; all is well once they are back', async () => {
  using directory = new ServerDirectory()
  await using kafka = await startKafka({ directory: directory.path })
  await produce(kafka.bootstrap, 100)
  const { url: redis } = await sharedRedis()
  using shop = new CliDirectory()
  mkdirSync(shop.path('state'))
  writeFileSync(shop.path('pipeline.yaml'), pipeline(kafka.bootstrap, redis))
  const run = shop.start(['run'])
  try {
    const said = await run.says('at the end of the log')
    const url = /metrics and health at (http:[^"\s]+)/.exec(said)?.[1] ?? ''
    const health = async (page: string): Promise<{ ok: boolean; reasons: string[] }> =>
      (await (await fetch(`${url}/${page}`)).json()) as { ok: boolean; reasons: string[] }
    const readyIs = async (ok: boolean): Promise<string[]> => {
      for (;;) {
        const now = await health('readyz')
        if (now.ok === ok) return now.reasons
        await setTimeout(100)
      }
    }
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text()

    await readyIs(true)
    expect(await metrics()).toMatch(/^tidemark_lease\{.*state="held"\} 1$/m)
    expect(await metrics()).toMatch(/^tidemark_online_evicted_keys_total\{.*\} 0$/m)
    expect(await metrics()).toMatch(/^tidemark_source_reachable\{.*\} 1$/m)

    // The record is read from the topic, beside the run.
    expect((await shop.run('explain', 'watermark')).stdout).toMatch(
      /held by clicks\[\d\]@\d+\n {2}record: event time \S+Z, record timestamp \S+Z, key u\d\n/,
    )

    await kafka.node(1).kill()
    const reasons = await readyIs(false)
    expect(reasons.join('; ')).toMatch(/clicks: Kafka does not answer: |no partitions are assigned/)
    expect(await health('healthz')).toEqual({ ok: true, reasons: [] })
    while (!/^tidemark_source_reachable\{.*\} 0$/m.test(await metrics())) await setTimeout(100)

    await kafka.node(1).start()
    await readyIs(true)
    expect(await metrics()).toMatch(/^tidemark_source_reachable\{.*\} 1$/m)
  } finally {
    run.child.kill('SIGTERM')
    const { code, stderr } = await run.ended
    expect([code, stderr]).toEqual([0, expect.any(String)])
  }
})
