/** A log that ends earlier than it does: not one record beyond the stop of a partition reaches the fold. */
import type { RecordBatch } from '../core/event.ts'
import type { PartitionReader, RecordSource } from '../engine/ports.ts'
import { readingOf } from './pace.ts'

/**
 * Followers save their strength while a run is far behind the end: fewer and larger files. A replay is, until its end, however short
 * it is.
 */
const FAR = 2 ** 32

/** @param stopOf first offset that is not read, asked when the partition is opened */
export function boundedSource(
  source: RecordSource,
  stopOf: (reader: PartitionReader) => Promise<number>,
): RecordSource {
  return {
    ...readingOf(source),
    open: async (partition, offset) => {
      const reader = await source.open(partition, offset)
      return boundedReader(reader, { offset, stop: await stopOf(reader) })
    },
  }
}

function boundedReader(
  reader: PartitionReader,
  { offset, stop }: { readonly offset: number; readonly stop: number },
): PartitionReader {
  let next = offset
  return {
    identity: () => reader.identity(),
    endOffset: async () => Math.min(stop, await reader.endOffset()),
    lag: (at) => (at >= stop || reader.lag(at) === 0 ? 0 : FAR + stop - at),
    read: async (bytesMax) => {
      if (next >= stop) return undefined
      const batch = await reader.read(bytesMax)
      if (batch === undefined) return undefined
      next = batch.nextOffset
      return next > stop ? before(batch, stop) : batch
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

function before(batch: RecordBatch, stop: number): RecordBatch {
  const beyond = batch.offsets.findIndex((offset) => offset >= stop)
  const count = beyond < 0 ? batch.count : beyond
  return {
    ...batch,
    count,
    offsets: batch.offsets.subarray(0, count),
    timestamps: batch.timestamps.subarray(0, count),
    keyStarts: batch.keyStarts.subarray(0, count),
    keyEnds: batch.keyEnds.subarray(0, count),
    valueStarts: batch.valueStarts.subarray(0, count),
    valueEnds: batch.valueEnds.subarray(0, count),
    ...(batch.headers === undefined ? {} : { headers: batch.headers.slice(0, count) }),
    nextOffset: stop,
  }
}
