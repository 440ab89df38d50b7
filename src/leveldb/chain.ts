/**
 * Every batch carries a number, and the last numbers stay in the store. LevelDB skips a damaged part of its log without
 * a word: the batches in it are then missing while later ones are there. At the next opening a gap in the numbers shows
 * that.
 *
 * A number is kept until no log file can still hold its batch (a store has at most two logs, each about as long as the
 * write buffer), and 64 are kept in any case. What was there at an opening is in tables: LevelDB empties its logs then.
 */
import type { Batch, Entry } from './entry.ts'
import type { KeyRange } from './keys.ts'

const KEPT_MIN = 64
/** So that forgetting many numbers at once makes no batch large. */
const FORGOTTEN_PER_BATCH_MAX = 256
const LOG_FILES = 3
const PREFIX = '!chain/'
const NEWEST_KEY = '!newest'

export const CHAIN_RANGE: KeyRange = { gte: PREFIX, lt: '!chain0' }
export const CHAIN_NEWEST_KEY = NEWEST_KEY

export class Chain {
  readonly #writeBufferBytes: number
  /** Numbers in the store, ascending, with the bytes written since opening when each was; from `#first` on. */
  #links: { readonly number: number; readonly bytes: number }[]
  #first = 0
  #newest: number
  /** The number after which the chain began: 0, or where it was restarted. */
  #base: number
  #bytes = 0
  /** What is missing, in words; undefined: nothing is. */
  readonly gap: string | undefined

  constructor(entries: readonly Entry[], newest: Uint8Array | undefined, writeBufferBytes: number) {
    const numbers = entries.map(([key]) => Number(key.slice(PREFIX.length)))
    this.#writeBufferBytes = writeBufferBytes
    this.#links = numbers.map((number) => ({ number, bytes: -Infinity }))
    const [claimed = 0, base = 0] =
      newest === undefined ? [] : new TextDecoder().decode(newest).split(' ').map(Number)
    this.gap = gapIn(numbers, claimed, base)
    this.#newest = Math.max(claimed, numbers.at(-1) ?? 0)
    this.#base = base
  }

  /** Adds the next number to a batch and takes away those that are no longer needed. */
  extend(batch: Batch, batchBytes: number): void {
    this.#newest += 1
    this.#bytes += batchBytes
    const number = this.#newest
    batch.put(linkKey(number), new Uint8Array(0))
    batch.put(NEWEST_KEY, new TextEncoder().encode(`${number} ${this.#base}`))
    this.#links.push({ number, bytes: this.#bytes })
    for (let i = 0; i < FORGOTTEN_PER_BATCH_MAX; i += 1) {
      const oldest = this.#links[this.#first]
      if (oldest === undefined || !this.#isForgettable(oldest.bytes)) break
      batch.del(linkKey(oldest.number))
      this.#first += 1
    }
    this.#compact()
  }

  /** Takes all numbers away and begins anew after the newest, for a store that can live with what was lost. */
  restart(batch: Batch): void {
    for (const { number } of this.#links.slice(this.#first)) batch.del(linkKey(number))
    this.#links = []
    this.#first = 0
    this.#base = this.#newest
  }

  #isForgettable(bytes: number): boolean {
    const kept = this.#links.length - this.#first
    return kept > KEPT_MIN && this.#bytes - bytes > LOG_FILES * this.#writeBufferBytes
  }

  #compact(): void {
    if (this.#first < 4096) return
    this.#links = this.#links.slice(this.#first)
    this.#first = 0
  }
}

function linkKey(number: number): string {
  return PREFIX + String(number).padStart(16, '0')
}

function gapIn(numbers: readonly number[], newest: number, base: number): string | undefined {
  const last = numbers.at(-1) ?? base
  if (last !== newest) return `batch ${last} is its last, and it says that ${newest} is`
  for (let i = 1; i < numbers.length; i += 1) {
    const missing = (numbers[i - 1] ?? 0) + 1
    if (numbers[i] !== missing) return `batch ${missing} of ${newest} is missing`
  }
  const first = newest - numbers.length + 1
  const kept = Math.min(newest - base, KEPT_MIN)
  return numbers.length < kept ? `the batches before ${first} of ${newest} are missing` : undefined
}
