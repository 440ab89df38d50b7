/** Late records that generations accept, as files: byte for byte what the log had, found by their positions. */
import { expect, test } from 'vitest'
import { acceptedOf } from '../../src/engine/amended-port.ts'
import type { KeptRecord } from '../../src/engine/amended-port.ts'
import { MemoryBucket, MemoryFiles, MemoryObjectStorage } from '../../src/memory/object-storage.ts'
import { AmendedFiles } from '../../src/storage/amended-records.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'

const RECORDS: readonly KeptRecord[] = [
  {
    partition: 1,
    offset: 3,
    timestamp: NaN,
    key: null,
    value: Uint8Array.of(0, 255, 10, 13),
    headers: [],
  },
  {
    partition: 0,
    offset: 9_007_199_254_740_991,
    timestamp: 1_709_251_200_000,
    key: new TextEncoder().encode('Zoë'),
    value: new TextEncoder().encode('{"a":\n1}'),
    headers: [
      { key: 'trace', value: Uint8Array.of(1) },
      { key: 'empty', value: null },
    ],
  },
]

const ACCEPTED = acceptedOf([
  { kind: 'accept', partition: 0, offset: 9_007_199_254_740_991, day: 19_783 },
  { kind: 'drop', partition: 0, offset: 7 },
  { kind: 'accept', partition: 1, offset: 3, day: 19_783 },
])

function files(): AmendedFiles {
  const parts = { bucket: new MemoryBucket(), files: new MemoryFiles(), faults: TABLE_FAULTS }
  return new AmendedFiles(new MemoryObjectStorage({ ...parts, nowMs: () => 0 }))
}

test('gives back what was put, in the order of positions, however often it was put', async () => {
  const kept = files()
  await kept.put(RECORDS)
  await kept.put(RECORDS.toReversed())
  const found = await kept.get(ACCEPTED)
  const plain = found?.map((one) => ({
    ...one,
    key: one.key && Uint8Array.from(one.key),
    value: one.value && Uint8Array.from(one.value),
    headers: one.headers.map(({ key, value }) => ({ key, value: value && Uint8Array.from(value) })),
  }))
  expect(plain).toEqual(RECORDS.toReversed())
})

test('other positions are another file: what one generation accepts is whole, or missing', async () => {
  const kept = files()
  await kept.put(RECORDS)
  expect(await kept.get(ACCEPTED.slice(1))).toBeUndefined()
  expect(kept.place(ACCEPTED)).toMatch(/\/_tidemark\/amendments\/[0-9a-f]{32}\.jsonl$/)
  expect(kept.place(ACCEPTED)).not.toBe(kept.place(ACCEPTED.slice(1)))
})
