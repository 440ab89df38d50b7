/**
 * What every log must do for the engine, as a suite over a factory: run for the embedded log, and for each log to come.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RecordBatch, RecordHeader } from '../../src/core/event.ts'
import type { PartitionReader, RecordSource } from '../../src/engine/ports.ts'

export interface WrittenRecord {
  readonly value: Uint8Array | null
  readonly key?: Uint8Array | null
  readonly timestamp?: number
  readonly headers?: readonly RecordHeader[]
}

export interface ReadRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** A log of two partitions, empty at first. */
export interface LogFixture extends AsyncDisposable {
  readonly source: RecordSource
  /** Readers see the records when it resolves. */
  append(partition: number, records: readonly WrittenRecord[]): Promise<void>
  /** Deletes the log and makes an empty one in its place. */
  remake(): Promise<RecordSource>
}

export interface LogTraits {
  /** Whether a record has a key, a timestamp, headers and nulls; else it is a value only. */
  readonly carriesAll: boolean
  /**
   * Records come over a network: "none now" may be said before they arrive, positions move over what is no record, and the
   * log has an identity of its own, also while it is empty. Else nothing of that is allowed.
   */
  readonly isRemote?: boolean
  /** What it holds is fixed when it is opened: nothing can be appended under a reader, and it has an identity only where it is told one. */
  readonly isFixed?: boolean
}

export const PARTITIONS = 2
const BYTES_MAX = 1_000_000

export function describeRecordSource(
  name: string,
  create: () => Promise<LogFixture>,
  { carriesAll, isRemote = false, isFixed = false }: LogTraits,
): void {
  const readBatches = isRemote ? readToEnd : readWhatIsThere
  const readFrom = async (
    source: RecordSource,
    offset: number,
    partition = 0,
  ): Promise<ReadRecord[]> => {
    await using reader = await source.open(partition, offset)
    return recordsOfAll(await readBatches(reader, BYTES_MAX, offset))
  }
  describe(`${name} as a record source`, () => {
    let log: LogFixture
    beforeEach(async () => {
      log = await create()
    })
    afterEach(async () => {
      await log[Symbol.asyncDispose]()
    })

    test('tells how many partitions the log has', async () => {
      expect(await log.source.topology()).toEqual({
        partitions: PARTITIONS,
        ...(isRemote && { identity: expect.any(String) as string }),
      })
    })

    test('an empty partition has no records and no lag, and its end is where one begins to read', async () => {
      await using reader = await log.source.open(0, 0)
      expect(await reader.read(BYTES_MAX)).toBeUndefined()
      const { identity } = await log.source.topology()
      expect(await reader.identity()).toBe(isRemote ? identity : undefined)
      expect(reader.lag(await reader.endOffset())).toBe(0)
    })

    test('a pipeline without a generation begins at the start of every partition', async () => {
      await log.append(0, sample(3))
      expect(await log.source.origins()).toEqual(Array.from({ length: PARTITIONS }, () => 0))
    })

    test.each([1, 50, 1000, BYTES_MAX])(
      'records come in the order in which they were written, each once, %i bytes at a time',
      async (bytesMax) => {
        const written = sample(200)
        await log.append(0, written)
        await using reader = await log.source.open(0, 0)
        const read = recordsOfAll(await readBatches(reader, bytesMax, 0))
        expect(read.map(({ value }) => value)).toEqual(written.map(({ value }) => text(value)))
        const offsets = read.map(({ offset }) => offset)
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
        expect(new Set(offsets).size).toBe(offsets.length)
      },
    )

    test.skipIf(isFixed)(
      'a reader at the end sees later records, once, and its batches stay as they were',
      async () => {
        await using reader = await log.source.open(0, 0)
        const batches: RecordBatch[] = []
        for (const round of [0, 1, 2, 3]) {
          await log.append(0, sample(30, `round${round}-`))
          const position = batches.at(-1)?.nextOffset ?? 0
          batches.push(...(await readBatches(reader, 500, position)))
          expect(await reader.read(500)).toBeUndefined()
        }
        const expected = [0, 1, 2, 3].flatMap((round) => sample(30, `round${round}-`))
        expect(recordsOfAll(batches).map(({ value }) => value)).toEqual(
          expected.map(({ value }) => text(value)),
        )
      },
    )

    test('reading may begin at the offset after any batch and at any record', async () => {
      await log.append(0, sample(50))
      await using reader = await log.source.open(0, 0)
      const batches = await readBatches(reader, 300, 0)
      const all = recordsOfAll(batches)
      let given = 0
      for (const batch of batches) {
        given += batch.count
        expect(await readFrom(log.source, batch.nextOffset)).toEqual(all.slice(given))
      }
      for (const index of [0, 1, 25, 49]) {
        expect(await readFrom(log.source, all[index]!.offset)).toEqual(all.slice(index))
      }
    })

    test('the end is the offset that the next record has or exceeds, and the lag there is 0', async () => {
      await log.append(0, sample(10))
      await using reader = await log.source.open(0, 0)
      const end = await reader.endOffset()
      expect(reader.lag(0)).toBeGreaterThan(0)
      expect(reader.lag(end)).toBe(0)
      const before = recordsOfAll(await readBatches(reader, BYTES_MAX, 0))
      expect(before.at(-1)!.offset).toBeLessThan(end)
      if (isFixed) return
      await log.append(0, sample(1, 'next-'))
      const [next] = recordsOfAll(await readBatches(reader, BYTES_MAX, end))
      expect(next!.offset).toBeGreaterThanOrEqual(end)
      expect(await reader.endOffset()).toBeGreaterThan(next!.offset)
    })

    test('partitions are independent logs', async () => {
      await log.append(1, sample(3, 'one-'))
      expect(await readFrom(log.source, 0, 0)).toEqual([])
      expect((await readFrom(log.source, 0, 1)).map(({ value }) => value)).toEqual(
        sample(3, 'one-').map(({ value }) => text(value)),
      )
    })

    test.skipIf(isFixed)(
      'the identity holds while the log grows and changes when the log is made again',
      async () => {
        await log.append(0, sample(2))
        await using reader = await log.source.open(0, 0)
        const identity = await reader.identity()
        expect(identity).toEqual(expect.any(String))
        await log.append(0, sample(5, 'more-'))
        expect(await reader.identity()).toBe(identity)
        await using again = await log.source.open(0, 0)
        expect(await again.identity()).toBe(identity)

        const remade = await log.remake()
        await log.append(0, sample(2, 'other-'))
        await using other = await remade.open(0, 0)
        expect(await other.identity()).not.toBe(identity)
      },
    )

    test.runIf(carriesAll)(
      'keys, timestamps, headers, nulls and empty values come back as they were',
      async () => {
        const written: WrittenRecord[] = [
          { value: Buffer.from('v'), key: Buffer.from('k'), timestamp: 1_700_000_000_123 },
          { value: null, key: Buffer.from('k'), timestamp: 0 },
          { value: Buffer.alloc(0), key: null, timestamp: 5 },
          {
            value: Buffer.from([0, 10, 255]),
            key: Buffer.alloc(0),
            timestamp: 1,
            headers: [
              { key: 'trace', value: Buffer.from('ü') },
              { key: 'trace', value: null },
            ],
          },
        ]
        await log.append(0, written)
        const read = await readFrom(log.source, 0)
        expect(read.map(({ offset: _, ...record }) => record)).toEqual(written.map(asRead))
      },
    )
  })
}

