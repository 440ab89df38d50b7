/**
 * The online store's server: what it holds, how it loses it, and a reader that looks at every value that is written. A value
 * must be what the log says for its version, and may never be replaced by an older one, unless the server lost data.
 */
import type {
  ExpectedMarker,
  Marker,
  MarkerAdvance,
  OnlineValue,
  OnlineVersion,
  OnlineWriteResult,
} from '../src/engine/ports.ts'
import { MemoryOnlineStore, type OnlineSnapshot } from '../src/memory/online-store.ts'
import type { Coverage } from './coverage.ts'
import type { PrefixOracle } from './prefix-oracle.ts'

export interface OnlineServerParts {
  readonly nowMs: () => number
  readonly coverage: Coverage
  readonly oracle: PrefixOracle
  /** Up to where a process must have read before it tells anything: what it replaced had come so far. */
  keptOf(process: string, partition: number): number
  readonly onViolation: (what: string) => void
}

export class OnlineServer {
  readonly store: MemoryOnlineStore
  readonly #parts: OnlineServerParts
  #saved: OnlineSnapshot | undefined
  #losesNextWrite = false
  /** The last version that a reader saw, by view and entity. */
  readonly #seen = new Map<string, OnlineVersion>()
  /** As stored when they were compared last, since the server lost data. */
  readonly #markers = new Map<number, Marker>()

  constructor(parts: OnlineServerParts) {
    this.#parts = parts
    this.store = new MemoryOnlineStore(parts.nowMs)
  }

  async write(process: string, values: readonly OnlineValue[]): Promise<OnlineWriteResult> {
    const { coverage, oracle, onViolation } = this.#parts
    for (const value of values) this.#checkPassed(process, value)
    const lost = this.#losesNextWrite ? this.store.snapshot() : undefined
    const result = await this.store.write(values)
    if (result.refused > 0) coverage.hit('path online write refused by version')
    if (result.foreign.length > 0)
      onViolation(`a key in two partitions: ${values[0]?.entity ?? ''}`)
    for (const value of values) {
      const problem = oracle.problemOf(value)
      if (problem !== undefined) onViolation(`${process} wrote ${problem}`)
      if (value.eventTime === undefined) coverage.hit('path all-empty value written')
      await this.#look(value.view, value.entity)
    }
    if (lost !== undefined) {
      this.#losesNextWrite = false
      this.#forget()
      this.store.restart(lost)
    }
    return result
  }

  /** Another generation may begin anew, but readers never see less of the log than what was handed over knew. */
  #checkPassed(
    process: string,
    { view, entity, version, partition, eventTime }: OnlineValue,
  ): void {
    const before = this.#seen.get(`${view} ${entity}`)
    if (before === undefined || eventTime === undefined) return
    const { generation } = version
    if (generation <= before.generation || version.offset >= before.offset) return
    // What the entity had before may be dropped by this generation.
    const last = { generation, offset: before.offset }
    if (version.offset >= this.#parts.oracle.lastOffset(view, entity, last)) return
    if (before.offset < this.#parts.keptOf(process, partition))
      this.#parts.onViolation(
        `${process} told ${view} ${entity} up to ${text(version)} before it had passed ${text(before)}`,
      )
  }

  async #look(view: string, entity: string): Promise<void> {
    const value = await this.store.read(view, entity)
    const key = `${view} ${entity}`
    const before = this.#seen.get(key)
    if (value === undefined) return
    if (before !== undefined && compare(value.version, before) < 0)
      this.#parts.onViolation(
        `${key} went back from ${text(before)} to ${text(value.version)} in the online store`,
      )
    this.#seen.set(key, value.version)
  }

  async readMarker(process: string, partition: number): Promise<Marker | undefined> {
    const marker = await this.store.marker(partition)
    if (marker?.scanId !== undefined && !marker.scanId.startsWith(`${process}.`))
      this.#parts.coverage.hit("path marker of another process's scan met")
    return marker
  }

  async advance(
    partition: number,
    marker: Marker,
    expected: ExpectedMarker,
  ): Promise<MarkerAdvance> {
    const advance = await this.store.advanceMarker(partition, marker, expected)
    this.#parts.coverage.hit(`path marker ${advance.outcome}`)
    const { stored } = advance
    // With the id of a scan it acknowledges nothing new.
    if (advance.outcome === 'advanced' && marker.scanId === undefined)
      await this.#checkTold(partition, marker)
    const before = this.#markers.get(partition)
    if (stored !== undefined) {
      if (before !== undefined && compareMarkers(stored, before) < 0)
        this.#parts.onViolation(`the marker of partition ${partition} went back`)
      this.#markers.set(partition, stored)
    }
    return advance
  }

  /** Nobody can have missed what the server lost: the marker was compared since. */
  hasCompared(partition: number): boolean {
    return this.#markers.has(partition)
  }

  /** What a marker acknowledges is there. */
  async #checkTold(partition: number, { generation, position, asOf }: Marker): Promise<void> {
    const { oracle, onViolation } = this.#parts
    const told = { generation, partition, position, asOf }
    for (const { view, entity, offset } of oracle.valuesBelow(told)) {
      const version = (await this.store.read(view, entity))?.version
      if (version === undefined || version.offset < offset)
        onViolation(
          `the marker of partition ${partition} is at ${position}, but ${view} ${entity} is at ${version ? text(version) : 'nothing'} and not at ${offset}`,
        )
    }
  }

  async walk(
    view: string,
    whose: Parameters<MemoryOnlineStore['walk']>[1],
    cursor: string | undefined,
    limit: number,
  ): ReturnType<MemoryOnlineStore['walk']> {
    this.#parts.coverage.hit('path walk through the online store')
    return this.store.walk(view, whose, cursor, limit)
  }

  /** An operator empties it; the server goes on. */
  flush(): void {
    this.#forget()
    this.store.flush()
  }

  /** The next write is acknowledged and then gone with a restart: a server that syncs its log once a second loses so much. */
  loseNextWrite(): void {
    this.#losesNextWrite = true
  }

  /** What a restart brings back. */
  save(): void {
    this.#saved = this.store.snapshot()
  }

  /** Empty, or as it was when it was saved last. */
  restart({ isEmpty }: { readonly isEmpty: boolean }): void {
    this.#forget()
    this.store.restart(isEmpty ? undefined : this.#saved)
  }

  #forget(): void {
    this.#seen.clear()
    this.#markers.clear()
  }
}

function compare(a: OnlineVersion, b: OnlineVersion): number {
  return a.generation - b.generation || a.offset - b.offset || a.day - b.day
}

function compareMarkers(a: Marker, b: Marker): number {
  return a.generation - b.generation || a.position - b.position || a.asOf - b.asOf
}

function text({ generation, offset, day }: OnlineVersion): string {
  return `${generation}.${offset}.${day}`
}
