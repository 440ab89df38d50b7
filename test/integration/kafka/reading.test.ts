/** Many partitions on one connection, large batches, and a topic that changes under its readers. */
import { beforeAll, expect, test } from 'vitest'
import type { RecordSource } from '../../../src/engine/ports.ts'
import { readToEnd, recordsOfAll } from '../../conformance/record-source.ts'
import { sharedKafka } from '../../support/servers.ts'
import { createTopicRig, numbered, readCount, valuesOf } from './kafka-topic.ts'
import { RawProducer } from './raw-producer.ts'

let bootstrap: string
beforeAll(async () => {
  ;({ bootstrap } = await sharedKafka())
})

const LARGE = Array.from({ length: 10 }, (_, at) => `${at}`.padEnd(60_000, 'x'))

test('a partition whose reader is slow holds up no other one', async () => {
  await using rig = await createTopicRig(bootstrap, { partitions: 2 })
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  for (let round = 0; round < 12; round++) {
    for (const partition of [0, 1])
      await producer.send({ topic, messages: LARGE.map((value) => ({ value, partition })) })
  }
  await using slow = await source.open(0, 0)
  await using quick = await source.open(1, 0)
  expect(valuesOf(await readToEnd(quick, 1_000_000, 0))).toHaveLength(120)
  for (const value of numbered('live', 5)) {
    await producer.send({ topic, messages: [{ value, partition: 1 }] })
    expect(valuesOf(await readCount(quick, 1))).toEqual([value])
  }
  expect(slow.lag(0)).toBe(120)
  expect(valuesOf(await readToEnd(slow, 1_000_000, 0))).toEqual(
    Array.from({ length: 12 }, () => LARGE).flat(),
  )
})

test('a partition that has caught up, whose fetches wait at the broker, delays none that is behind', async () => {
  await using rig = await createTopicRig(bootstrap, { partitions: 2 })
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  for (let round = 0; round < 12; round++)
    await producer.send({ topic, messages: LARGE.map((value) => ({ value, partition: 1 })) })
  await using waiting = await source.open(0, 0)
  expect(await waiting.read(1_000)).toBeUndefined()
  const startMs = performance.now()
  await using behind = await source.open(1, 0)
  expect(valuesOf(await readToEnd(behind, 1_000_000, 0))).toHaveLength(120)
  // Seven fetches at least: one behind the other with those that wait 500 ms they would take 3.5 s.
  expect(performance.now() - startMs).toBeLessThan(1_500)
})

test('a record is read within milliseconds of being written', async () => {
  await using rig = await createTopicRig(bootstrap)
  const producer = await rig.clients.producer()
  await using reader = await rig.source.open(0, 0)
  const delaysMs: number[] = []
  for (const value of numbered('live', 40)) {
    const read = readCount(reader, 1)
    await producer.send({ topic: rig.topic, messages: [{ value }] })
    const writtenMs = performance.now()
    expect(valuesOf(await read)).toEqual([value])
    delaysMs.push(performance.now() - writtenMs)
  }
  // The median, because others use the machine too.
  expect(delaysMs.toSorted((a, b) => a - b)[20]).toBeLessThan(25)
})

test('a record batch of more than 130,000 records is read', async () => {
  await using rig = await createTopicRig(bootstrap, { config: { 'max.message.bytes': '6000000' } })
  await using producer = new RawProducer(bootstrap, rig.topic)
  const records = Array.from({ length: 135_000 }, () => ({ value: null }))
  await producer.send(0, records)
  await using reader = await rig.source.open(0, 0)
  const [batch] = await readToEnd(reader, 1, 0)
  expect(batch).toMatchObject({ count: 135_000, nextOffset: 135_000 })
})

test('a batch larger than what is asked for of a partition is read, beside others', async () => {
  await using rig = await createTopicRig(bootstrap, {
    partitions: 2,
    config: { 'max.message.bytes': '6000000' },
  })
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  const large = 'x'.repeat(4_500_000)
  for (const partition of [0, 1]) {
    for (const value of ['small', large, 'last'])
      await producer.send({ topic, messages: [{ value, partition }] })
  }
  for (const partition of [0, 1]) {
    await using reader = await source.open(partition, 0)
    const values = valuesOf(await readToEnd(reader, 1_000, 0))
    expect(values.map((value) => value?.length)).toEqual([5, 4_500_000, 4])
  }
})

test('a topic that is deleted and made again while it is read stops its readers', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  await producer.send({ topic, messages: [{ value: 'first life' }] })
  await using reader = await source.open(0, 0)
  expect(valuesOf(await readCount(reader, 1))).toEqual(['first life'])
  const admin = await clients.admin()
  await admin.deleteTopics({ topics: [topic] })
  await clients.createTopic(topic, 1)
  await producer.send({ topic, messages: numbered('second life', 3).map((value) => ({ value })) })
  await expect(readUntilItFails(reader)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  await expect(reader.read(1)).rejects.toThrow(`the topic ${topic} was deleted and made again`)
})

test('a topic that is deleted stops its readers', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  await using reader = await source.open(0, 0)
  const admin = await clients.admin()
  await admin.deleteTopics({ topics: [topic] })
  await expect(readUntilItFails(reader)).rejects.toThrow(`the topic ${topic} was deleted`)
})

test('partitions that are added stop the readers: keys go elsewhere than their state', async () => {
  await using rig = await createTopicRig(bootstrap, {
    partitions: 2,
    parts: { metadataAgeMsMax: 200 },
  })
  const { topic, source, clients } = rig
  await using reader = await source.open(0, 0)
  expect(await reader.read(1)).toBeUndefined()
  const admin = await clients.admin()
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  await expect(readUntilItFails(reader)).rejects.toThrow('had 2 partitions and has 3 now')
})

test('records written before a reader is disposed of are given by the next one, and the source ends cleanly', async () => {
  await using rig = await createTopicRig(bootstrap)
  const { topic, source, clients } = rig
  const producer = await clients.producer()
  const first: Awaited<ReturnType<RecordSource['open']>> = await source.open(0, 0)
  const read = first.read(1)
  await first[Symbol.asyncDispose]()
  expect(await read).toBeUndefined()
  await producer.send({ topic, messages: [{ value: 'kept' }] })
  await using second = await source.open(0, 0)
  expect(recordsOfAll(await readToEnd(second, 1, 0))).toMatchObject([{ offset: 0, value: 'kept' }])
})

async function readUntilItFails(reader: Awaited<ReturnType<RecordSource['open']>>): Promise<void> {
  for (;;) await reader.read(1_000)
}
