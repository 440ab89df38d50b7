/** Readers of the tables that look now and then, whatever happens: each look must agree with the one before it. */
import type { ObjectStorage } from '../src/storage/object-storage.ts'
import { TableReader, compareLooks, type TableLook } from './table-history.ts'
import { tableNames } from './tables.ts'
import { isOfTickedDay } from './ticked-days.ts'
import type { World } from './world.ts'

const LOOK_EVERY_MAX_MS = 60_000

/** @param storage the tables' place, over no network */
export function watchTables(world: World, storage: ObjectStorage): void {
  const { scheduler, faults, coverage, pipeline } = world
  const chance = world.chance.fork('table watch')
  const readers = tableNames(pipeline).map((table) => new TableReader(storage, table))
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
      if (!isOfTickedDay(world, problem)) world.violation(`a reader saw: ${problem}`)
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
