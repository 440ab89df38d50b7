/**
 * The algebra of features: `clear`, `add`, `merge`, `result` over the cells of a tile.
 *
 * Tiles are merged, never subtracted, and always left to right in day order, so a window is a pure function of its tiles.
 * Integers and decimals are exact; doubles are added in log order within a tile. The formulae are pinned in
 * `docs/numbers.md`, because another implementation has to reach the same bits.
 */
import { unreachable } from '../errors.ts'
import type { AggregateKind } from './definition.ts'
import { compareText } from './text.ts'
import { addExact, addWide, joinInt64, loadBig, loadExact, loadWide, mergeExact, mergeWide, splitInt64 } from './exact.ts'
import type { TileSlab } from './tile-slab.ts'
import type { ColumnType, FieldType, Value } from './value.ts'

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
}

/** Where an aggregate's cells lie in a slab; one mutable instance per caller, so that the hot path allocates none. */
export interface CellPlace {
  cell: number
  text: number
}

export function createAggregate(kind: AggregateKind, type: FieldType | undefined): Aggregate {
  if (kind === 'count') return count
  if (type === undefined) return unreachable(kind as never)
  const exact = isExact(type)
  switch (kind) {
    case 'sum':
      return exact ? exactSum(type) : doubleSum
    case 'avg':
      return exact ? exactAverage(scaleOf(type)) : doubleAverage
    case 'variance':
      return exact ? exactMoments(scaleOf(type), identity) : doubleMoments(identity)
    case 'stddev':
      return exact ? exactMoments(scaleOf(type), Math.sqrt) : doubleMoments(Math.sqrt)
    case 'min':
      return extreme(type, -1)
    case 'max':
      return extreme(type, 1)
    case 'first':
      return edge(type, -1)
    case 'last':
      return edge(type, 1)
    default:
      return unreachable(kind)
  }
}

function identity(value: number): number {
  return value
}

/** Integers and decimals; everything else that can be summed is a double. */
function isExact(type: FieldType): boolean {
  return type.kind === 'int32' || type.kind === 'int64' || type.kind === 'decimal'
}

function scaleOf(type: FieldType): number {
  return type.kind === 'decimal' ? 10 ** type.scale : 1
}

/** What is not finite is null, and there is one zero. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null
}

const count: Aggregate = {
  cells: 1,
  texts: 0,
  type: { kind: 'int64' },
  empty: 0,
  clear(slab, cell) {
    slab.cells[cell] = 0
  },
  add(slab, at) {
    slab.cells[at.cell] = (slab.cells[at.cell] ?? 0) + 1
  },
  merge(into, at, from, fromAt) {
    into.cells[at.cell] = (into.cells[at.cell] ?? 0) + (from.cells[fromAt.cell] ?? 0)
  },
  result(slab, at) {
    return slab.cells[at.cell] ?? 0
  },
}

function exactSum(type: FieldType): Aggregate {
  return {
    cells: 2,
    texts: 0,
    type: type.kind === 'decimal' ? { kind: 'decimal', precision: 38, scale: type.scale } : { kind: 'int64' },
    empty: 0,
    clear(slab, cell) {
      slab.cells[cell] = 0
      slab.cells[cell + 1] = 0
    },
    add(slab, at, value) {
      addExact(slab.cells, at.cell, value as number | bigint)
    },
    merge(into, at, from, fromAt) {
      mergeExact(into.cells, at.cell, from.cells, fromAt.cell)
    },
    result(slab, at) {
      return loadExact(slab.cells, at.cell)
    },
  }
}

const doubleSum: Aggregate = {
  cells: 1,
  texts: 0,
  type: { kind: 'double' },
  empty: 0,
  clear(slab, cell) {
    slab.cells[cell] = 0
  },
  add(slab, at, value) {
    slab.cells[at.cell] = (slab.cells[at.cell] ?? 0) + (value as number)
  },
  merge(into, at, from, fromAt) {
    into.cells[at.cell] = (into.cells[at.cell] ?? 0) + (from.cells[fromAt.cell] ?? 0)
  },
  result(slab, at) {
    return finite(slab.cells[at.cell] ?? 0)
  },
}

/** Cells: n, sum (exact, two). */
function exactAverage(unit: number): Aggregate {
  return {
    cells: 3,
    texts: 0,
    type: { kind: 'double' },
    empty: null,
    clear(slab, cell) {
      slab.cells.fill(0, cell, cell + 3)
    },
    add(slab, at, value) {
      slab.cells[at.cell] = (slab.cells[at.cell] ?? 0) + 1
      addExact(slab.cells, at.cell + 1, value as number | bigint)
    },
    merge(into, at, from, fromAt) {
      into.cells[at.cell] = (into.cells[at.cell] ?? 0) + (from.cells[fromAt.cell] ?? 0)
      mergeExact(into.cells, at.cell + 1, from.cells, fromAt.cell + 1)
    },
    result(slab, at) {
      const n = slab.cells[at.cell] ?? 0
      return n === 0 ? null : finite(Number(loadExact(slab.cells, at.cell + 1)) / unit / n)
    },
  }
}

