/** A log in memory, delivered in fetches of any size: for simulations, preview and tests. */
import type { RecordBatch, RecordHeader } from '../core/event.ts'
import type { PartitionReader, RecordSource, Topology } from '../engine/ports.ts'

export interface MemoryRecord {
  readonly offset: number
  /** Ms; NaN where the log has none. */
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: readonly RecordHeader[]
}

export interface MemoryLogOptions {
  /** How many records the next fetch has, at most; asked before each. */
  readonly fetchRecords?: () => number
  /** Where a new pipeline begins; 0 by default. */
  readonly origin?: number
}

export class MemoryLog implements RecordSource {
  readonly topic: string
  readonly #partitions: readonly (readonly MemoryRecord[])[]
  readonly #options: MemoryLogOptions

  constructor(
    topic: string,
    partitions: readonly (readonly MemoryRecord[])[],
    options: MemoryLogOptions = {},
  ) {
    this.topic = topic
    this.#partitions = partitions
    this.#options = options
  }

  topology(): Promise<Topology> {
    return Promise.resolve({ partitions: this.#partitions.length })
  }

  origins(): Promise<readonly number[]> {
    return Promise.resolve(this.#partitions.map(() => this.#options.origin ?? 0))
  }

  open(partition: number, offset: number): Promise<PartitionReader> {
    return Promise.resolve(
      new MemoryReader(this.#partitions[partition] ?? [], offset, this.#options),
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

class MemoryReader implements PartitionReader {
  readonly #records: readonly MemoryRecord[]
  readonly #options: MemoryLogOptions
  #next: number

  constructor(records: readonly MemoryRecord[], offset: number, options: MemoryLogOptions) {
    this.#records = records
    this.#options = options
    const next = records.findIndex((record) => record.offset >= offset)
    this.#next = next < 0 ? records.length : next
  }

  identity(): Promise<string | undefined> {
    const first = this.#records[0]
    return Promise.resolve(first && `memory ${first.offset}`)
  }

  read(): Promise<RecordBatch | undefined> {
    const count = Math.max(1, this.#options.fetchRecords?.() ?? 1_000)
    const records = this.#records.slice(this.#next, this.#next + count)
    this.#next += records.length
    return Promise.resolve(records.length === 0 ? undefined : batchOf(records))
  }

  endOffset(): Promise<number> {
    return Promise.resolve(this.#end())
  }

  lag(offset: number): number {
    return Math.max(0, this.#end() - offset)
  }

  #end(): number {
    const last = this.#records.at(-1)
    return last === undefined ? 0 : last.offset + 1
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

export function batchOf(records: readonly MemoryRecord[]): RecordBatch {
  const count = records.length
  const parts: Uint8Array[] = []
  let at = 0
  const place = (bytes: Uint8Array | null): [start: number, end: number] => {
    if (bytes === null) return [-1, -1]
    parts.push(bytes)
    at += bytes.length
    return [at - bytes.length, at]
  }
  const keys = records.map(({ key }) => place(key))
  const values = records.map(({ value }) => place(value))
  return {
    count,
    bytes: Buffer.concat(parts),
    offsets: Float64Array.from(records, ({ offset }) => offset),
    timestamps: Float64Array.from(records, ({ timestamp }) => timestamp),
    keyStarts: Int32Array.from(keys, ([start]) => start),
    keyEnds: Int32Array.from(keys, ([, end]) => end),
    valueStarts: Int32Array.from(values, ([start]) => start),
    valueEnds: Int32Array.from(values, ([, end]) => end),
    headers: records.map(({ headers }) => headers),
    nextOffset: (records.at(-1)?.offset ?? -1) + 1,
  }
}
