/** Readers of the tables that look now and then, whatever happens: each look must agree with the one before it. */
import { bucketReader } from './bucket-reader.ts'
import { leavesPlace, meansTheSame } from './publish.ts'
import { CHECKPOINT_EVERY } from './rival.ts'
import { TableReader, compareLooks, type TableLook } from './table-history.ts'
import { tableNames } from './tables.ts'
import { mayBeMissing } from './missing-slots.ts'
import type { World } from './world.ts'

const LOOK_EVERY_MAX_MS = 60_000

/** One of each table, by its name: over no network, and for all who look from outside. */
export type TableReaders = ReadonlyMap<string, TableReader>

export function openReaders(world: World): TableReaders {
  const files = bucketReader(world.tables)
  const options = {
    mayHaveCheckpoint: (version: number): boolean => version % CHECKPOINT_EVERY === 0,
    meansTheSame: (a: number, b: number): boolean => meansTheSame(world, a, b),
    leaves: (generation: number, place: { readonly ds: string; readonly partition: number }) =>
      leavesPlace(world, generation, place),
  }
  return new Map(
    tableNames(world.pipeline).map((name) => [name, new TableReader(files, name, options)]),
  )
}

export function watchTables(world: World, all: TableReaders): void {
  const { scheduler, faults, coverage } = world
  const chance = world.chance.fork('table watch')
  const readers = [...all.values()]
  const last = new Map<TableReader, TableLook>()
  const look = async (): Promise<void> => {
    const reader = chance.pick(readers)
    const seen = await reader.look()
    if (seen === undefined) return
    coverage.hit('path table looked at')
    if (seen.rows.size > 0) coverage.hit('path rows seen in a table')
    const before = last.get(reader)
    const problems = before ? compareLooks(before, seen) : seen.problems
    for (const problem of problems)
      if (!mayBeMissing(world, problem)) world.violation(`a reader saw: ${problem}`)
    last.set(reader, seen)
  }
  const lookSoon = (): void => {
    scheduler.after(chance.scaled(300, LOOK_EVERY_MAX_MS), () => {
      void look()
      if (!faults.isCalm) lookSoon()
    })
  }
  lookSoon()
}
