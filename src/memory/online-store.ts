/** The online store in memory, for simulations and as the plain model of what the port means. */
import { compareText } from '../core/text.ts'
import type {
  ExpectedMarker,
  Marker,
  MarkerAdvance,
  OnlineStore,
  OnlineValue,
  OnlineWriteResult,
} from '../engine/ports.ts'

interface Held {
  readonly value: OnlineValue
  readonly expiryMs: number
}

export interface OnlineSnapshot {
  readonly values: ReadonlyMap<string, Held>
  readonly markers: ReadonlyMap<number, Marker>
}

export class MemoryOnlineStore implements OnlineStore {
  readonly #nowMs: () => number
  /** By view and entity; a view's name has no zero byte. */
  readonly #values = new Map<string, Held>()
  readonly #markers = new Map<number, Marker>()
  #starts = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  async write(values: readonly OnlineValue[]): Promise<OnlineWriteResult> {
    const foreign: { view: string; entity: string; partition: number }[] = []
    let written = 0
    for (const value of values) {
      const held = this.#held(value.view, value.entity)
      const order = held === undefined ? 1 : compare(value, held)
      const expiryMs = this.#nowMs() + value.ttlMs
      if (order === 'foreign') {
        const partition = held?.partition ?? value.partition
        foreign.push({ view: value.view, entity: value.entity, partition })
      } else if (order > 0) {
        this.#values.set(keyOf(value.view, value.entity), { value, expiryMs })
        written += 1
      } else if (order === 0 && held !== undefined) {
        const renewed = { ...held, ttlMs: value.ttlMs }
        this.#values.set(keyOf(value.view, value.entity), { value: renewed, expiryMs })
      }
    }
    return { written, refused: values.length - written - foreign.length, foreign }
  }

  async read(view: string, entity: string): Promise<OnlineValue | undefined> {
    return this.#held(view, entity)
  }

  async marker(partition: number): Promise<Marker | undefined> {
    return this.#markers.get(partition)
  }

  async advanceMarker(
    partition: number,
    marker: Marker,
    expected: ExpectedMarker,
  ): Promise<MarkerAdvance> {
    const stored = this.#markers.get(partition)
    const isLost =
      expected.marker !== undefined &&
      (stored === undefined || compareMarkers(stored, expected.marker) < 0)
    if (isLost || expected.incarnation !== this.incarnation) return { outcome: 'lost', stored }
    if (stored !== undefined && compareMarkers(stored, marker) > 0)
      return { outcome: 'ahead', stored }
    this.#markers.set(partition, marker)
    return { outcome: 'advanced', stored: marker }
  }

  async forgetMarker(partition: number): Promise<void> {
    this.#markers.delete(partition)
  }

  async walk(
    view: string,
    whose: Parameters<OnlineStore['walk']>[1],
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly values: readonly OnlineValue[]; readonly next: string | undefined }> {
    const isAsked =
      typeof whose === 'number' ? (_: string, holder: number) => holder === whose : whose
    const values = [...this.#values.values()]
      .map(({ value }) => this.#held(value.view, value.entity))
      .filter((value) => value !== undefined)
      .filter((value) => value.view === view && isAsked(value.entity, value.partition))
      .filter(({ entity }) => cursor === undefined || compareText(entity, cursor) > 0)
      .sort((a, b) => compareText(a.entity, b.entity))
      .slice(0, limit)
    return { values, next: values.length < limit ? undefined : values.at(-1)?.entity }
  }

  async nowMs(): Promise<number> {
    return this.#nowMs()
  }

  get incarnation(): string {
    return String(this.#starts)
  }

  /** What an operator may do at any time. */
  flush(): void {
    this.#values.clear()
    this.#markers.clear()
  }

  /** What a server has saved; `restart` brings it back. */
  snapshot(): OnlineSnapshot {
    return { values: new Map(this.#values), markers: new Map(this.#markers) }
  }

  /** A server that comes back with what it had saved, or empty. */
  restart(saved?: OnlineSnapshot): void {
    this.flush()
    this.#starts += 1
    for (const [key, held] of saved?.values ?? []) this.#values.set(key, held)
    for (const [partition, marker] of saved?.markers ?? []) this.#markers.set(partition, marker)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held: the store lives as long as it is referred to.
  }

  #held(view: string, entity: string): OnlineValue | undefined {
    const held = this.#values.get(keyOf(view, entity))
    return held === undefined || held.expiryMs <= this.#nowMs() ? undefined : held.value
  }
}

function keyOf(view: string, entity: string): string {
  return `${view}\0${entity}`
}

/** Above 0 where `value` replaces the held one, 0 where they are of one version. */
function compare(value: OnlineValue, held: OnlineValue): number | 'foreign' {
  const generations = value.version.generation - held.version.generation
  if (generations !== 0) return generations
  if (value.partition > held.partition) return 'foreign'
  if (value.partition < held.partition) return 1
  return value.version.offset - held.version.offset || value.version.day - held.version.day
}

function compareMarkers(a: Marker, b: Marker): number {
  return a.generation - b.generation || a.position - b.position || a.asOf - b.asOf
}
