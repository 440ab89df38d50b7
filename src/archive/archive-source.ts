/**
 * A selection of an archive as a log: the same records at the same offsets as the topic that it stands for, and where that topic is
 * given, its records go on where the archive ends. A file is checked against its digest before its first record is given.
 */
import type { RecordBatch } from '../core/event.ts'
import type {
  ArchiveColumns,
  ArchiveFormat,
  ArchiveSelection,
  ArchivedFile,
  ArchivedRecord,
} from '../engine/archive-port.ts'
import type { PartitionReader, RecordSource, Topology } from '../engine/ports.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { withLocal } from './archive.ts'
import { changed, digestOf } from './archived-file.ts'
import { coverageOf } from './coverage.ts'
import { filePlace } from './file-place.ts'
import { mergeByOffset } from './merge.ts'
import type { MergedFile } from './merge.ts'
import { recordBatch, sizeOf } from './record-batch.ts'

const BATCH_RECORDS_MAX = 50_000

export interface ArchiveSourceParts {
  readonly storage: ObjectStorage
  readonly selection: ArchiveSelection
  readonly columns: ArchiveColumns
  formatOf(path: string): ArchiveFormat | undefined
  readonly topic: string
  /** Of the log that it stands for; an archive without positions is one partition. */
  readonly partitions: number
  /** Identity of that log, as its generation's record has it. */
  readonly logIdentity: string | undefined
  /** The log itself where it goes on where the archive ends; it stays the caller's. */
  readonly log: RecordSource | undefined
}

export class ArchiveSource implements RecordSource {
  readonly topic: string
  readonly #parts: ArchiveSourceParts
  readonly #checked = new Map<string, Promise<void>>()
  /** Buffers of batches that came from files: those that the log gave are decoded as the log's. */
  readonly #archived = new WeakSet<Buffer>()

  constructor(parts: ArchiveSourceParts) {
    this.topic = parts.topic
    this.#parts = parts
  }

  /** Also of a part of a batch: it lies in the same buffer. */
  isArchived({ bytes }: Pick<RecordBatch, 'bytes'>): boolean {
    return this.#archived.has(bytes)
  }

  async topology(): Promise<Topology> {
    const { log, selection, partitions, logIdentity } = this.#parts
    if (!selection.hasPositions) return { partitions: 1 }
    if (log !== undefined) return log.topology()
    return { partitions, ...(logIdentity === undefined ? {} : { identity: logIdentity }) }
  }

  async origins(): Promise<readonly number[]> {
    const { partitions } = await this.topology()
    return Array.from({ length: partitions }, () => 0)
  }

  async open(partition: number, offset: number): Promise<PartitionReader> {
    const { log, selection, logIdentity } = this.#parts
    const spans = selection.files.flatMap((file) => file.spans)
    const end = coverageOf(spans, partition)?.end ?? 0
    const archived = new ArchiveReader(this.#records(partition, offset), {
      end,
      identity: selection.hasPositions ? logIdentity : selection.checksum,
      given: ({ bytes }) => void this.#archived.add(bytes),
    })
    if (log === undefined || !selection.hasPositions) return archived
    return new ThenLog(archived, { end, offset, open: (from) => log.open(partition, from) })
  }

  /** Nothing is held but by readers. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  #records(partition: number, from: number): AsyncGenerator<readonly ArchivedRecord[]> {
    const files = this.#parts.selection.files.flatMap((file): MergedFile[] => {
      const span = file.spans.find((each) => each.partition === partition && each.last >= from)
      return span === undefined
        ? []
        : [
            {
              span,
              open: () => this.#fileRecords(file, { partition, from, base: this.#base(file) }),
            },
          ]
    })
    return mergeByOffset(files)
  }

  /** What rows of a file are counted from, where they have no offsets of their own. */
  #base({ spans }: ArchivedFile): number {
    return this.#parts.selection.hasPositions ? 0 : (spans[0]?.first ?? 0)
  }

  async *#fileRecords(
    file: ArchivedFile,
    {
      partition,
      from,
      base,
    }: { readonly partition: number; readonly from: number; readonly base: number },
  ): AsyncGenerator<readonly ArchivedRecord[]> {
    const { storage, selection, columns } = this.#parts
    await this.#check(file)
    const format = this.#parts.formatOf(file.path)
    if (format === undefined) throw changed(selection.location, file.path, 'is of no known format')
    await using local = await storage.open(file.path)
    const name = { path: local.path, name: file.path, hive: filePlace(file.path).hive }
    const wish = { columns, facts: selection, partition, from: Math.max(0, from - base) }
    for await (const records of format.records(name, wish)) {
      yield base === 0
        ? records
        : records.map((record) => ({ ...record, offset: record.offset + base }))
    }
  }

  /** Once for all partitions. */
  #check(file: ArchivedFile): Promise<void> {
    const known = this.#checked.get(file.path)
    if (known) return known
    const checked = this.#checkNow(file)
    this.#checked.set(file.path, checked)
    // Handled where it is awaited.
    checked.catch(() => undefined)
    return checked
  }

  async #checkNow({ path, bytes, digest }: ArchivedFile): Promise<void> {
    const { storage, selection } = this.#parts
    const found = await storage.stat(path)
    if (found === undefined) throw changed(selection.location, path, 'is gone')
    if (found.bytes !== bytes)
      throw changed(selection.location, path, `has ${found.bytes} bytes, not ${bytes}`)
    const now = await withLocal(storage, { path, hive: new Map() }, (local) => digestOf(local.path))
    if (now !== digest) throw changed(selection.location, path, 'has other bytes')
  }
}

