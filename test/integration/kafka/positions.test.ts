/** Where reading begins, and what happens when the log does not have that position: never a silent reset. */
import { beforeAll, expect, test } from 'vitest'
import { createKafkaLog } from '../../../src/kafka/kafka-log.ts'
import { readToEnd } from '../../conformance/record-source.ts'
import { sharedKafka } from '../../support/servers.ts'
import {
  clock,
  collectLog,
  createTopicRig,
  kafkaLog,
  numbered,
  readCount,
  valuesOf,
} from './kafka-topic.ts'

let bootstrap: string
beforeAll(async () => {
  ;({ bootstrap } = await sharedKafka())
})

test('a position below the start of the log is refused with what was lost, and nothing is reset', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  await producer.send({ topic, messages: numbered('v', 100).map((value) => ({ value })) })
  await clients.deleteRecords(topic, 40)
  await expect(source.open(0, 10)).rejects.toMatchObject({ code: 'OFFSET_GONE' })
  await expect(source.open(0, 10)).rejects.toThrow(
    new RegExp(
      `^${topic}\\[0\\]@10: the log begins at ${topic}\\[0\\]@40: the offsets 10 to 39 \\(up to 30 records\\).*retention.ms`,
      's',
    ),
  )
  await using reader = await source.open(0, 40)
  expect(valuesOf(await readToEnd(reader, 1_000_000, 40))).toEqual(numbered('v', 60, 40))
})

test('a position beyond the end of the log is refused: the log is shorter than the state', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  await producer.send({ topic, messages: numbered('v', 5).map((value) => ({ value })) })
  await expect(source.open(0, 6)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  await expect(source.open(0, 6)).rejects.toThrow(`${topic}[0]@6: the log ends at ${topic}[0]@5`)
})

test('reading may begin exactly at the end, also of a log whose records were all deleted', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  await producer.send({ topic, messages: numbered('v', 5).map((value) => ({ value })) })
  await clients.deleteRecords(topic, -1)
  await using reader = await source.open(0, 5)
  expect(await reader.read(1_000)).toBeUndefined()
  expect(reader.lag(5)).toBe(0)
  await producer.send({ topic, messages: [{ value: 'next' }] })
  const [batch] = await readCount(reader, 1)
  expect(batch?.offsets[0]).toBe(5)
})

test('records that are deleted under a slow reader end it behind what it had fetched, with the position', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  // 9 MB in batches of 100 kB: more than is fetched ahead.
  const messages = Array.from({ length: 10 }, () => ({ value: 'x'.repeat(10_000) }))
  for (let batch = 0; batch < 90; batch++) await producer.send({ topic, messages })
  await using reader = await source.open(0, 0)
  const [first] = await readCount(reader, 1)
  await new Promise((resolve) => setTimeout(resolve, 300))
  await clients.deleteRecords(topic, 890)
  let position = first?.nextOffset ?? 0
  const rest = async (): Promise<void> => {
    for (;;) {
      const batch = await reader.read(1_000_000)
      if (batch === undefined) continue
      expect(batch.offsets[0]).toBe(position)
      position = batch.nextOffset
    }
  }
  await expect(rest()).rejects.toMatchObject({ code: 'OFFSET_GONE' })
  expect(position).toBeGreaterThan(100)
  expect(position).toBeLessThan(890)
  await expect(reader.read(1)).rejects.toThrow(`${topic}[0]@${position}: the log begins at`)
})

test('a reader begins where it was opened, whatever another reader of the partition has read', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  await producer.send({ topic, messages: numbered('v', 100).map((value) => ({ value })) })
  await using far = await source.open(0, 90)
  expect(valuesOf(await readToEnd(far, 1_000_000, 90))).toEqual(numbered('v', 10, 90))
  await using near = await source.open(0, 7)
  expect(valuesOf(await readToEnd(near, 1_000_000, 7))).toEqual(numbered('v', 93, 7))
  await far[Symbol.asyncDispose]()
  await using again = await source.open(0, 50)
  expect(valuesOf(await readToEnd(again, 1_000_000, 50))).toEqual(numbered('v', 50, 50))
})

test('a new pipeline begins at the earliest record, at the end, or at the first record of an instant', async () => {
  await using rig = await createTopicRig(bootstrap, { partitions: 3 })
  const { topic, clients } = rig
  const producer = await clients.producer()
  const startMs = Date.now() - 60_000
  const messages = numbered('v', 10).map((value, at) => ({
    value,
    partition: 0,
    timestamp: String(startMs + at),
  }))
  await producer.send({
    topic,
    messages: [...messages, { value: 'old', partition: 1, timestamp: '5' }],
  })
  await clients.deleteRecords(topic, 2)
  const originsFor = async (start: 'earliest' | 'latest' | number): Promise<readonly number[]> => {
    const definition = kafkaLog(bootstrap, topic, { start })
    await using source = createKafkaLog(definition, { log: collectLog().log, clock })
    return await source.origins()
  }
  expect(await originsFor('earliest')).toEqual([2, 0, 0])
  expect(await originsFor('latest')).toEqual([10, 1, 0])
  expect(await originsFor(startMs + 7)).toEqual([7, 1, 0])
})

test('producers’ timestamps are trusted where the brokers bound them, or where the pipeline says so', async () => {
  const config = { 'message.timestamp.after.max.ms': '7200000', 'retention.ms': '1000000' }
  await using rig = await createTopicRig(bootstrap, { config })
  expect(await rig.source.topicFacts()).toMatchObject({
    timestampType: 'CreateTime',
    timestampAfterMaxMs: 7_200_000,
    retentionMs: 1_000_000,
    retentionBytes: undefined,
    cleanupPolicy: ['delete'],
  })
  await expect(rig.source.checkTimestamps()).rejects.toMatchObject({ code: 'DEFINITION_INVALID' })
  await using bounded = await createTopicRig(bootstrap)
  await expect(bounded.source.checkTimestamps()).resolves.toBeUndefined()
  await using trusted = await createTopicRig(bootstrap, {
    config,
    definition: { trustProducerClock: true },
  })
  await expect(trusted.source.checkTimestamps()).resolves.toBeUndefined()
})
