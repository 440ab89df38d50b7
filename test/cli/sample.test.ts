/** Reading a sample of a log whose brokers go away meanwhile. */
import { expect, test } from 'vitest'
import { readSample } from '../../src/cli/sample.ts'
import type { PartitionReader, RecordSource } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'

/** A partition of which nothing comes any more. */
function silentSource(lag: number, endOffset: () => Promise<number>): RecordSource {
  const reader: PartitionReader = {
    identity: () => Promise.resolve('t'),
    read: () => Promise.resolve(undefined),
    endOffset,
    lag: () => lag,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  return {
    topic: 't',
    topology: () => Promise.resolve({ partitions: 1 }),
    origins: () => Promise.resolve([0]),
    open: () => Promise.resolve(reader),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

const PART = { partition: 0, offset: 0, endOffset: 10, records: 10 }

async function drain(source: RecordSource): Promise<number> {
  let batches = 0
  for await (const batch of readSample(source, PART)) batches += batch.count
  return batches
}

test('a log that says nothing any more is asked whether it is there, and its answer ends the sample', async () => {
  const gone = new TidemarkError('SOURCE_UNAVAILABLE', 'nobody there')
  await expect(drain(silentSource(10, () => Promise.reject(gone)))).rejects.toThrow(gone)
})

test('a part whose last records were compacted away is over where nothing is left to read', async () => {
  expect(await drain(silentSource(0, () => Promise.resolve(10)))).toBe(0)
})
