/**
 * The next batch of a partition, ready to be decoded: fetched while the one before is folded, and held back, without holding up
 * the loop, while what its decoding needs from outside (schemas) cannot be had.
 */
import type { RecordBatch } from '../core/event.ts'
import type { Decoder, PartitionReader } from './ports.ts'
import { retryForEver } from './retry.ts'
import type { RetryContext } from './retry.ts'

const FETCH_BYTES = 2 * 1024 * 1024

export interface BatchFeedParts {
  readonly reader: PartitionReader
  readonly decoder: Decoder
  readonly retry: RetryContext
  /** Called when a batch that was held back is ready. */
  readonly onReady: () => void
}

interface HeldBatch {
  readonly batch: RecordBatch
  state: 'waiting' | 'ready' | { readonly cause: unknown }
}

export class BatchFeed {
  readonly #parts: BatchFeedParts
  #fetch: Promise<RecordBatch | undefined> | undefined
  #held: HeldBatch | undefined
  #foundNothing = false

  constructor(parts: BatchFeedParts) {
    this.#parts = parts
  }

  /** The last read found nothing. */
  get foundNothing(): boolean {
    return this.#foundNothing
  }

  /** Undefined when there is none now. @throws what reading throws, SCHEMA_REFUSED */
  async next(): Promise<RecordBatch | undefined> {
    if (this.#held !== undefined) return this.#takeHeld()
    const { reader, decoder } = this.#parts
    this.#fetch ??= reader.read(FETCH_BYTES)
    const batch = await this.#fetch
    this.#foundNothing = batch === undefined
    this.#fetch = batch ? reader.read(FETCH_BYTES) : undefined
    this.#fetch?.catch(() => undefined)
    if (batch === undefined) return undefined
    const preparing = decoder.prepare?.(batch)
    if (preparing === undefined) return batch
    this.#hold(batch, preparing)
    return undefined
  }

  #takeHeld(): RecordBatch | undefined {
    const { batch, state } = this.#held ?? {}
    if (state === 'waiting') return undefined
    this.#held = undefined
    if (typeof state === 'object') throw state.cause
    return batch
  }

  #hold(batch: RecordBatch, preparing: Promise<void>): void {
    const { decoder, retry, onReady } = this.#parts
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
        onReady()
      },
      (cause: unknown) => {
        held.state = { cause }
        onReady()
      },
    )
  }
}
