/**
 * The algebra of features: `clear`, `add`, `merge`, `result` over the cells of a tile.
 *
 * Tiles are merged, never subtracted, and always left to right in day order, so a window is a pure function of its tiles.
 * Integers and decimals are exact; doubles are added in log order within a tile. The formulae are pinned in
 * `docs/numbers.md`, because another implementation has to reach the same bits.
 */
import type { TileSlab } from './tile-slab.ts'
import type { ColumnType, Value } from './value.ts'

export interface Aggregate {
  /** Float cells and text cells it takes in a tile. */
  readonly cells: number
  readonly texts: number
  readonly type: ColumnType
  /** The value of no records: 0 for count and sum, null for the rest. */
  readonly empty: Value
  /** Cells and texts begin at these indexes of the slab. */
  clear(slab: TileSlab, cell: number, text: number): void
  /** `value` is not null. */
  add(slab: TileSlab, at: CellPlace, value: Value, eventTime: number, offset: number): void
  merge(into: TileSlab, at: CellPlace, from: TileSlab, fromAt: CellPlace): void
  result(slab: TileSlab, at: CellPlace): Value
  /** Positions that it keeps, to break ties by, become `offset`. Absent: it keeps none. */
  reposition?(slab: TileSlab, at: CellPlace, offset: number): void
}

/** Where an aggregate's cells lie in a slab; one mutable instance per caller, so that the hot path allocates none. */
export interface CellPlace {
  cell: number
  text: number
}

/** What is not finite is null, and there is one zero. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null
}
