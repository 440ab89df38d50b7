/** What leaves a table in a transaction has an heir in it, and a compaction changes no row. */
import type { ActiveFile } from './table-replay.ts'
import { rowText, slotNames } from './table-file.ts'

/** In words, each one whose slot gets nothing instead. */
export function withoutHeirs(
  gone: readonly ActiveFile[],
  come: readonly ActiveFile[],
  emptied: readonly string[],
): string[] {
  const heirs = new Set([...come.flatMap(({ name }) => slotNames(name)), ...emptied])
  return gone.flatMap(({ name, add }) =>
    slotNames(name)
      .filter((slot) => !heirs.has(slot))
      .map((slot) => `${add.path} goes and slot ${slot} gets nothing instead`),
  )
}

/** Where a file of them was vacuumed before it was looked at nobody can tell. */
export function haveSameRows(gone: readonly ActiveFile[], come: readonly ActiveFile[]): boolean {
  if ([...gone, ...come].some(({ rows }) => rows === undefined)) return true
  const [before, after] = [gone, come].map((files) =>
    files.flatMap(({ rows = [] }) => rows.map(rowText)).sort(),
  )
  return JSON.stringify(before) === JSON.stringify(after)
}
