/**
 * Which aggregates a tile of a view holds and where. Two features with the same aggregate share cells; a layout is named in
 * each stored tile, so that a view that gains a feature reads its old tiles (an aggregate that they lack is empty).
 */
import type { Aggregate, CellPlace } from './aggregate.ts'
import {
  EVENT_TIME_CELL,
  HEADER_CELLS,
  OFFSET_CELL,
  TIMESTAMP_CELL,
  TileSlab,
} from './tile-slab.ts'

export interface KeyedAggregate {
  /** Identity of what is aggregated, whatever the feature is called: see `aggregateKey`. */
  readonly key: string
  readonly aggregate: Aggregate
}

interface PlacedAggregate extends KeyedAggregate {
  readonly cell: number
  readonly text: number
}

export class TileLayout {
  readonly placed: readonly PlacedAggregate[]
  readonly width: number
  readonly textWidth: number
  readonly #into: CellPlace = { cell: 0, text: 0 }
  readonly #from: CellPlace = { cell: 0, text: 0 }

  constructor(aggregates: readonly KeyedAggregate[]) {
    let cell = HEADER_CELLS
    let text = 0
    this.placed = aggregates.map(({ key, aggregate }) => {
      const placed = { key, aggregate, cell, text }
      cell += aggregate.cells
      text += aggregate.texts
      return placed
    })
    this.width = cell
    this.textWidth = text
  }

  /** How the layout is remembered in the state: cells, texts and key of each aggregate. */
  get signature(): readonly string[] {
    return this.placed.map(({ key, aggregate }) => `${aggregate.cells} ${aggregate.texts} ${key}`)
  }

  slab(): TileSlab {
    return new TileSlab(this.width, this.textWidth)
  }

  /** Makes the slot the tile of no records. */
  clear(slab: TileSlab, slot: number): void {
    const cell = slot * this.width
    slab.cells[cell + OFFSET_CELL] = -1
    slab.cells[cell + EVENT_TIME_CELL] = -Infinity
    slab.cells[cell + TIMESTAMP_CELL] = NaN
    for (const placed of this.placed) {
      placed.aggregate.clear(slab, cell + placed.cell, slot * this.textWidth + placed.text)
    }
  }

  /** Notes that a record is in the tile; its values are added by `place` and `Aggregate.add`. */
  touch(
    slab: TileSlab,
    slot: number,
    record: { offset: number; eventTime: number; timestamp: number },
  ): void {
    const { cells } = slab
    const cell = slot * this.width
    cells[cell + OFFSET_CELL] = Math.max(cells[cell + OFFSET_CELL] ?? 0, record.offset)
    cells[cell + EVENT_TIME_CELL] = Math.max(cells[cell + EVENT_TIME_CELL] ?? 0, record.eventTime)
    cells[cell + TIMESTAMP_CELL] = laterOf(cells[cell + TIMESTAMP_CELL] ?? NaN, record.timestamp)
  }

  /** Merges a tile of a later day (or the first) into an accumulator. */
  merge(into: TileSlab, slot: number, from: TileSlab, fromSlot: number): void {
    const cell = slot * this.width
    const fromCell = fromSlot * this.width
    const { cells } = into
    const other = from.cells
    cells[cell + OFFSET_CELL] = Math.max(
      cells[cell + OFFSET_CELL] ?? 0,
      other[fromCell + OFFSET_CELL] ?? 0,
    )
    cells[cell + EVENT_TIME_CELL] = Math.max(
      cells[cell + EVENT_TIME_CELL] ?? 0,
      other[fromCell + EVENT_TIME_CELL] ?? 0,
    )
    cells[cell + TIMESTAMP_CELL] = laterOf(
      cells[cell + TIMESTAMP_CELL] ?? NaN,
      other[fromCell + TIMESTAMP_CELL] ?? NaN,
    )
    for (const placed of this.placed) {
      this.#into.cell = cell + placed.cell
      this.#into.text = slot * this.textWidth + placed.text
      this.#from.cell = fromCell + placed.cell
      this.#from.text = fromSlot * this.textWidth + placed.text
      placed.aggregate.merge(into, this.#into, from, this.#from)
    }
  }

  /** As if all of its records had stood at one offset: what a log grouped otherwise leaves to this one. */
  reposition(slab: TileSlab, slot: number, offset: number): void {
    slab.cells[slot * this.width + OFFSET_CELL] = offset
    for (const [index, { aggregate }] of this.placed.entries())
      aggregate.reposition?.(slab, this.place(slot, index), offset)
  }

  /** Where an aggregate of a slot lies; the same object at each call. */
  place(slot: number, index: number): CellPlace {
    const placed = this.placed[index]
    this.#into.cell = slot * this.width + (placed?.cell ?? 0)
    this.#into.text = slot * this.textWidth + (placed?.text ?? 0)
    return this.#into
  }
}

function laterOf(a: number, b: number): number {
  if (Number.isNaN(a)) return b
  return b > a ? b : a
}
