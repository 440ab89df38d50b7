/**
 * The one door to LevelDB, for both stores. It holds the rules without which LevelDB loses data:
 *
 * - A read never overlaps a write. LevelDB 1.20 returns old values through an iterator or snapshot that is open while
 *   compactions run (google/leveldb#320); here an iterator lives within one call, and an overlap is a broken invariant.
 * - Each write is one atomic batch, synced, and numbered (`chain.ts`).
 * - A failed write closes the store for good: after a full disk LevelDB acknowledges batches that it then loses.
 * - Nothing is ever repaired: repair drops what it cannot read. Tables are checked before LevelDB sees them (`table-check.ts`).
 */
import path from 'node:path'
import { mkdirSync } from 'node:fs'
import { ClassicLevel } from 'classic-level'
import { invariant } from '../errors.ts'
import { CHAIN_NEWEST_KEY, CHAIN_RANGE, Chain } from './chain.ts'
import { directoryBytes, lacksItsIndex, removeStaleCopies } from './directory.ts'
import type { Batch, Entry } from './entry.ts'
import { type Faults, codeOf } from './faults.ts'
import type { KeyRange } from './keys.ts'
import { findDamage } from './table-check.ts'

/** Sizes of one store; together they bound its memory. */
export interface DatabaseOptions {
  /** Halves the disk space of state and doubles the cost of reading it. Default: off. */
  readonly compression?: boolean
  /** Up to two of them are in memory; reopening after a crash reads them back at about 30 ms per MiB. */
  readonly writeBufferBytes?: number
  /** For compressed blocks only: others are read straight from mapped files. */
  readonly cacheBytes?: number
  /** The store that this is a copy of: what is said is said of it, and its tables were checked when its owner opened it. */
  readonly copyOf?: string
}

const MIB = 2 ** 20
const WRITE_BUFFER_BYTES = 16 * MIB
const CACHE_BYTES = 8 * MIB
const TABLE_BYTES = 8 * MIB
/** Entries per step of an iterator, and bytes that it may hold. */
const STEP = 1000
const STEP_BYTES = MIB

export class Database {
  readonly directory: string
  /** What messages call it. */
  readonly title: string
  readonly #level: ClassicLevel<string, Uint8Array>
  readonly #faults: Faults
  readonly #chain: Chain
  #reads = 0
  #writing = false
  #failure: Error | undefined

  /** @throws what `faults` makes of a locked, damaged or unusable directory */
  static async open(
    directory: string,
    faults: Faults,
    options: DatabaseOptions = {},
  ): Promise<Database> {
    const title = options.copyOf ?? directory
    const damage = options.copyOf === undefined ? await findDamage(directory) : undefined
    if (damage !== undefined) throw faults.damaged(title, damage)
    const level = await openLevel(directory, faults, options)
    try {
      const [links, newest] = await Promise.all([
        readRange(level, CHAIN_RANGE, Infinity),
        level.get(CHAIN_NEWEST_KEY),
      ])
      const writeBufferBytes = options.writeBufferBytes ?? WRITE_BUFFER_BYTES
      const chain = new Chain(links, newest, writeBufferBytes)
      return new Database(level, { title, faults, chain })
    } catch (error) {
      await level.close()
      throw faults.damaged(title, 'it cannot be read', error)
    }
  }

  private constructor(
    level: ClassicLevel<string, Uint8Array>,
    {
      title,
      faults,
      chain,
    }: { readonly title: string; readonly faults: Faults; readonly chain: Chain },
  ) {
    this.directory = level.location
    this.title = title
    this.#level = level
    this.#faults = faults
    this.#chain = chain
  }

  /** Which acknowledged batches the files lack, in words; undefined: none. */
  get gap(): string | undefined {
    return this.#chain.gap
  }