/** Cells: n, sum. */
const doubleAverage: Aggregate = {
  cells: 2,
  texts: 0,
  type: { kind: 'double' },
  empty: null,
  clear(slab, cell) {
    slab.cells.fill(0, cell, cell + 2)
  },
  add(slab, at, value) {
    slab.cells[at.cell] = (slab.cells[at.cell] ?? 0) + 1
    slab.cells[at.cell + 1] = (slab.cells[at.cell + 1] ?? 0) + (value as number)
  },
  merge(into, at, from, fromAt) {
    into.cells[at.cell] = (into.cells[at.cell] ?? 0) + (from.cells[fromAt.cell] ?? 0)
    into.cells[at.cell + 1] = (into.cells[at.cell + 1] ?? 0) + (from.cells[fromAt.cell + 1] ?? 0)
  },
  result(slab, at) {
    const n = slab.cells[at.cell] ?? 0
    return n === 0 ? null : finite((slab.cells[at.cell + 1] ?? 0) / n)
  },
}

/** Population variance from exact moments. Cells: n, sum (two), sum of squares (three). */
function exactMoments(unit: number, finish: (variance: number) => number): Aggregate {
  return {
    cells: 6,
    texts: 0,
    type: { kind: 'double' },
    empty: null,
    clear(slab, cell) {
      slab.cells.fill(0, cell, cell + 6)
    },
    add(slab, at, value) {
      const exact = value as number | bigint
      slab.cells[at.cell] = (slab.cells[at.cell] ?? 0) + 1
      addExact(slab.cells, at.cell + 1, exact)
      addWide(slab.cells, at.cell + 3, square(exact))
    },
    merge(into, at, from, fromAt) {
      into.cells[at.cell] = (into.cells[at.cell] ?? 0) + (from.cells[fromAt.cell] ?? 0)
      mergeExact(into.cells, at.cell + 1, from.cells, fromAt.cell + 1)
      mergeWide(into.cells, at.cell + 3, from.cells, fromAt.cell + 3)
    },
    result(slab, at) {
      const n = slab.cells[at.cell] ?? 0
      if (n === 0) return null
      const sum = loadBig(slab.cells, at.cell + 1)
      const numerator = BigInt(n) * loadWide(slab.cells, at.cell + 3) - sum * sum
      return finite(finish(Number(numerator) / Number(BigInt(n) * BigInt(n)) / (unit * unit)))
    },
  }
}

function square(value: number | bigint): number | bigint {
  if (typeof value === 'number') {
    const product = value * value
    if (product <= Number.MAX_SAFE_INTEGER) return product
  }
  const big = BigInt(value)
  return big * big
}

/** Population variance by Welford, tiles combined by Chan et al. (1979). Cells: n, mean, M2. */
function doubleMoments(finish: (variance: number) => number): Aggregate {
  return {
    cells: 3,
    texts: 0,
    type: { kind: 'double' },
    empty: null,
    clear(slab, cell) {
      slab.cells.fill(0, cell, cell + 3)
    },
    add({ cells }, { cell }, value) {
      const n = (cells[cell] ?? 0) + 1
      const delta = (value as number) - (cells[cell + 1] ?? 0)
      const mean = (cells[cell + 1] ?? 0) + delta / n
      cells[cell] = n
      cells[cell + 1] = mean
      cells[cell + 2] = (cells[cell + 2] ?? 0) + delta * ((value as number) - mean)
    },
    merge({ cells }, { cell }, { cells: from }, { cell: fromCell }) {
      const added = from[fromCell] ?? 0
      if (added === 0) return
      const before = cells[cell] ?? 0
      if (before === 0) {
        cells.set(from.subarray(fromCell, fromCell + 3), cell)
        return
      }
      const n = before + added
      const delta = (from[fromCell + 1] ?? 0) - (cells[cell + 1] ?? 0)
      cells[cell] = n
      cells[cell + 1] = (cells[cell + 1] ?? 0) + (delta * added) / n
      cells[cell + 2] =
        (cells[cell + 2] ?? 0) + (from[fromCell + 2] ?? 0) + (delta * delta * before * added) / n
    },
    result({ cells }, { cell }) {
      const n = cells[cell] ?? 0
      return n === 0 ? null : finite(finish((cells[cell + 2] ?? 0) / n))
    },
  }
}

// --- values kept as they are: min, max, first, last -----------------------------------------------------------------

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

function extreme(type: FieldType, direction: 1 | -1): Aggregate {
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

/** First or last by (event time, offset). Cells: the value's, then event time and offset. */
function edge(type: FieldType, direction: 1 | -1): Aggregate {
  const keeper = keeperOf(type)
  const timeCell = keeper.cells
  function offer(slab: TileSlab, at: CellPlace, value: Value, time: number, offset: number): void {
    const { cells } = slab
    if (!Number.isNaN(cells[at.cell] ?? NaN)) {
      const byTime = (time - (cells[at.cell + timeCell] ?? 0)) * direction
      const byOffset = (offset - (cells[at.cell + timeCell + 1] ?? 0)) * direction
      if (byTime < 0 || (byTime === 0 && byOffset <= 0)) return
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
