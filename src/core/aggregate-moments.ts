/** Population variance and standard deviation: exact moments for integers and decimals, Welford for doubles. */
import { finite } from './aggregate.ts'
import type { Aggregate } from './aggregate.ts'
import { addExact, addWide, loadBig, loadWide, mergeExact, mergeWide } from './exact.ts'

/** Population variance from exact moments. Cells: n, sum (two), sum of squares (three). */
export function exactMoments(unit: number, finish: (variance: number) => number): Aggregate {
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
export function doubleMoments(finish: (variance: number) => number): Aggregate {
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
