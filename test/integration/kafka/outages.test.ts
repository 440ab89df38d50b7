/** Brokers that die, hang, come back or hand over while they are read: nothing is lost, nothing comes twice, one line each way. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startKafka } from '../../../servers/kafka.ts'
import type { KafkaServer } from '../../../servers/kafka.ts'
import type { PartitionReader } from '../../../src/engine/ports.ts'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { readToEnd } from '../../conformance/record-source.ts'
import { ServerDirectory } from '../../support/servers.ts'
import {
  clock,
  collectLog,
  createTopicRig,
  kafkaLog,
  numbered,
  readCount,
  valuesOf,
} from './kafka-topic.ts'
import type { LoggedLine, TopicRig } from './kafka-topic.ts'

const directory = new ServerDirectory()
let kafka: KafkaServer
beforeAll(async () => {
  kafka = await startKafka({ directory: directory.path, proxied: true, settings: COMPACTS_SOON })
})
afterAll(async () => {
  await kafka.stop()
  directory[Symbol.dispose]()
})

const COMPACTS_SOON = {
  'log.cleaner.backoff.ms': '100',
}
const QUICK = { silenceMs: 700 }

test('a broker that is killed and started again is read on from where it was, with one line each way', async () => {
  await using rig = await createTopicRig(kafka.bootstrap, { parts: QUICK })
  await write(rig, 'before', 50)
  await using reader = await rig.source.open(0, 0)
  expect(valuesOf(await readCount(reader, 50))).toEqual(numbered('before', 50))
  await kafka.node(1).kill()
  await untilUnreachable(rig, reader)
  expect(reader.lag(30)).toBe(20)
  expect(rig.source.reachability).toMatchObject({ reachable: false, reason: /127\.0\.0\.1/ })
  await kafka.node(1).start()
  await write(rig, 'after', 50)
  expect(valuesOf(await readCount(reader, 50))).toEqual(numbered('after', 50))
  expect(reader.lag(100)).toBe(0)
  await untilReachable(rig, reader)
  expect(told(rig.lines)).toEqual(['warn', 'info'])
})

test('a broker that hangs is noticed, and read on when it wakes up', async () => {
  await using rig = await createTopicRig(kafka.bootstrap, { parts: QUICK })
  await write(rig, 'before', 10)
  await using reader = await rig.source.open(0, 0)
  await readCount(reader, 10)
  kafka.node(1).pause()
  try {
    await untilUnreachable(rig, reader)
  } finally {
    kafka.node(1).resume()
  }
  await write(rig, 'after', 10)
  expect(valuesOf(await readCount(reader, 10))).toEqual(numbered('after', 10))
  await untilReachable(rig, reader)
  expect(told(rig.lines)).toEqual(['warn', 'info'])
})

test('connections that are cut or lose their bytes are made again, and no record is missing or comes twice', async () => {
  const { bootstrap, proxy } = kafka.proxied
  await using rig = await createTopicRig(kafka.bootstrap)
  const definition = kafkaLog(bootstrap, rig.topic)
  await using source = createKafkaLog(definition, { log: collectLog().log, clock, ...QUICK })
  await using reader = await source.open(0, 0)
  const values: (string | null)[] = []
  for (const [round, harm] of [
    () => proxy(1).cut(),
    () => proxy(1).lose('answers'),
    () => proxy(1).cutAfterAnswered(5_000),
    () => proxy(1).lose('requests'),
  ].entries()) {
    harm()
    await write(rig, `round${round}`, 100)
    const reading = readCount(reader, 100)
    await new Promise((resolve) => setTimeout(resolve, round % 2 === 1 ? 1_000 : 100))
    proxy(1).heal()
    values.push(...valuesOf(await reading))
  }
  expect(values).toEqual([0, 1, 2, 3].flatMap((round) => numbered(`round${round}`, 100)))
})

test('an answer may be cut anywhere, again and again, and the log is still read once and in order', async () => {
  const { bootstrap, proxy } = kafka.proxied
  await using rig = await createTopicRig(kafka.bootstrap)
  const producer = await rig.clients.producer()
  const padding = 'x'.repeat(10_000)
  for (let batch = 0; batch < 40; batch++) {
    const values = numbered('v', 10, batch * 10).map((value) => ({ value: `${value} ${padding}` }))
    await producer.send({ topic: rig.topic, messages: values })
  }
  const definition = kafkaLog(bootstrap, rig.topic)
  await using source = createKafkaLog(definition, { log: collectLog().log, clock, ...QUICK })
  await using reader = await source.open(0, 0)
  const values: (string | null)[] = []
  for (const cut of [1, 7, 100, 5_000, 99_000, 100_300, 1_000_000, 1_050_000]) {
    proxy(1).cutAfterAnswered(cut)
    for (let reads = 0; reads < 3; reads++) {
      const batch = await reader.read(1)
      if (batch !== undefined) values.push(...valuesOf([batch]))
    }
    proxy(1).heal()
  }
  values.push(...valuesOf(await readCount(reader, 400 - values.length)))
  expect(values.map((value) => value?.split(' ')[0])).toEqual(numbered('v', 400))
})

test('a source that cannot reach its brokers ends at once when it is disposed of', async () => {
  const { log } = collectLog()
  const source = createKafkaLog(kafkaLog('127.0.0.1:1', 'clicks'), { log, clock })
  const asked = source.topology().catch((error: unknown) => error)
  const startMs = performance.now()
  await source[Symbol.asyncDispose]()
  expect(await asked).toMatchObject({ code: 'SOURCE_UNREADABLE' })
  expect(performance.now() - startMs).toBeLessThan(1_000)
})

test('a start without brokers ends in bounded time and says what to check', async () => {
  const { log } = collectLog()
  await using source = createKafkaLog(kafkaLog('127.0.0.1:1,127.0.0.1:2', 'clicks'), {
    log,
    clock,
    patienceMs: 500,
  })
  await expect(source.topology()).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
  await expect(source.topology()).rejects.toThrow(
    /^Kafka at 127\.0\.0\.1:1, 127\.0\.0\.1:2 cannot be reached\. 127\.0\.0\.1:[12]: nothing listens there \(ECONNREFUSED\).*Check source\.kafka\.brokers/,
  )
})

test('a topic that does not exist is named, with the command that makes it', async () => {
  const { log } = collectLog()
  await using source = createKafkaLog(kafkaLog(kafka.bootstrap, 'no-such-topic'), { log, clock })
  await expect(source.topology()).rejects.toThrow(
    /no-such-topic does not exist.*kafka-topics\.sh.*\[SOURCE_UNREADABLE\]/s,
  )
})

test('offsets that compaction removed are passed over', async () => {
  await using rig = await createTopicRig(kafka.bootstrap, {
    config: {
      'cleanup.policy': 'compact',
      'min.cleanable.dirty.ratio': '0.001',
      'segment.ms': '100',
    },
  })
  const { topic, clients, source } = rig
  const producer = await clients.producer()
  const send = (key: string, value: string): Promise<unknown> =>
    producer.send({ topic, messages: [{ key, value }] })
  await send('kept', 'kept')
  for (const value of numbered('old', 20)) await send('replaced', value)
  const readFrom = async (offset: number): Promise<(string | null)[]> => {
    // The cleaner takes what lies before the newest segment, which a later record begins.
    await send('replaced', 'new')
    await using reader = await source.open(0, offset)
    return valuesOf(await readToEnd(reader, 1_000_000, offset)).filter((value) => value !== 'new')
  }
  await expect.poll(() => readFrom(0), { timeout: 20_000, interval: 200 }).toEqual(['kept'])
  expect(await readFrom(5)).toEqual([])
})

test('a leader that dies hands over to another broker, and every acknowledged record is read once', async () => {
  using place = new ServerDirectory()
  await using three = await startKafka({ directory: place.path, nodes: 3 })
  await using rig = await createTopicRig(three.bootstrap, { parts: QUICK })
  await write(rig, 'before', 50)
  await using reader = await rig.source.open(0, 0)
  await readCount(reader, 50)
  const admin = await rig.clients.admin()
  const { topics } = await admin.fetchTopicMetadata({ topics: [rig.topic] })
  await three.node(topics[0]?.partitions[0]?.leader ?? 0).kill()
  await write(rig, 'after', 50)
  expect(valuesOf(await readCount(reader, 50))).toEqual(numbered('after', 50))
  expect(await reader.endOffset()).toBe(100)
  await untilReachable(rig, reader)
})

async function write({ clients, topic }: TopicRig, prefix: string, count: number): Promise<void> {
  const producer = await clients.producer()
  await producer.send({ topic, messages: numbered(prefix, count).map((value) => ({ value })) })
}

async function untilUnreachable({ source }: TopicRig, reader: PartitionReader): Promise<void> {
  while (source.reachability.reachable) expect(await reader.read(1_000)).toBeUndefined()
}

async function untilReachable({ source }: TopicRig, reader: PartitionReader): Promise<void> {
  while (!source.reachability.reachable) await reader.read(1_000)
}

function told(lines: readonly LoggedLine[]): string[] {
  return lines.filter(({ level }) => level !== 'debug').map(({ level }) => level)
}
