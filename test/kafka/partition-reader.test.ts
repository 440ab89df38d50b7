import { expect, test } from 'vitest'
import { loadCodecs } from '../../src/kafka/codecs.ts'
import type { FetchWish } from '../../src/kafka/fetch-loop.ts'
import type { FetchedPartition } from '../../src/kafka/fetch-response.ts'
import { KafkaPartitionReader } from '../../src/kafka/partition-reader.ts'
import type { ReaderParts } from '../../src/kafka/partition-reader.ts'
import { encodeBatch } from './encode-batch.ts'

await loadCodecs()

const MIB = 1024 * 1024

function open(parts: Partial<ReaderParts> = {}): KafkaPartitionReader {
  return new KafkaPartitionReader({
    topic: 'clicks',
    partition: 3,
    identity: 'id',
    offset: 0,
    end: 100,
    bufferBytesMax: () => 4 * MIB,
    isReachable: () => true,
    changed: () => undefined,
    closed: () => undefined,
    askEnd: () => Promise.resolve(100),
    checkOffset: () => Promise.resolve(),
    ...parts,
  })
}

function fetched(records: Buffer, lastStableOffset = 100): FetchedPartition {
  const offsets = { highWatermark: lastStableOffset, lastStableOffset, logStartOffset: 0 }
  return { topic: 'clicks', partition: 3, errorCode: 0, aborted: [], records, ...offsets }
}

function batch(baseOffset: number, valueBytes: number): Buffer {
  const record = { key: null, value: 'x'.repeat(valueBytes), headers: [], timestamp: 5n }
  return encodeBatch({ baseOffset, lastOffsetDelta: 0, records: [{ ...record, offsetDelta: 0 }] })
}

/** Gives what the reader asks for, as long as it asks. */
function feed(reader: KafkaPartitionReader, answer: (wish: FetchWish) => Buffer): number {
  let fetches = 0
  for (let wish; (wish = reader.wish()) !== undefined && fetches < 100; fetches++)
    reader.take(fetched(answer(wish)), wish, true)
  return fetches
}

test('what waits to be read is bounded, and reading makes room', async () => {
  const reader = open()
  const answer = ({ offset }: FetchWish): Buffer => batch(offset, MIB - 100)
  expect(feed(reader, answer)).toBe(4)
  expect(reader.wish()).toBeUndefined()
  expect((await reader.read(1))?.offsets[0]).toBe(0)
  expect(reader.wish()).toMatchObject({ offset: 4 })
  expect(feed(reader, answer)).toBe(1)
})

test('one fetch may always wait, however little room all readers together have', () => {
  const reader = open({ bufferBytesMax: () => 1_000 })
  expect(reader.wish()).toMatchObject({ bytesMax: 1_000 })
  expect(feed(reader, ({ offset }) => batch(offset, 5_000))).toBe(1)
})

test('where not even the first batch is whole, so many bytes are asked for', async () => {
  const reader = open()
  const whole = batch(0, 3 * MIB)
  const first = reader.wish()
  reader.take(fetched(whole.subarray(0, MIB)), first!, true)
  const second = reader.wish()
  expect(second).toMatchObject({ offset: 0, bytesMax: whole.length })
  reader.take(fetched(whole), second!, true)
  expect(await reader.read(1)).toMatchObject({ count: 1, nextOffset: 1 })
})

test('what waits does not keep the records of other partitions in memory', async () => {
  const reader = open()
  const response = Buffer.concat([batch(0, 1_000), Buffer.alloc(100_000)])
  const records = response.subarray(0, batch(0, 1_000).length)
  reader.take(fetched(records), reader.wish()!, true)
  response.fill(0)
  expect(await reader.read(1)).toMatchObject({ count: 1, nextOffset: 1 })
})

test('an answer to an older question is not taken', () => {
  const reader = open()
  const wish = reader.wish()!
  reader.take(fetched(batch(0, 10)), wish, true)
  reader.take(fetched(batch(0, 10)), wish, true)
  expect(reader.wish()).toMatchObject({ offset: 1 })
})

test('records that came before a failure are read first, then it is thrown, again and again', async () => {
  const reader = open()
  reader.take(fetched(batch(0, 10)), reader.wish()!, true)
  reader.fail(new Error('first'))
  reader.fail(new Error('second'))
  expect(await reader.read(1)).toMatchObject({ count: 1 })
  await expect(reader.read(1)).rejects.toThrow('first')
  await expect(reader.read(1)).rejects.toThrow('first')
  expect(reader.wish()).toBeUndefined()
})

test('damaged bytes are told with their position, and nothing behind them is fetched', async () => {
  const reader = open()
  const damaged = batch(1, 10)
  damaged.writeInt8(9, 16)
  reader.take(fetched(Buffer.concat([batch(0, 10), damaged])), reader.wish()!, true)
  expect(reader.wish()).toBeUndefined()
  await expect(
    (async () => {
      for (let read = 0; read < 3; read++) await reader.read(1)
    })(),
  ).rejects.toThrow(/clicks\[3\]@1: .*version 9.*SOURCE_UNREADABLE/)
})

test('where compaction left nothing before the end, the lag is 0, but the position does not move', async () => {
  const reader = open({ offset: 90 })
  const nothing = Buffer.alloc(0)
  for (let fetches = 0; fetches < 3; fetches++) {
    expect(reader.lag(90)).toBe(10)
    reader.take(fetched(nothing), reader.wish()!, true)
  }
  expect(reader.lag(90)).toBe(0)
  expect(reader.lag(80)).toBe(20)
  expect(reader.wish()).toMatchObject({ offset: 90, isBehind: false })
  // Records come again: all of them are behind.
  reader.take(fetched(batch(100, 10), 101), reader.wish()!, true)
  expect(reader.lag(90)).toBe(11)
  expect(await reader.read(1)).toMatchObject({ count: 1, nextOffset: 101 })
})

test('an empty answer that the broker may have cut short for others says nothing about the end', () => {
  const reader = open()
  for (let fetches = 0; fetches < 10; fetches++)
    reader.take(fetched(Buffer.alloc(0)), reader.wish()!, false)
  expect(reader.lag(0)).toBe(100)
  expect(reader.wish()).toMatchObject({ isBehind: true })
})

test('nothing is read from a reader that was disposed of, and a read that waits ends', async () => {
  const reader = open()
  reader.take(fetched(batch(0, 10)), reader.wish()!, true)
  await reader[Symbol.asyncDispose]()
  expect(await reader.read(1)).toBeUndefined()
  expect(reader.wish()).toBeUndefined()
})
