/** Counts of days from the files of tables, as far as gates ask for them: piece by piece, in bounded memory. */
import type { DayIndex } from '../core/day.ts'
import type { ViewGates } from '../core/view-gates.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { profileDays } from '../duckdb/day-profiles.ts'
import { addProfile } from '../replay/day-profile.ts'
import type { DayProfile } from '../replay/day-profile.ts'
import { piecesOf, rowsOf, withDayFiles } from './replay-files.ts'
import type { SidedFile, TableSide } from './replay-files.ts'

export interface CountOptions {
  readonly database: DuckDb
  readonly signal?: AbortSignal
  /** Of all rows that are counted. */
  readonly onProgress?: (done: number, total: number) => void
}

/** @param files of these sides; those of one day together are its rows */
export async function countDays(
  sides: readonly TableSide[],
  files: readonly SidedFile[],
  gates: ViewGates,
  { database, signal, onProgress }: CountOptions,
): Promise<Map<DayIndex, DayProfile>> {
  const columns = Object.entries(gates.columns).map(([name, { type }]) => ({ name, type }))
  const profiles = new Map<DayIndex, DayProfile>()
  const total = rowsOf(files)
  let done = 0
  for (const piece of piecesOf(files)) {
    signal?.throwIfAborted()
    const found = await withDayFiles(sides, piece, (dayFiles) =>
      profileDays(database, dayFiles.flat(), columns),
    )
    for (const profile of found) addProfile(profiles, profile)
    done += rowsOf(piece)
    onProgress?.(done, total)
  }
  return profiles
}