interface ArchivedPartition {
  readonly end: number
  readonly identity: string | undefined
  readonly given: (batch: RecordBatch) => void
}

class ArchiveReader implements PartitionReader {
  readonly #records: AsyncGenerator<readonly ArchivedRecord[]>
  readonly #facts: ArchivedPartition
  /** Read, and not given yet. */
  #left: readonly ArchivedRecord[] = []

  constructor(records: AsyncGenerator<readonly ArchivedRecord[]>, facts: ArchivedPartition) {
    this.#records = records
    this.#facts = facts
  }

  identity(): Promise<string | undefined> {
    return Promise.resolve(this.#facts.identity)
  }

  async read(bytesMax: number): Promise<RecordBatch | undefined> {
    const taken: ArchivedRecord[] = []
    let bytes = 0
    while (bytes < bytesMax && taken.length < BATCH_RECORDS_MAX) {
      if (this.#left.length === 0) {
        const next = await this.#records.next()
        if (next.done === true) break
        this.#left = next.value
      }
      let count = 0
      while (count < this.#left.length && bytes < bytesMax && taken.length < BATCH_RECORDS_MAX) {
        const record = this.#left[count] as ArchivedRecord
        bytes += sizeOf(record)
        taken.push(record)
        count += 1
      }
      this.#left = this.#left.slice(count)
    }
    if (taken.length === 0) return undefined
    const batch = recordBatch(taken)
    this.#facts.given(batch)
    return batch
  }

  endOffset(): Promise<number> {
    return Promise.resolve(this.#facts.end)
  }

  lag(offset: number): number {
    return Math.max(0, this.#facts.end - offset)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records.return(undefined)
  }
}

/** The archive up to its end, then the log from there on. */
class ThenLog implements PartitionReader {
  readonly #archived: ArchiveReader
  readonly #at: {
    readonly end: number
    readonly offset: number
    open(from: number): Promise<PartitionReader>
  }
  #log: Promise<PartitionReader> | undefined
  #opened: PartitionReader | undefined
  #isPast: boolean

  constructor(
    archived: ArchiveReader,
    at: {
      readonly end: number
      readonly offset: number
      open(from: number): Promise<PartitionReader>
    },
  ) {
    this.#archived = archived
    this.#at = at
    this.#isPast = at.offset >= at.end
  }

  async identity(): Promise<string | undefined> {
    return (await this.#openLog()).identity()
  }

  async read(bytesMax: number): Promise<RecordBatch | undefined> {
    if (!this.#isPast) {
      const batch = await this.#archived.read(bytesMax)
      if (batch !== undefined) return batch
      this.#isPast = true
      await this.#archived[Symbol.asyncDispose]()
    }
    return (await this.#openLog()).read(bytesMax)
  }

  async endOffset(): Promise<number> {
    return Math.max(this.#at.end, await (await this.#openLog()).endOffset())
  }

  lag(offset: number): number {
    return Math.max(this.#archived.lag(offset), this.#opened?.lag(offset) ?? 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archived[Symbol.asyncDispose]()
    await (await this.#log?.catch(() => undefined))?.[Symbol.asyncDispose]()
  }

  #openLog(): Promise<PartitionReader> {
    this.#log ??= this.#at.open(Math.max(this.#at.offset, this.#at.end)).then(
      (reader) => {
        this.#opened = reader
        return reader
      },
      (error: unknown) => {
        this.#log = undefined
        throw error
      },
    )
    return this.#log
  }
}
