/**
 * The online store of a single machine, in LevelDB: the adapter of `OnlineStore`.
 *
 *     v:<view>:<entity>    a value with its expiry (`online-record.ts`)
 *     m:<partition>        a marker; it has no time to live
 *
 * All partitions of a process share one store, so calls are queued: each reads, decides and writes alone. Nothing is
 * remembered from one call to the next: what the directory holds is what is true, also after it was deleted or put back.
 */
import type {
  ExpectedMarker,
  Marker,
  MarkerAdvance,
  OnlineStore,
  OnlineValue,
  OnlineWriteResult,
} from '../engine/ports.ts'
import { Database, type DatabaseOptions } from './database.ts'
import { ONLINE_FAULTS } from './faults.ts'
import type { KeyRange } from './keys.ts'
import { decodeOnline, encodeOnline, readGuard, renewed } from './online-record.ts'
import { type StoredMarker, admit, isAhead } from './online-rules.ts'

export interface OnlineStoreOptions extends DatabaseOptions {
  /** The wall clock by which values expire, ms. */
  readonly nowMs: () => number
}

const MARKER_RANGE: KeyRange = { gte: 'm:', lt: 'm;' }
const VALUE_RANGE: KeyRange = { gte: 'v:', lt: 'v;' }

export class LevelOnlineStore implements OnlineStore {
  /** While it is open nothing is lost: one process, one directory. */
  readonly incarnation = 'open'
  readonly #database: Database
  readonly #nowMs: () => number
  #queue: Promise<unknown> = Promise.resolve()
  #purgedUpTo: string | undefined

  /**
   * Opens the store in `directory`, or makes a new one. Where files lost writes that were acknowledged, the markers go:
   * a missing marker makes every partition tell its values again.
   * @throws ONLINE_UNAVAILABLE where another process has it, ONLINE_REFUSED
   */
  static async open(directory: string, options: OnlineStoreOptions): Promise<LevelOnlineStore> {
    const database = await Database.open(directory, ONLINE_FAULTS, options)
    try {
      if (database.gap !== undefined) {
        const markers = await database.range(MARKER_RANGE)
        await database.acceptGap((batch) => {
          for (const [key] of markers) batch.del(key)
        })
      }
      return new LevelOnlineStore(database, options.nowMs)
    } catch (error) {
      await database.close()
      throw error
    }
  }

  private constructor(database: Database, nowMs: () => number) {
    this.#database = database
    this.#nowMs = nowMs
  }

