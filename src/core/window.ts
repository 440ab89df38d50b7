/**
 * Windows from tiles. The window of n days as of day D is the merge of the tiles D-n+1 .. D, both included, left to right
 * in day order. All windows of a row are cut from the same tiles at the same moment.
 *
 *     tiles      d-6   d-5   d-4   d-3   d-2   d-1    D
 *     1 day                                          [==]
 *     3 days                             [==============]
 */
import type { DayIndex } from './day.ts'
import { EVENT_TIME_CELL, TIMESTAMP_CELL } from './tile-slab.ts'
import type { TileSlab } from './tile-slab.ts'
import type { TileCodec } from './tile-codec.ts'
import type { Value } from './value.ts'
import type { FeatureColumn, ViewPlan } from './view-plan.ts'

interface StoredTiles {
  readonly tiles: readonly { readonly day: DayIndex; readonly bytes: Uint8Array }[]
}

/** Tiles of one entity, decoded, and the values of its windows as of any day. One instance serves a view. */
export class WindowEvaluator {
  readonly #plan: ViewPlan
  readonly #codec: TileCodec
  readonly #tiles: TileSlab
  readonly #windows: TileSlab
  readonly #values: Value[]
  /** First days of columns that were added later. */
  readonly #added: readonly DayIndex[]
  #days: DayIndex[] = []

  constructor(plan: ViewPlan, codec: TileCodec) {
    this.#plan = plan
    this.#codec = codec
    this.#tiles = plan.layout.slab()
    this.#windows = plan.layout.slab()
    for (let i = 0; i < plan.windows.length; i += 1) this.#windows.allocate()
    this.#values = new Array<Value>(plan.features.length).fill(null)
    const added = plan.features.map(({ since }) => since).filter((since) => since !== -Infinity)
    this.#added = [...new Set(added)]
  }

  /** Days of the loaded entity's tiles, ascending. */
  get days(): readonly DayIndex[] {
    return this.#days
  }

  load(stored: StoredTiles): void {
    this.#days = []
    stored.tiles.forEach((tile, slot) => {
      if (slot >= this.#tiles.allocated) this.#tiles.allocate()
      this.#codec.decode(tile.bytes, this.#tiles, slot)
      this.#days.push(tile.day)
    })
  }

  /** Values of all columns as of a day, in column order. The same array at each call. */
  valuesAsOf(day: DayIndex): readonly Value[] {
    const { plan, values } = { plan: this.#plan, values: this.#values }
    const { layout } = plan
    plan.windows.forEach((days, window) => {
      layout.clear(this.#windows, window)
      this.#merge(window, day - days + 1, day)
    })
    plan.features.forEach((column, index) => {
      values[index] = day < column.since ? null : this.#valueOf(column)
    })
    return values
  }

  #valueOf(column: FeatureColumn): Value {
    if (column.kind === 'derived') return column.evaluate(this.#values)
    const { layout } = this.#plan
    const aggregate = layout.placed[column.aggregate]?.aggregate
    const place = layout.place(column.window, column.aggregate)
    return aggregate?.result(this.#windows, place) ?? null
  }

  /** Newest event among the tiles of the longest window as of a day; undefined where it is empty. */
  newestEvent(day: DayIndex): number | undefined {
    return this.#latest(EVENT_TIME_CELL, day - this.#plan.longestWindow + 1, day)
  }

  /** Latest record timestamp among the tiles that the row as of a day depends on; undefined where the log has none. */
  latestTimestamp(day: DayIndex): number | undefined {
    return this.#latest(TIMESTAMP_CELL, day - this.#plan.longestWindow, day)
  }

  #latest(cell: number, from: DayIndex, to: DayIndex): number | undefined {
    const days = this.#days
    let latest = -Infinity
    for (let slot = 0; slot < days.length; slot += 1) {
      const day = days[slot] as DayIndex
      if (day < from || day > to) continue
      const value = this.#tiles.cell(slot, cell)
      if (value > latest) latest = value
    }
    return latest === -Infinity ? undefined : latest
  }

  /** What the row of a closed day is: values, the one all-empty row after the last busy day, or none. */
  rowKind(day: DayIndex): 'values' | 'all-empty' | 'none' {
    const oldest = day - this.#plan.longestWindow
    let newest = -Infinity
    for (const tile of this.#days) if (tile <= day) newest = tile
    if (newest > oldest) return 'values'
    return newest === oldest ? 'all-empty' : 'none'
  }

  /**
   * First day after `day` on which a tile known now leaves a window or enters the row, or an added column begins to hold;
   * undefined when none will.
   */
  nextChange(day: DayIndex): DayIndex | undefined {
    let next = Infinity
    for (const since of this.#added) if (since > day) next = Math.min(next, since)
    for (const tile of this.#days) {
      if (tile > day) next = Math.min(next, tile)
      for (const days of this.#plan.windows) {
        if (tile + days > day && tile <= day) next = Math.min(next, tile + days)
      }
    }
    return next === Infinity ? undefined : next
  }

  #merge(window: number, from: DayIndex, to: DayIndex): void {
    const days = this.#days
    for (let slot = 0; slot < days.length; slot += 1) {
      const day = days[slot] as DayIndex
      if (day > to) return
      if (day >= from) this.#plan.layout.merge(this.#windows, window, this.#tiles, slot)
    }
  }
}
