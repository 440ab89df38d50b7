/** The online store in memory, for simulations and as the plain model of what the port means. */
import { compareText } from '../core/text.ts'
import type { Marker, OnlineStore, OnlineValue, OnlineWriteResult } from '../engine/ports.ts'

interface Held {
  readonly value: OnlineValue
  readonly expiryMs: number
}

export class MemoryOnlineStore implements OnlineStore {
  readonly #nowMs: () => number
  /** By view and entity; a view's name has no zero byte. */
  readonly #values = new Map<string, Held>()
  readonly #markers = new Map<number, Marker>()

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

  async advanceMarker(partition: number, marker: Marker): Promise<boolean> {
    const stored = this.#markers.get(partition)
    if (stored !== undefined && compareMarkers(stored, marker) > 0) return false
    this.#markers.set(partition, marker)
    return true
  }

  async walk(
    view: string,
    partition: number,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly values: readonly OnlineValue[]; readonly next: string | undefined }> {
    const values = [...this.#values.values()]
      .map(({ value }) => this.#held(value.view, value.entity))
      .filter((value) => value !== undefined)
      .filter((value) => value.view === view && value.partition === partition)
      .filter(({ entity }) => cursor === undefined || compareText(entity, cursor) > 0)
      .sort((a, b) => compareText(a.entity, b.entity))
      .slice(0, limit)
    return { values, next: values.length < limit ? undefined : values.at(-1)?.entity }
  }

  async nowMs(): Promise<number> {
    return this.#nowMs()
  }

  /** What an operator may do at any time. */
  flush(): void {
    this.#values.clear()
    this.#markers.clear()
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