  /** Values in the order of `keys`; LevelDB is asked in key order, which costs a quarter less. */
  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return []
    const order = keys.map((_, index) => index)
    order.sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1))
    const found = await this.#read(() => this.#level.getMany(order.map((index) => keys[index]!)))
    const values = new Array<Uint8Array | undefined>(keys.length)
    for (let i = 0; i < order.length; i += 1) values[order[i]!] = found[i]
    return values
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#level.get(key))
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return keys.length === 0 ? [] : this.#read(() => this.#level.hasMany([...keys]))
  }

  /** Entries of a range, ascending; its iterator is closed before this resolves. */
  async range(range: KeyRange, limit = Infinity): Promise<Entry[]> {
    return limit <= 0 ? [] : this.#read(() => readRange(this.#level, range, limit))
  }

  /**
   * One atomic, synced batch.
   * @throws what `faults` makes of a failed write; the store is then closed for good
   */
  async write(fill: (batch: Batch) => void): Promise<void> {
    this.#assertUsable()
    invariant(this.#reads === 0 && !this.#writing, 'no read or other write runs during a write')
    this.#writing = true
    const batch = this.#level.batch()
    try {
      const bytes = this.#fill(batch, fill)
      this.#chain.extend(batch, bytes)
    } catch (error) {
      this.#writing = false
      await batch.close()
      throw error
    }
    try {
      await batch.write({ sync: true })
    } catch (error) {
      this.#failure = this.#faults.writeFailed(this.title, error)
      await this.#level.close().catch(() => undefined)
      throw this.#failure
    } finally {
      this.#writing = false
    }
  }

  /** Accepts what is missing: forgets the numbers of the past in one batch with what `fill` makes of the loss. */
  async acceptGap(fill: (batch: Batch) => void): Promise<void> {
    await this.write((batch) => {
      this.#chain.restart(batch)
      fill(batch)
    })
  }

  /** Bytes on disk. */
  size(): number {
    return directoryBytes(this.directory)
  }

  async close(): Promise<void> {
    await this.#level.close()
  }

  #fill(batch: Batch, fill: (batch: Batch) => void): number {
    let bytes = 0
    fill({
      put(key, value) {
        bytes += key.length + value.length
        batch.put(key, value)
      },
      del(key) {
        bytes += key.length
        batch.del(key)
      },
    })
    return bytes
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#assertUsable()
    invariant(!this.#writing, 'no read runs during a write')
    this.#reads += 1
    try {
      return await read()
    } catch (error) {
      throw this.#faults.damaged(this.title, 'a part of it cannot be read', error)
    } finally {
      this.#reads -= 1
    }
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure
    invariant(this.#level.status === 'open', `the store ${this.title} is open`)
  }
}

async function openLevel(
  directory: string,
  faults: Faults,
  options: DatabaseOptions,
): Promise<ClassicLevel<string, Uint8Array>> {
  const title = options.copyOf ?? directory
  const isCopy = options.copyOf !== undefined
  if (lacksItsIndex(directory)) throw faults.damaged(title, 'its file CURRENT is missing')
  const level = new ClassicLevel<string, Uint8Array>(directory, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    compression: options.compression ?? false,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    maxFileSize: TABLE_BYTES,
    // A copy lies in the directory of its store. Made anew where that was moved away, it would be in the way of what comes.
    createIfMissing: !isCopy,
  })
  try {
    if (!isCopy) mkdirSync(path.dirname(path.resolve(directory)), { recursive: true })
    await level.open()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'LEVEL_LOCKED') throw faults.locked(title, error)
    if (code === 'LEVEL_CORRUPTION') throw faults.damaged(title, 'it cannot be opened', error)
    throw faults.writeFailed(title, error)
  }
  if (!isCopy) removeStaleCopies(directory)
  return level
}

async function readRange(
  level: ClassicLevel<string, Uint8Array>,
  range: KeyRange,
  limit: number,
): Promise<Entry[]> {
  const bound = Number.isFinite(limit) ? { limit } : {}
  const iterator = level.iterator({ ...range, ...bound, highWaterMarkBytes: STEP_BYTES })
  const entries: Entry[] = []
  try {
    for (;;) {
      const step = await iterator.nextv(STEP)
      if (step.length === 0) return entries
      for (const entry of step) entries.push(entry)
    }
  } finally {
    await iterator.close()
  }
}
