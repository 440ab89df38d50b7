/**
 * The obvious state: a map of tiles. What may be evicted may be there or not, so it is compared apart: a tile within the
 * bounds must be there, one beyond them may be, and nothing else.
 */
import { expect } from 'vitest'
import type {
  EntityTiles,
  MaintenanceBounds,
  PartitionState,
  TileWrite,
} from '../../src/engine/ports.ts'

interface ModelEntity {
  readonly view: number
  readonly slot: number
  readonly entity: string
  offset: number
  readonly tiles: Map<number, string>
}

/** Days that are kept: the longest window. */
const KEPT_DAYS = 6

export class StateModel {
  #newestDay = 100
  readonly #entities = new Map<string, ModelEntity>()

  advance(days: number): void {
    this.#newestDay += days
    // A tile beyond the bounds is not known to be there any more, nor is an entity without another.
    for (const [name, entity] of this.#entities) {
      for (const day of entity.tiles.keys()) if (day < this.#evictBefore) entity.tiles.delete(day)
      if (entity.tiles.size === 0) this.#entities.delete(name)
    }
  }

  bounds(limit: number): MaintenanceBounds {
    return {
      settleBefore: this.#newestDay - 1,
      evictBefore: [this.#evictBefore, this.#evictBefore],
      forgetIdsBefore: 0,
      limit,
    }
  }

  /** A tile of a day that is not evicted, by its age. */
  place(write: Omit<TileWrite, 'day' | 'bytes'> & { readonly age: number }): TileWrite {
    const { age, ...rest } = write
    const day = Math.max(this.#newestDay - age, this.#evictBefore)
    return { ...rest, day, bytes: new TextEncoder().encode(`${write.offset} ${day}`) }
  }

  write(writes: readonly TileWrite[]): void {
    for (const { view, slot, entity, day, offset, bytes } of writes) {
      const name = JSON.stringify([view, slot, entity])
      const known = this.#entities.get(name) ?? { view, slot, entity, offset, tiles: new Map() }
      known.offset = Math.max(known.offset, offset)
      known.tiles.set(day, new TextDecoder().decode(bytes))
      this.#entities.set(name, known)
    }
  }

  async check(state: PartitionState): Promise<void> {
    for (const view of [0, 1]) {
      const expected = [...this.#entities.values()].filter((entity) => entity.view === view)
      const found = await state.entities(view, expected)
      expected.forEach((entity, index) => this.#compare(entity, found[index]))
      for (const slot of [0, 1, 65_535]) await this.#checkScan(state, view, slot)
      const keys = expected.flatMap(({ slot, entity, tiles }) =>
        [...tiles.keys()].map((day) => ({ slot, entity, day })),
      )
      const bytes = await state.tiles(view, keys)
      const texts = expected.flatMap(({ tiles }) => [...tiles.values()])
      expect(bytes.map((found) => new TextDecoder().decode(found))).toEqual(texts)
    }
  }

  get #evictBefore(): number {
    return this.#newestDay - KEPT_DAYS
  }

  async #checkScan(state: PartitionState, view: number, slot: number): Promise<void> {
    const scanned: EntityTiles[] = []
    for (;;) {
      const page = await state.scan(view, slot, scanned.at(-1)?.entity, 4)
      scanned.push(...page)
      if (page.length < 4) break
    }
    const names = scanned.map(({ entity }) => entity)
    expect(names).toEqual(
      [...new Set(names)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    )
    const expected = [...this.#entities.values()].filter((e) => e.view === view && e.slot === slot)
    for (const entity of expected) {
      this.#compare(
        entity,
        scanned.find((found) => found.entity === entity.entity),
      )
    }
    const extra = scanned.filter(({ entity }) => !expected.some((known) => known.entity === entity))
    for (const found of extra) {
      expect(found.tiles.length).toBeGreaterThan(0)
      for (const { day } of found.tiles) expect(day).toBeLessThan(this.#evictBefore)
    }
  }

  #compare(expected: ModelEntity, found: EntityTiles | undefined): void {
    const within = (found?.tiles ?? []).filter(({ day }) => day >= this.#evictBefore)
    const texts = within.map(({ day, bytes }) => [day, new TextDecoder().decode(bytes)])
    expect({ offset: found?.offset, tiles: texts }).toEqual({
      offset: expected.offset,
      tiles: [...expected.tiles].sort(([a], [b]) => a - b),
    })
  }
}
