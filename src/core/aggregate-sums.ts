/** Count, sum and average. Integers and decimals are exact; doubles are added in the order in which they come. */
import { finite } from './aggregate.ts'
import type { Aggregate } from './aggregate.ts'
import { addExact, loadExact, mergeExact } from './exact.ts'
import type { FieldType } from './value.ts'

export const count: Aggregate = {
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

export function exactSum(type: FieldType): Aggregate {
  return {
    cells: 2,
    texts: 0,
    type:
      type.kind === 'decimal'
        ? { kind: 'decimal', precision: 38, scale: type.scale }
        : { kind: 'int64' },
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

export const doubleSum: Aggregate = {
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
export function exactAverage(unit: number): Aggregate {
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
export const doubleAverage: Aggregate = {
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
