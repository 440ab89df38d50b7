/**
 * One open partition: what was fetched ahead, as the broker sent it, decoded a piece at a time when it is read. The bytes
 * that wait are bounded; a reader that is slow is asked for nothing more until it has room.
 */
import type { RecordBatch } from '../core/event.ts'
import type { PartitionReader } from '../engine/ports.ts'
import { batchEnd } from './batch-header.ts'
import type { FetchedPartition } from './fetch-response.ts'
import type { FetchTarget, FetchWish } from './fetch-loop.ts'
import { int64 } from './int64.ts'
import { decodeRecords } from './record-batch.ts'
import type { FetchedRecords } from './record-batch.ts'

export interface ReaderParts {
  readonly topic: string
  readonly partition: number
  readonly identity: string
  /** Where reading begins, and the end of the log as it is known. */
  readonly offset: number
  readonly end: number
  /** Bytes that may wait to be read, now. */
  readonly bufferBytesMax: () => number
  readonly isReachable: () => boolean
  /** It has room again. */
  readonly changed: (reader: KafkaPartitionReader) => void
  readonly closed: (reader: KafkaPartitionReader) => void
  readonly askEnd: () => Promise<number>
  /** Rejects with the reason why the log has no such offset; resolves where it has. */
  readonly checkOffset: (offset: number) => Promise<void>
}

/** Of one partition in one request. */
const FETCH_BYTES = 1024 * 1024
/** A read that finds nothing waits so long for something: at the end of the log, and where records are known to be. */
const READ_WAIT_MS = 50
const BEHIND_WAIT_MS = 250
/** So many fetches in a row that found nothing, though the log goes on: the rest of it holds no record any more. */
const EMPTY_FETCHES_MAX = 3

/** Copied out of their response at once, where they are so small a part of it: they would keep all of it in memory. */
const SMALL_PART = 1 / 8

interface Waiting {
  fetched: FetchedRecords
  /** Offset that its first record has or exceeds. */
  from: number
  readonly bytes: number
  /** Not part of a response that holds other partitions' records too. */
  isOwn: boolean
}

export class KafkaPartitionReader implements PartitionReader, FetchTarget {
  readonly partition: number
  readonly #parts: ReaderParts
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0
  /** Where the next fetch begins; undefined: the bytes that wait are damaged, and decoding will say so. */
  #fetchOffset: number | undefined
  /** Bytes of the batch at `#fetchOffset`, where a fetch of the usual size did not hold it. */
  #bytesNeeded: number | undefined
  #end: number
  #emptyFetches = 0
  #failure: { readonly error: unknown } | undefined
  #isClosed = false
  #wake: (() => void) | undefined

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.partition = parts.partition
    this.#fetchOffset = parts.offset
    this.#end = parts.end
  }

  identity(): Promise<string> {
    return Promise.resolve(this.#parts.identity)
  }

  async read(bytesMax: number): Promise<RecordBatch | undefined> {
    if (this.#waiting.length === 0 && this.#failure === undefined && !this.#isClosed) {
      const isExpected = this.#isBehind && this.#parts.isReachable()
      await this.#somethingComes(isExpected ? BEHIND_WAIT_MS : READ_WAIT_MS)
    }
    const [first] = this.#waiting
    if (first !== undefined) return this.#decode(first, bytesMax)
    if (this.#failure !== undefined) throw this.#failure.error
    return undefined
  }

  async endOffset(): Promise<number> {
    const end = await this.#parts.askEnd()
    this.#noteEnd(end)
    return end
  }

  lag(offset: number): number {
    const isAfterLast = this.#nothingLeft && offset === this.#fetchOffset
    return isAfterLast ? 0 : Math.max(0, this.#end - offset)
  }

  wish(): FetchWish | undefined {
    const offset = this.#fetchOffset
    if (offset === undefined || this.#failure !== undefined || this.#isClosed) return undefined
    const room = this.#parts.bufferBytesMax() - this.#waitingBytes
    const bytesMax = this.#bytesNeeded ?? Math.min(FETCH_BYTES, this.#parts.bufferBytesMax())
    if (bytesMax > room && this.#waitingBytes > 0) return undefined
    return { offset, bytesMax, isBehind: this.#isBehind }
  }

  take(fetched: FetchedPartition, wish: FetchWish, isFirst: boolean): void {
    if (this.#isClosed || wish.offset !== this.#fetchOffset) return
    this.#noteEnd(fetched.lastStableOffset)
    if (fetched.records.length === 0) {
      if (isFirst && wish.offset < fetched.lastStableOffset) this.#emptyFetches += 1
      return
    }
    this.#emptyFetches = 0
    const { next, bytesNeeded } = this.#walk(fetched.records, wish.offset)
    this.#bytesNeeded = bytesNeeded
    if (bytesNeeded !== undefined) return
    this.#fetchOffset = next
    this.#keep({ fetched, from: wish.offset, bytes: fetched.records.length, isOwn: false })
    this.#wake?.()
  }

  lost(wish: FetchWish): Promise<void> {
    return this.#parts.checkOffset(wish.offset)
  }

  /** Records that wait are given out first: they are good. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake?.()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#waiting.length = 0
    this.#wake?.()
    this.#parts.closed(this)
    return Promise.resolve()
  }

  get #isBehind(): boolean {
    return this.#fetchOffset !== undefined && this.#fetchOffset < this.#end && !this.#nothingLeft
  }

  /** What compaction left of the log ends before the log's own end. */
  get #nothingLeft(): boolean {
    return this.#emptyFetches >= EMPTY_FETCHES_MAX
  }

  /** What is read soon is read from the response; what has to wait is copied, so that the rest of the response is free. */
  #keep(arrived: Waiting): void {
    for (const waiting of this.#waiting) makeOwn(waiting)
    const { records } = arrived.fetched
    this.#waiting.push(arrived)
    this.#waitingBytes += arrived.bytes
    const isSmall = records.length < records.buffer.byteLength * SMALL_PART
    if (isSmall || this.wish() === undefined) makeOwn(arrived)
  }

  #noteEnd(end: number): void {
    if (end > this.#end) this.#emptyFetches = 0
    this.#end = end
  }

  #decode(first: Waiting, bytesMax: number): RecordBatch {
    const { topic, partition } = this.#parts
    const batch = decodeRecords(first.fetched, { from: first.from, bytesMax, topic, partition })
    if (batch.rest === undefined) {
      this.#waiting.shift()
      this.#waitingBytes -= first.bytes
      this.#parts.changed(this)
    } else {
      first.fetched = batch.rest
      first.from = batch.nextOffset
    }
    return batch
  }

  /** The offset after the last whole batch; or how many bytes the first one has, where not even that is whole. */
  #walk(
    records: Buffer,
    from: number,
  ): { readonly next: number | undefined; readonly bytesNeeded: number | undefined } {
    let [next, at] = [from, 0]
    try {
      while (at < records.length) {
        const end = batchEnd(records, at, this.#parts)
        if (end > records.length) break
        next = int64(records, at) + records.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1
        at = end
      }
    } catch {
      return { next: undefined, bytesNeeded: undefined }
    }
    return { next, bytesNeeded: at === 0 ? batchEnd(records, 0, this.#parts) : undefined }
  }

  async #somethingComes(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

function makeOwn(waiting: Waiting): void {
  if (waiting.isOwn) return
  const { records, aborted } = waiting.fetched
  waiting.isOwn = true
  if (records.length < records.buffer.byteLength / 2)
    waiting.fetched = { records: Buffer.from(records), aborted }
}

const LAST_OFFSET_DELTA_AT = 23
