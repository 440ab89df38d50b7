/** read_committed, end to end with real transactional producers: what kafkajs's own consumer gets wrong. */
import type { Transaction } from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { readToEnd } from '../../conformance/record-source.ts'
import { sharedKafka, uniqueName } from '../../support/servers.ts'
import { createTopicRig, valuesOf } from './kafka-topic.ts'
import type { KafkaClients, TopicRig } from './kafka-topic.ts'

let bootstrap: string
beforeAll(async () => {
  ;({ bootstrap } = await sharedKafka())
})

test('transactions of two producers that overlap and are aborted in another order leave only what was committed', async () => {
  await using rig = await createTopicRig(bootstrap)
  const [one, two] = [await begin(rig.clients), await begin(rig.clients)]
  await send(rig, one, 'one-aborted')
  await send(rig, two, 'two-aborted')
  await send(rig, one, 'one-aborted-too')
  // The second began later and ends first, so that the broker names it first.
  await two.abort()
  await one.abort()
  const three = await begin(rig.clients)
  await send(rig, three, 'three-committed')
  await three.commit()
  expect(await valuesRead(rig)).toEqual(['three-committed'])
})

test('a producer whose transaction was aborted is heard again in its next one, also when read in pieces', async () => {
  await using rig = await createTopicRig(bootstrap)
  const producer = await transactional(rig.clients)
  for (const round of [1, 2, 3]) {
    const aborted = await producer.transaction()
    await send(rig, aborted, `aborted-${round}`)
    await aborted.abort()
    const committed = await producer.transaction()
    await send(rig, committed, `committed-${round}`)
    await committed.commit()
  }
  const expected = ['committed-1', 'committed-2', 'committed-3']
  expect(await valuesRead(rig)).toEqual(expected)
  expect(await valuesRead(rig, 1)).toEqual(expected)
})

test('a record whose key is four zero bytes is no marker', async () => {
  await using rig = await createTopicRig(bootstrap)
  const zeros = Buffer.from([0, 0, 0, 0])
  const aborted = await begin(rig.clients)
  await send(rig, aborted, 'aborted', zeros)
  await send(rig, aborted, 'aborted too')
  await aborted.abort()
  const committed = await begin(rig.clients)
  await send(rig, committed, 'committed', zeros)
  await committed.commit()
  expect(await valuesRead(rig)).toEqual(['committed'])
})

test('the lag becomes 0 behind control records at the end of the log, and the position passes them', async () => {
  await using rig = await createTopicRig(bootstrap)
  const producer = await transactional(rig.clients)
  for (const outcome of ['commit', 'abort'] as const) {
    const transaction = await producer.transaction()
    await send(rig, transaction, outcome)
    await transaction[outcome]()
  }
  await using reader = await rig.source.open(0, 0)
  const batches = await readToEnd(reader, 1_000_000, 0)
  expect(valuesOf(batches)).toEqual(['commit'])
  const end = await reader.endOffset()
  // Two records and two markers.
  expect(end).toBe(4)
  expect(batches.at(-1)?.nextOffset).toBe(end)
  expect(reader.lag(end)).toBe(0)
  await using atMarker = await rig.source.open(0, 1)
  const [nothing] = await readToEnd(atMarker, 1_000_000, 1)
  expect(nothing).toMatchObject({ count: 0, nextOffset: 4 })
})

test('an open transaction holds the log’s end: neither it nor what comes later is read or counted as lag', async () => {
  await using rig = await createTopicRig(bootstrap)
  const plain = await rig.clients.producer()
  await plain.send({ topic: rig.topic, messages: [{ value: 'before', partition: 0 }] })
  const transaction = await begin(rig.clients)
  await send(rig, transaction, 'inside')
  await plain.send({ topic: rig.topic, messages: [{ value: 'after', partition: 0 }] })
  await using reader = await rig.source.open(0, 0)
  expect(valuesOf(await readToEnd(reader, 1_000_000, 0))).toEqual(['before'])
  expect(await reader.endOffset()).toBe(1)
  expect(reader.lag(1)).toBe(0)
  await transaction.commit()
  expect(valuesOf(await readToEnd(reader, 1_000_000, 1))).toEqual(['inside', 'after'])
})

async function valuesRead(rig: TopicRig, bytesMax = 1_000_000): Promise<(string | null)[]> {
  await using reader = await rig.source.open(0, 0)
  return valuesOf(await readToEnd(reader, bytesMax, 0))
}

async function transactional(clients: KafkaClients): ReturnType<KafkaClients['producer']> {
  return clients.producer({
    transactionalId: uniqueName('transaction'),
    idempotent: true,
    maxInFlightRequests: 1,
  })
}

async function begin(clients: KafkaClients): Promise<Transaction> {
  return (await transactional(clients)).transaction()
}

async function send(
  { topic }: TopicRig,
  transaction: Transaction,
  value: string,
  key: Buffer | null = null,
): Promise<void> {
  await transaction.send({ topic, messages: [{ key, value, partition: 0 }] })
}
