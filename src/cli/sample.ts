/** The last records of a source, for commands that look and commit nothing. */
import type { PartitionReader, RecordSource } from '../engine/ports.ts'
import { readStretch } from '../engine/read-stretch.ts'

const READ_BYTES = 4 * 1024 * 1024

export interface SampleRequest {
  /** Over all partitions, shared evenly. */
  readonly records: number
  readonly signal: AbortSignal
  /** Of the log, in its own unit. */
  readonly onProgress: (done: number, total: number) => void
}

export interface SamplePart {
  readonly partition: number
  /** Where the sample begins. */
  readonly offset: number
  readonly endOffset: number
  /** At most: a log may have gaps. */
  readonly records: number
}

/**
 * Where the last records of each partition begin. A log of lines or frames is read once to find that out, undecoded: a
 * record's place is known only from those before it.
 */
export async function locateSample(
  source: RecordSource,
  { records, signal, onProgress }: SampleRequest,
): Promise<SamplePart[]> {
  const { partitions } = await source.topology()
  const share = Math.max(1, Math.ceil(records / partitions))
  const parts: SamplePart[] = []
  for (let partition = 0; partition < partitions && !signal.aborted; partition += 1) {
    const tail = await source.tail?.(partition, share)
    if (tail !== undefined) {
      parts.push({ partition, ...tail })
      continue
    }
    await using reader = await source.open(partition, 0)
    const endOffset = await reader.endOffset()
    const found = await lastOffsets(reader, share, (offset) => {
      onProgress(partition + offset / Math.max(1, endOffset), partitions)
      return signal.aborted || offset >= endOffset
    })
    parts.push({ partition, endOffset, ...found })
  }
  return parts
}

async function lastOffsets(
  reader: PartitionReader,
  wanted: number,
  isDone: (offset: number) => boolean,
): Promise<{ readonly offset: number; readonly records: number }> {
  let held: Float64Array[] = []
  let count = 0
  for (;;) {
    const batch = await reader.read(READ_BYTES)
    if (batch === undefined) break
    held.push(batch.offsets.slice(0, batch.count))
    count += batch.count
    for (let first = held[0]; first && count - first.length >= wanted; first = held[0]) {
      held = held.slice(1)
      count -= first.length
    }
    if (isDone(batch.nextOffset)) break
  }
  const offsets = held.flatMap((part) => [...part]).slice(-wanted)
  return { offset: offsets[0] ?? 0, records: offsets.length }
}

/** The records of a part, batch by batch. @throws SOURCE_* where the log goes away meanwhile */
export function readSample(
  source: RecordSource,
  { partition, offset, endOffset }: SamplePart,
): ReturnType<typeof readStretch> {
  return readStretch(source, { partition, from: offset, end: endOffset })
}

/** The source as if the sample were all of it. */
export function sampledSource(source: RecordSource, parts: readonly SamplePart[]): RecordSource {
  return {
    topic: source.topic,
    topology: () => Promise.resolve({ partitions: parts.length }),
    origins: () => Promise.resolve(parts.map(({ offset }) => offset)),
    open: (partition, offset) =>
      source.open(partition, Math.max(offset, parts[partition]?.offset ?? 0)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
