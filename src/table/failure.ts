/** What the world refuses a table: as any place of files does, and what DuckDB refuses beside that. */
import { TidemarkError } from '../errors.ts'
import { storageFailure } from '../storage/failure.ts'
import type { StorageFaults } from '../storage/failure.ts'

export const TABLE_FAULTS: StorageFaults = {
  what: 'table',
  unavailable: 'TABLE_UNAVAILABLE',
  refused: 'TABLE_REFUSED',
}

/** `doing` is the start of a sentence: `table /data/features: cannot write x.parquet`. */
export function tableFailure(doing: string, cause: unknown): TidemarkError {
  const text = cause instanceof Error ? cause.message : String(cause)
  if (!(cause instanceof TidemarkError) && /out of memory/i.test(text)) {
    const raise =
      "DuckDB's memory limit is too low for one file; raise the limit or the number of hash slots"
    return new TidemarkError('TABLE_REFUSED', `${doing}: ${raise} (${text})`, { cause })
  }
  return storageFailure(TABLE_FAULTS, doing, cause)
}

/** Runs `work`; what it throws becomes an error of the table. Bugs stay bugs. */
export async function guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('invariant broken')) throw error
    throw tableFailure(doing, error)
  }
}