  async write(values: readonly OnlineValue[]): Promise<OnlineWriteResult> {
    return this.#alone(async () => {
      const nowMs = this.#nowMs()
      const keys = values.map((value) => valueKey(value.view, value.entity))
      const stored = await this.#database.getMany(keys)
      const current = new Map(keys.map((key, index) => [key, stored[index]]))
      const changed = new Map<string, Uint8Array>()
      const foreign: { view: string; entity: string; partition: number }[] = []
      let written = 0
      values.forEach((value, index) => {
        const key = keys[index]!
        const bytes = current.get(key)
        const verdict = admit(bytes === undefined ? undefined : readGuard(bytes), value, nowMs)
        if (verdict.kind === 'foreign') {
          foreign.push({ view: value.view, entity: value.entity, partition: verdict.holder })
        }
        if (verdict.kind === 'write') written += 1
        const next = nextBytes(verdict.kind, bytes, value, nowMs)
        if (next === undefined) return
        current.set(key, next)
        changed.set(key, next)
      })
      if (changed.size > 0) {
        await this.#database.write((batch) => {
          for (const [key, bytes] of changed) batch.put(key, bytes)
        })
      }
      return { written, refused: values.length - written - foreign.length, foreign }
    })
  }

  async read(view: string, entity: string): Promise<OnlineValue | undefined> {
    return this.#alone(async () => {
      const bytes = await this.#database.get(valueKey(view, entity))
      return bytes === undefined || this.#isExpired(bytes)
        ? undefined
        : decodeOnline(bytes, view, entity)
    })
  }

  async marker(partition: number): Promise<Marker | undefined> {
    return this.#alone(() => this.#readMarker(partition))
  }

  async advanceMarker(
    partition: number,
    marker: Marker,
    expected: ExpectedMarker,
  ): Promise<MarkerAdvance> {
    return this.#alone(async () => {
      const stored = await this.#readMarker(partition)
      const last = expected.marker
      const isLost = last !== undefined && (stored === undefined || isAhead(last, stored))
      if (isLost || expected.incarnation !== this.incarnation) return { outcome: 'lost', stored }
      if (stored !== undefined && isAhead(stored, marker)) return { outcome: 'ahead', stored }
      const bytes = new TextEncoder().encode(JSON.stringify(marker satisfies StoredMarker))
      await this.#database.write((batch) => batch.put(markerKey(partition), bytes))
      return { outcome: 'advanced', stored: marker }
    })
  }

  async forgetMarker(partition: number): Promise<void> {
    await this.#alone(() => this.#database.write((batch) => batch.del(markerKey(partition))))
  }

  /** The cursor is the last key that was looked at. A page of many other partitions' values may be empty. */
  async walk(
    view: string,
    whose: Parameters<OnlineStore['walk']>[1],
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly values: readonly OnlineValue[]; readonly next: string | undefined }> {
    return this.#alone(async () => {
      const from = valueKey(view, '').length
      const isAsked =
        typeof whose === 'number' ? (_: string, holder: number) => holder === whose : whose
      const entries = await this.#database.range(after(viewRange(view), cursor), limit)
      const values = entries
        .filter(([key, bytes]) => isAsked(key.slice(from), readGuard(bytes).partition))
        .filter(([, bytes]) => !this.#isExpired(bytes))
        .map(([key, bytes]) => decodeOnline(bytes, view, key.slice(from)))
      return { values, next: entries.length < limit ? undefined : entries.at(-1)?.[0] }
    })
  }

  async nowMs(): Promise<number> {
    return this.#nowMs()
  }

  /**
   * Removes expired values among the next `limit` ones; readers do not see them anyway. True while there is more of the
   * store to go through; the next call then starts at its beginning.
   */
  async purgeExpired(limit: number): Promise<boolean> {
    return this.#alone(async () => {
      const entries = await this.#database.range(after(VALUE_RANGE, this.#purgedUpTo), limit)
      const expired = entries.filter(([, bytes]) => this.#isExpired(bytes))
      if (expired.length > 0) {
        await this.#database.write((batch) => {
          for (const [key] of expired) batch.del(key)
        })
      }
      this.#purgedUpTo = entries.length < limit ? undefined : entries.at(-1)?.[0]
      return this.#purgedUpTo !== undefined
    })
  }

  /** Bytes on disk. */
  size(): number {
    return this.#database.size()
  }

  /** Waits for the calls under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue
    await this.#database.close()
  }

  async #readMarker(partition: number): Promise<Marker | undefined> {
    const bytes = await this.#database.get(markerKey(partition))
    if (bytes === undefined) return undefined
    const { scanId, ...rest } = JSON.parse(new TextDecoder().decode(bytes)) as StoredMarker
    return { ...rest, scanId }
  }

  #isExpired(bytes: Uint8Array): boolean {
    return readGuard(bytes).expiryMs <= this.#nowMs()
  }

  #alone<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run)
    this.#queue = result.catch(() => undefined)
    return result
  }
}

/** What to store for a value; undefined: nothing changes. */
function nextBytes(
  verdict: ReturnType<typeof admit>['kind'],
  stored: Uint8Array | undefined,
  value: OnlineValue,
  nowMs: number,
): Uint8Array | undefined {
  if (verdict === 'write') return encodeOnline(value, nowMs)
  if (verdict === 'renew' && stored !== undefined) return renewed(stored, value.ttlMs, nowMs)
  return undefined
}

/** The view's name ends in its version, so that no view's keys begin with another's. */
function valueKey(view: string, entity: string): string {
  return `v:${view}:${entity}`
}

function viewRange(view: string): KeyRange {
  return { gte: valueKey(view, ''), lt: `v:${view};` }
}

function markerKey(partition: number): string {
  return `m:${partition}`
}

function after({ gte = '', lt }: KeyRange, cursor: string | undefined): KeyRange {
  return cursor === undefined ? { gte, lt } : { gt: cursor, lt }
}
