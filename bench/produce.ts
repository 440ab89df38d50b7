/**
 * The workload into a topic, from a process of its own, so that what producing costs is not measured.
 *
 *     tsx bench/produce.ts BROKERS TOPIC EVENTS              as fast as it goes, with the times of the workload
 *     tsx bench/produce.ts BROKERS TOPIC EVENTS RATE         RATE events a second, of now; prints a line when it begins
 */
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Message } from 'kafkajs'
import { encodeJson, partitionOf, workload } from './workload.ts'

const RECORDS_PER_SEND = 5_000
const SEND_EVERY_MS = 20

const [brokers = '', topic = '', events = '', rate] = process.argv.slice(2)
const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
const producer = kafka.producer({ allowAutoTopicCreation: false, maxInFlightRequests: 2 })
await producer.connect()
if (rate === undefined) await produceAll()
else await producePaced(Number(rate))
await producer.disconnect()

async function produceAll(): Promise<void> {
  let messages: Message[] = []
  for (const event of workload(Number(events))) {
    const user = `u${event.user}`
    messages.push({
      key: user,
      value: encodeJson(event),
      partition: partitionOf(user),
      timestamp: String(event.writtenMs),
    })
    if (messages.length < RECORDS_PER_SEND) continue
    await producer.send({ topic, messages })
    messages = []
  }
  if (messages.length > 0) await producer.send({ topic, messages })
}

async function producePaced(perSecond: number): Promise<void> {
  const startMs = Date.now()
  process.stdout.write(`${startMs}\n`)
  let sent = 0
  let messages: Message[] = []
  for (const event of workload(Number(events))) {
    const user = `u${event.user}`
    const now = Date.now()
    messages.push({
      key: user,
      value: encodeJson({ ...event, timeMs: now }),
      partition: partitionOf(user),
      timestamp: String(now),
    })
    if (sent + messages.length < ((Date.now() - startMs) / 1_000) * perSecond) continue
    await producer.send({ topic, messages })
    sent += messages.length
    messages = []
    const aheadMs = (sent / perSecond) * 1_000 - (Date.now() - startMs)
    await sleep(Math.max(SEND_EVERY_MS, aheadMs))
  }
  if (messages.length > 0) await producer.send({ topic, messages })
}
