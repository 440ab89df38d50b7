/**
 * Tiles of one view that are decoded in memory: what the current commit has changed (pinned), and as many others as the
 * budget allows, chosen by CLOCK. A record finds its tile by (day, entity) without building a key.
 */
import type { DayIndex } from './day.ts'
import type { TileLayout } from './tile-layout.ts'
import type { TileSlab } from './tile-slab.ts'

const HAND_STEPS_MAX = 32

export class TileCache {
  readonly slab: TileSlab
  readonly #layout: TileLayout
  readonly #tilesMax: number
  readonly #byDay = new Map<DayIndex, Map<string, number>>()
  /** By slot: what it holds, whether it was used since the hand passed, and whether it is changed since the commit. */
  readonly #days: DayIndex[] = []
  readonly #entities: (string | undefined)[] = []
  readonly #used: boolean[] = []
  readonly #changed: boolean[] = []
  #changedSlots: number[] = []
  #size = 0
  #hand = 0

  constructor(layout: TileLayout, tilesMax: number) {
    this.#layout = layout
    this.#tilesMax = tilesMax
    this.slab = layout.slab()
  }

  get size(): number {
    return this.#size
  }

  /** The slot of a tile, or undefined where it is not in memory. */
  find(day: DayIndex, entity: string): number | undefined {
    const slot = this.#byDay.get(day)?.get(entity)
    if (slot !== undefined) this.#used[slot] = true
    return slot
  }

  /** Makes room for a tile and takes it in as an empty one. */
  add(day: DayIndex, entity: string): number {
    if (this.#size >= this.#tilesMax) this.#evict()
    const slot = this.slab.allocate()
    let ofDay = this.#byDay.get(day)
    if (ofDay === undefined) {
      ofDay = new Map()
      this.#byDay.set(day, ofDay)
    }
    ofDay.set(entity, slot)
    this.#days[slot] = day
    this.#entities[slot] = entity
    this.#used[slot] = true
    this.#changed[slot] = false
    this.#size += 1
    this.#layout.clear(this.slab, slot)
    return slot
  }

  /** Pins a tile until `committed`. */
  markChanged(slot: number): void {
    if (this.#changed[slot] === true) return
    this.#changed[slot] = true
    this.#changedSlots.push(slot)
  }

  /** Tiles changed since the last commit, in the order of their first change. */
  changed(): { readonly slot: number; readonly day: DayIndex; readonly entity: string }[] {
    return this.#changedSlots.map((slot) => ({
      slot,
      day: this.#days[slot] as DayIndex,
      entity: this.#entities[slot] as string,
    }))
  }

  get changedCount(): number {
    return this.#changedSlots.length
  }

  committed(): void {
    for (const slot of this.#changedSlots) this.#changed[slot] = false
    this.#changedSlots = []
  }

  /** A few steps of the hand: what is pinned stays, so the cache may exceed its budget by about a commit. */
  #evict(): void {
    const slots = this.#entities.length
    for (let step = 0; step < HAND_STEPS_MAX; step += 1) {
      const slot = this.#hand
      this.#hand = (slot + 1) % slots
      const entity = this.#entities[slot]
      if (entity === undefined || this.#changed[slot] === true) continue
      if (this.#used[slot] === true) {
        this.#used[slot] = false
        continue
      }
      this.#remove(slot, entity)
      return
    }
  }

  #remove(slot: number, entity: string): void {
    const day = this.#days[slot] as DayIndex
    const ofDay = this.#byDay.get(day)
    ofDay?.delete(entity)
    if (ofDay?.size === 0) this.#byDay.delete(day)
    this.#entities[slot] = undefined
    this.slab.release(slot)
    this.#size -= 1
  }
}
