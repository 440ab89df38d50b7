/**
 * The next batch of a partition, ready to be decoded: fetched while the one before is folded, and held back, without holding up
 * the loop, while what its decoding needs from outside (schemas) cannot be had.
 */
import type { RecordBatch } from '../core/event.ts'
import type { Decoder, PartitionReader } from './ports.ts'
import { retryForEver } from './retry.ts'
import type { RetryContext } from './retry.ts'
import type { Wakeup } from './wakeup.ts'

const FETCH_BYTES = 2 * 1024 * 1024
/** A read that took this long has waited for records; one of files answers at once. */
const WAITED_MS = 10

export interface BatchFeedParts {
  readonly reader: PartitionReader
  readonly decoder: Decoder
  readonly retry: RetryContext
  /** Ends a wait for records, and is notified when a batch that was held back is ready. */
  readonly wakeup: Wakeup
}

interface Fetched {
  readonly batch: RecordBatch | undefined
}

interface HeldBatch {
  readonly batch: RecordBatch
  state: 'waiting' | 'ready' | { readonly cause: unknown }
}

export class BatchFeed {
  readonly #parts: BatchFeedParts
  #fetch: Promise<Fetched> | undefined
  #held: HeldBatch | undefined
  #foundNothing = false
  #waited = false

  constructor(parts: BatchFeedParts) {
    this.#parts = parts
  }

  /** The last read found nothing. */
  get foundNothing(): boolean {
    return this.#foundNothing
  }

  /** The last call has waited for records that did not come. */
  get waited(): boolean {
    return this.#waited
  }

  /** Undefined when there is none now, or something else is to be done first. @throws what reading throws, SCHEMA_REFUSED */
  async next(): Promise<RecordBatch | undefined> {
    this.#waited = false
    this.#foundNothing = false
    if (this.#held !== undefined) return this.#takeHeld()
    const { decoder, wakeup, retry } = this.#parts
    const askedMs = retry.clock.monotonicMs()
    this.#fetch ??= this.#read()
    const fetched = await Promise.race([this.#fetch, wakeup.notified()])
    if (fetched === undefined) return undefined
    const { batch } = fetched
    this.#fetch = batch ? this.#read() : undefined
    if (batch === undefined) {
      this.#foundNothing = true
      this.#waited = retry.clock.monotonicMs() - askedMs >= WAITED_MS
      return undefined
    }
    const preparing = decoder.prepare?.(batch)
    if (preparing === undefined) return batch
    this.#hold(batch, preparing)
    return undefined
  }

  #read(): Promise<Fetched> {
    const reading = this.#parts.reader.read(FETCH_BYTES).then((batch) => ({ batch }))
    // Handled where it is awaited.
    reading.catch(() => undefined)
    return reading
  }

  #takeHeld(): RecordBatch | undefined {
    const { batch, state } = this.#held ?? {}
    if (state === 'waiting') return undefined
    this.#held = undefined
    if (typeof state === 'object') throw state.cause
    return batch
  }

  #hold(batch: RecordBatch, preparing: Promise<void>): void {
    const { decoder, retry, wakeup } = this.#parts
    let first: Promise<void> | undefined = preparing
    const held: HeldBatch = { batch, state: 'waiting' }
    this.#held = held
    const again = (): Promise<void> => {
      const attempt = first ?? decoder.prepare?.(batch) ?? Promise.resolve()
      first = undefined
      return attempt
    }
    retryForEver(again, retry).then(
      () => {
        held.state = 'ready'
        wakeup.notify()
      },
      (cause: unknown) => {
        held.state = { cause }
        wakeup.notify()
      },
    )
  }
}
