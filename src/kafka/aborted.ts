/**
 * Which batches of a record set belong to transactions that were aborted.
 *
 * The broker names (producer, first offset) of each aborted transaction that reaches into the fetch. A producer is "in an
 * aborted transaction" from that offset up to its abort marker, which is in the log. Transactions of several producers
 * overlap, and the broker's list is in the order of the markers, so it is sorted first; and several transactions of one
 * producer follow each other, so that an entry is used up by its marker, not kept by producer.
 */
import type { AbortedTransaction } from './fetch-response.ts'

/** The second field of a marker's key; 1 is a commit. */
const ABORT = 0
const MARKER_TYPE_AT = 2
const MARKER_KEY_BYTES = 4

export class AbortedTransactions {
  /** Those that begin later, the next one last. */
  readonly #pending: AbortedTransaction[]
  /** Those that have begun and whose marker has not come. */
  readonly #open = new Map<bigint, AbortedTransaction>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset)
  }

  /** Nothing is aborted from here on, so that nobody needs to look. */
  get isEmpty(): boolean {
    return this.#pending.length === 0 && this.#open.size === 0
  }

  /** Whether a transactional batch of `producerId` that ends at `lastOffset` was aborted. To be asked in log order. */
  has(producerId: bigint, lastOffset: number): boolean {
    this.#begin(lastOffset)
    return this.#open.has(producerId)
  }

  /** A control batch was met, with this key of its one record. */
  end(producerId: bigint, lastOffset: number, key: Buffer): void {
    this.#begin(lastOffset)
    if (key.length < MARKER_KEY_BYTES || key.readInt16BE(MARKER_TYPE_AT) !== ABORT) return
    this.#open.delete(producerId)
  }

  /** What is still to be known for the batches that follow. */
  remaining(): AbortedTransaction[] {
    return [...this.#open.values(), ...this.#pending]
  }

  #begin(lastOffset: number): void {
    for (
      let next = this.#pending.at(-1);
      next !== undefined && next.firstOffset <= lastOffset;
      next = this.#pending.at(-1)
    ) {
      this.#open.set(next.producerId, next)
      this.#pending.pop()
    }
  }
}
