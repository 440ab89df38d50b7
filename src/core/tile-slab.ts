/**
 * Tiles in memory: fixed-width rows of one Float64Array per view, so that a record is folded without an allocation and a
 * million resident tiles are one object for the collector. Strings (first, last, min, max of text) sit beside it.
 *
 * The first cells of every tile are its own: the offset, event time and timestamp of what it reflects.
 */
import { invariant } from '../errors.ts'

/** Of the last record folded into the tile. */
export const OFFSET_CELL = 0
/** Newest event in the tile, ms. */
export const EVENT_TIME_CELL = 1
/** Latest record timestamp in the tile, ms; NaN where the log has none. */
export const TIMESTAMP_CELL = 2
export const HEADER_CELLS = 3

const INITIAL_SLOTS = 64

export class TileSlab {
  readonly width: number
  readonly textWidth: number
  cells: Float64Array
  readonly texts: (string | null)[] = []
  #slots = 0
  readonly #free: number[] = []

  constructor(width: number, textWidth: number) {
    invariant(width >= HEADER_CELLS, `a tile of ${width} cells has no room for its header`)
    this.width = width
    this.textWidth = textWidth
    this.cells = new Float64Array(INITIAL_SLOTS * width)
  }

  /** A slot with unspecified content; `TileLayout.clear` makes it an empty tile. */
  allocate(): number {
    const reused = this.#free.pop()
    if (reused !== undefined) return reused
    const slot = this.#slots
    this.#slots += 1
    if (this.#slots * this.width > this.cells.length) {
      const grown = new Float64Array(this.cells.length * 2)
      grown.set(this.cells)
      this.cells = grown
    }
    return slot
  }

  release(slot: number): void {
    this.#free.push(slot)
  }

  get allocated(): number {
    return this.#slots - this.#free.length
  }

  cell(slot: number, index: number): number {
    return this.cells[slot * this.width + index] ?? NaN
  }
}
