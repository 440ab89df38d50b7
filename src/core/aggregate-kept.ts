/** Values kept as they are: min, max, first, last, of every type that a field can have. */
import type { Aggregate, CellPlace } from './aggregate.ts'
import { joinInt64, splitInt64 } from './exact.ts'
import { compareText } from './text.ts'
import type { TileSlab } from './tile-slab.ts'
import type { FieldType, Value } from './value.ts'

/** How a single value of a type lies in cells. Empty is NaN in the first cell, or a null text. */
interface Keeper {
  readonly cells: number
  readonly texts: number
  store(slab: TileSlab, cell: number, text: number, value: Value): void
  load(slab: TileSlab, cell: number, text: number): Value
  /** Sign of (stored - other). Both are there. */
  compare(slab: TileSlab, cell: number, text: number, value: Value): number
}

const numberKeeper: Keeper = {
  cells: 1,
  texts: 0,
  store(slab, cell, _text, value) {
    slab.cells[cell] = value as number
  },
  load(slab, cell) {
    const value = slab.cells[cell] ?? NaN
    return Number.isNaN(value) ? null : value
  },
  compare(slab, cell, _text, value) {
    return (slab.cells[cell] ?? NaN) - (value as number)
  },
}

const int64Keeper: Keeper = {
  cells: 2,
  texts: 0,
  store(slab, cell, _text, value) {
    const [high, low] = splitInt64(value as number | bigint)
    slab.cells[cell] = high
    slab.cells[cell + 1] = low
  },
  load(slab, cell) {
    const high = slab.cells[cell] ?? NaN
    return Number.isNaN(high) ? null : joinInt64(high, slab.cells[cell + 1] ?? 0)
  },
  compare(slab, cell, _text, value) {
    const [high, low] = splitInt64(value as number | bigint)
    const byHigh = (slab.cells[cell] ?? NaN) - high
    return byHigh === 0 ? (slab.cells[cell + 1] ?? 0) - low : byHigh
  },
}

const booleanKeeper: Keeper = {
  ...numberKeeper,
  store(slab, cell, _text, value) {
    slab.cells[cell] = value === true ? 1 : 0
  },
  load(slab, cell) {
    const value = slab.cells[cell] ?? NaN
    return Number.isNaN(value) ? null : value === 1
  },
}

const textKeeper: Keeper = {
  cells: 1,
  texts: 1,
  store(slab, cell, text, value) {
    slab.cells[cell] = 1
    slab.texts[text] = value as string
  },
  load(slab, cell, text) {
    return Number.isNaN(slab.cells[cell] ?? NaN) ? null : (slab.texts[text] ?? null)
  },
  compare(slab, _cell, text, value) {
    return compareText(slab.texts[text] ?? '', value as string)
  },
}

function keeperOf(type: FieldType): Keeper {
  switch (type.kind) {
    case 'int64':
    case 'decimal':
      return int64Keeper
    case 'boolean':
      return booleanKeeper
    case 'string':
      return textKeeper
    default:
      return numberKeeper
  }
}

export function extreme(type: FieldType, direction: 1 | -1): Aggregate {
  const keeper = keeperOf(type)
  function offer(slab: TileSlab, at: CellPlace, value: Value): void {
    const empty = Number.isNaN(slab.cells[at.cell] ?? NaN)
    if (!empty && keeper.compare(slab, at.cell, at.text, value) * direction >= 0) return
    keeper.store(slab, at.cell, at.text, value)
  }
  return {
    cells: keeper.cells,
    texts: keeper.texts,
    type,
    empty: null,
    clear(slab, cell, text) {
      clearKept(slab, keeper, cell, text)
    },
    add: offer,
    merge(into, at, from, fromAt) {
      const value = keeper.load(from, fromAt.cell, fromAt.text)
      if (value !== null) offer(into, at, value)
    },
    result(slab, at) {
      return keeper.load(slab, at.cell, at.text)
    },
  }
}

/** First or last by (event time, offset); healed records of one offset and time in their order. Cells: the value's, then event time and offset. */
export function edge(type: FieldType, direction: 1 | -1): Aggregate {
  const keeper = keeperOf(type)
  const timeCell = keeper.cells
  function offer(slab: TileSlab, at: CellPlace, value: Value, time: number, offset: number): void {
    const { cells } = slab
    if (!Number.isNaN(cells[at.cell] ?? NaN)) {
      const byTime = (time - (cells[at.cell + timeCell] ?? 0)) * direction
      const byOffset = offset - (cells[at.cell + timeCell + 1] ?? 0)
      const isBeyond = direction > 0 ? byOffset >= 0 : byOffset < 0
      if (byTime < 0 || (byTime === 0 && !isBeyond)) return
    }
    keeper.store(slab, at.cell, at.text, value)
    cells[at.cell + timeCell] = time
    cells[at.cell + timeCell + 1] = offset
  }
  return {
    cells: keeper.cells + 2,
    texts: keeper.texts,
    type,
    empty: null,
    clear(slab, cell, text) {
      clearKept(slab, keeper, cell, text)
      slab.cells[cell + timeCell] = 0
      slab.cells[cell + timeCell + 1] = 0
    },
    add: offer,
    merge(into, at, from, fromAt) {
      const value = keeper.load(from, fromAt.cell, fromAt.text)
      if (value === null) return
      const time = from.cells[fromAt.cell + timeCell] ?? 0
      offer(into, at, value, time, from.cells[fromAt.cell + timeCell + 1] ?? 0)
    },
    reposition(slab, at, offset) {
      if (Number.isNaN(slab.cells[at.cell] ?? NaN)) return
      slab.cells[at.cell + timeCell + 1] = offset
    },
    result(slab, at) {
      return keeper.load(slab, at.cell, at.text)
    },
  }
}

function clearKept(slab: TileSlab, keeper: Keeper, cell: number, text: number): void {
  slab.cells.fill(0, cell, cell + keeper.cells)
  slab.cells[cell] = NaN
  if (keeper.texts > 0) slab.texts[text] = null
}
