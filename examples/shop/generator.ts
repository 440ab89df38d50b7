/**
 * Events of a made-up shop, without end: to a topic that is made where it is missing and that begins with a month of
 * history. As in life some events come late, some twice, and a few cannot be used.
 *
 *     npx tsx examples/shop/generator.ts [--brokers HOST:PORT,...] [--topic shop.events] [--rate 20] [--users 60] [--history 30]
 *
 * A broker that is away is waited for: what was to be sent meanwhile is sent later.
 */
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kafka, Partitioners, logLevel } from 'kafkajs'
import type { Message, Producer } from 'kafkajs'

const PARTITIONS = 4
const ITEMS = 200
const HISTORY_PER_DAY = 500
const BATCH = 1_000
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const RETRY_MS = 1_000
const TICK_MS = 200
/** Longer than the longest window and the lateness, so that a state that is lost can be built anew. */
const RETENTION_MS = 40 * DAY_MS

const { values } = parseArgs({
  options: {
    brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '127.0.0.1:19092' },
    topic: { type: 'string', default: 'shop.events' },
    rate: { type: 'string', default: '20' },
    users: { type: 'string', default: '60' },
    history: { type: 'string', default: '30' },
  },
})
const { topic } = values
const rate = positive('rate', values.rate)
const users = positive('users', values.users)
const historyDays = Number(values.history)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop.abort())

const kafka = new Kafka({
  brokers: values.brokers.split(','),
  clientId: 'shop-generator',
  logLevel: logLevel.NOTHING,
})
await run()

function positive(name: string, text: string): number {
  const number = Number(text)
  if (number > 0) return number
  throw new Error(`--${name} takes a number above 0, not ${text}`)
}

async function run(): Promise<void> {
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  try {
    await untilDone('the brokers to answer', () => producer.connect())
    const isNew = await untilDone('the topic', makeTopic)
    if (isNew && historyDays > 0) await sendHistory(producer)
    say(`${rate} events/s to ${topic}`)
    await sendForEver(producer)
  } catch (error) {
    // An aborted wait is how this program ends.
    if (!stop.signal.aborted) throw error
  } finally {
    await producer.disconnect()
  }
}

/** @returns whether it was missing */
async function makeTopic(): Promise<boolean> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const configEntries = [{ name: 'retention.ms', value: String(RETENTION_MS) }]
    return await admin.createTopics({
      topics: [{ topic, numPartitions: PARTITIONS, configEntries }],
    })
  } finally {
    await admin.disconnect()
  }
}

async function sendHistory(producer: Producer): Promise<void> {
  const nowMs = Date.now()
  const stepMs = DAY_MS / HISTORY_PER_DAY
  const messages: Message[] = []
  for (let sentMs = nowMs - historyDays * DAY_MS; sentMs < nowMs; sentMs += stepMs) {
    messages.push(...randomMessages(sentMs))
  }
  say(`${messages.length} events of the last ${historyDays} days`)
  for (let from = 0; from < messages.length; from += BATCH) {
    await send(producer, messages.slice(from, from + BATCH))
  }
}

async function sendForEver(producer: Producer): Promise<void> {
  let owed = 0
  let lastMs = performance.now()
  while (!stop.signal.aborted) {
    const nowMs = performance.now()
    owed = Math.min(owed + ((nowMs - lastMs) * rate) / SECOND_MS, rate * MINUTE_MS)
    lastMs = nowMs
    const count = Math.min(Math.floor(owed), BATCH)
    owed -= count
    const messages = Array.from({ length: count }, () => randomMessages(Date.now())).flat()
    if (messages.length > 0) await send(producer, messages)
    if (owed < BATCH) await sleep(TICK_MS, undefined, { signal: stop.signal })
  }
}

async function send(producer: Producer, messages: Message[]): Promise<void> {
  await untilDone('the brokers to take events', () => producer.send({ topic, messages }))
}

async function untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    stop.signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      say(`waiting for ${what}: ${error instanceof Error ? error.message : String(error)}`)
      await sleep(RETRY_MS, undefined, { signal: stop.signal })
    }
  }
}

/** One event, now and then twice, as a producer sends it at `sentMs`. */
function randomMessages(sentMs: number): Message[] {
  const message = randomMessage(sentMs)
  return chance(200) ? [message, message] : [message]
}

function randomMessage(sentMs: number): Message {
  // The square favours low numbers: some users and items are busier than others.
  const user = `u${String(below(users, 2)).padStart(2, '0')}`
  const kind = below(100)
  const type = kind < 70 ? 'view' : kind < 95 ? 'click' : 'purchase'
  const event = {
    event_id: randomUUID(),
    user_id: user,
    item_id: 1 + below(ITEMS, 2),
    event_type: type,
    ...(type === 'purchase' && { amount: `${1 + below(150)}.${10 + below(90)}` }),
    event_ms: Math.floor(sentMs - delayMs()),
  }
  // Money as digits: a JSON number that passes through a double may lose cents.
  const text = JSON.stringify(event).replace(/"amount":"([\d.]+)"/, '"amount":$1')
  const value = chance(2_000) ? text.slice(0, -20) : text
  return { key: user, value, timestamp: String(Math.floor(sentMs)) }
}

/** Most events come within seconds, some hours later, very few too late to be counted. */
function delayMs(): number {
  if (chance(2_000)) return 60 * HOUR_MS
  return chance(50) ? below(9 * HOUR_MS) : below(20 * SECOND_MS)
}

function chance(oneIn: number): boolean {
  return below(oneIn) === 0
}

/** A whole number in [0, limit); a higher power favours low ones. */
function below(limit: number, power = 1): number {
  return Math.floor(Math.random() ** power * limit)
}

function say(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`)
}