/** Records of a batch, copied out of its buffer. */
export function recordsOf(batch: RecordBatch): ReadRecord[] {
  return Array.from({ length: batch.count }, (_, at) => ({
    offset: batch.offsets[at]!,
    timestamp: batch.timestamps[at]!,
    key: slice(batch, batch.keyStarts[at]!, batch.keyEnds[at]!),
    value: slice(batch, batch.valueStarts[at]!, batch.valueEnds[at]!),
    headers: (batch.headers?.[at] ?? []).map(({ key, value }) => [key, text(value)] as const),
  }))
}

export function asRead(record: WrittenRecord): Omit<ReadRecord, 'offset'> {
  return {
    timestamp: record.timestamp ?? NaN,
    key: text(record.key ?? null),
    value: text(record.value),
    headers: (record.headers ?? []).map(({ key, value }) => [key, text(value)] as const),
  }
}

export function recordsOfAll(batches: readonly RecordBatch[]): ReadRecord[] {
  return batches.flatMap((batch) => recordsOf(batch))
}

/** All records of the log as it is now, where reading may say "none now" only at its end. */
export async function readAll(reader: PartitionReader, bytesMax: number): Promise<ReadRecord[]> {
  return recordsOfAll(await readWhatIsThere(reader, bytesMax))
}

async function readWhatIsThere(reader: PartitionReader, bytesMax: number): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  for (let batch; (batch = await reader.read(bytesMax)) !== undefined;) {
    expect(batch.count).toBeGreaterThan(0)
    expect(batch.nextOffset).toBeGreaterThan(batch.offsets[batch.count - 1]!)
    batches.push(batch)
  }
  return batches
}

/** From `from`, where the reader stands, to what is the end of the log when it is called. */
export async function readToEnd(
  reader: PartitionReader,
  bytesMax: number,
  from: number,
): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = []
  await reader.endOffset()
  for (let position = from; ;) {
    const batch = await reader.read(bytesMax)
    if (batch === undefined) {
      if (reader.lag(position) === 0) return batches
      continue
    }
    const last = batch.count === 0 ? position : batch.offsets[batch.count - 1]!
    expect(batch.nextOffset).toBeGreaterThan(batch.count === 0 ? position : last)
    position = batch.nextOffset
    batches.push(batch)
  }
}

function sample(count: number, prefix = ''): WrittenRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    value: Buffer.from(JSON.stringify({ id: `${prefix}${at}`, pad: 'x'.repeat((at * 37) % 200) })),
  }))
}

function slice({ bytes }: RecordBatch, start: number, end: number): string | null {
  return start < 0 ? null : bytes.toString('latin1', start, end)
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('latin1')
}
