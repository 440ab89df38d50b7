import { readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { loadCodecs } from '../../src/kafka/codecs.ts'
import type { FetchedPartition } from '../../src/kafka/fetch-response.ts'
import { decodeFetchResponse } from '../../src/kafka/fetch-response.ts'
import { decodeRecords } from '../../src/kafka/record-batch.ts'
import { seenRecords } from './columns.ts'
import type { SeenRecord } from './columns.ts'

beforeAll(loadCodecs)

const fixtures = path.join(import.meta.dirname, 'fixtures')
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

function fetched(name: string): FetchedPartition {
  const { partitions } = decodeFetchResponse(readFileSync(path.join(fixtures, `${name}.bin`)))
  expect(partitions).toHaveLength(1)
  return partitions[0] as FetchedPartition
}

interface KcatRecord extends Omit<SeenRecord, 'headers'> {
  readonly headers?: readonly string[]
}

/** kcat prints headers as one list of names and values. */
function readByKcat(name: string): SeenRecord[] {
  const lines = readFileSync(path.join(fixtures, `${name}.jsonl`), 'utf8')
    .trim()
    .split('\n')
  return lines
    .map((line) => JSON.parse(line) as KcatRecord)
    .map(({ headers = [], ...record }) => ({
      ...record,
      headers: Array.from({ length: headers.length / 2 }, (_, at) => [
        headers[at * 2] ?? '',
        headers[at * 2 + 1] ?? '',
      ]),
    }))
}

test.each([
  ...CODECS.map((codec) => [`librdkafka, codec ${codec}`, `librdkafka-${codec}`, 20] as const),
  ...CODECS.map((codec) => [`Java client, codec ${codec}`, `java-${codec}`, 24] as const),
  ['broker that stamps records when it appends them', 'append-time', 3] as const,
  ['log cleaner that emptied the first batch', 'compacted', 8] as const,
  ['kafkajs transactions', 'transactions', 24] as const,
])('what a real %s left is read as librdkafka reads it', (_, name, nextOffset) => {
  const partition = fetched(name)
  const batch = decodeRecords(partition, { ...partition, from: 0 })
  const expected = readByKcat(name)
  expect(seenRecords(batch)).toEqual(expected)
  expect(batch).toMatchObject({ nextOffset, rest: undefined })
})

test('a zstd frame of several megabytes that does not tell its size is read whole', () => {
  const partition = fetched('librdkafka-zstd-large')
  const seen = seenRecords(decodeRecords(partition, { ...partition, from: 0 }))
  const value = 'x'.repeat(1_000)
  expect(seen.map((record) => record.offset)).toEqual(Array.from({ length: 3_000 }, (_, at) => at))
  expect(seen.every((record) => record.value === value)).toBe(true)
  expect(seen.every((record, at) => record.key === `k${at % 3}`)).toBe(true)
})

test('an emptied batch at the position that was asked for is passed', () => {
  const { records, aborted } = fetched('compacted')
  const emptyBatch = records.subarray(0, 61)
  const batch = decodeRecords(
    { records: emptyBatch, aborted },
    { topic: 't', partition: 0, from: 0 },
  )
  expect(batch).toMatchObject({ count: 0, nextOffset: 2 })
})

test('records of aborted transactions are seen only by those who ask for them', () => {
  const uncommitted = fetched('transactions-uncommitted')
  const all = decodeRecords(uncommitted, { ...uncommitted, from: 0, readUncommitted: true })
  const values = seenRecords(all).map(({ value }) => value ?? '')
  expect(values).toHaveLength(16)
  expect(values.filter((value) => value.includes('(aborted)'))).toHaveLength(12)

  const { aborted } = fetched('transactions')
  const partition = { ...uncommitted, aborted }
  const committed = decodeRecords(partition, { ...partition, from: 0 })
  expect(seenRecords(committed).map(({ value }) => value)).toEqual(
    values.filter((value) => !value.includes('(aborted)')),
  )
})

test('transactions are told apart wherever a fetch begins and however it is cut into calls', () => {
  const partition = fetched('transactions')
  const expected = readByKcat('transactions')
  for (let from = 0; from <= 24; from++) {
    const seen: SeenRecord[] = []
    let batch = decodeRecords(partition, { ...partition, from, bytesMax: 1 })
    seen.push(...seenRecords(batch))
    while (batch.rest !== undefined) {
      batch = decodeRecords(batch.rest, { ...partition, from: batch.nextOffset, bytesMax: 1 })
      seen.push(...seenRecords(batch))
    }
    expect(seen).toEqual(expected.filter(({ offset }) => offset >= from))
    expect(batch.nextOffset).toBe(24)
  }
})

test('the partitions of a response are read although others of it are errors', () => {
  const body = readFileSync(path.join(fixtures, 'several-partitions.bin'))
  const { throttleMs, errorCode, partitions } = decodeFetchResponse(body)
  expect({ throttleMs, errorCode }).toEqual({ throttleMs: 0, errorCode: 0 })
  const facts = partitions.map(({ partition, errorCode: code, highWatermark, records }) => ({
    partition,
    code,
    highWatermark,
    hasRecords: records.length > 0,
  }))
  expect(facts).toEqual([
    { partition: 0, code: 0, highWatermark: 20, hasRecords: true },
    { partition: 0, code: 1, highWatermark: -1, hasRecords: false },
    { partition: 7, code: 3, highWatermark: -1, hasRecords: false },
  ])
})
