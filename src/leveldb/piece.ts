/** One piece of house-keeping, and how it writes records back. */
import type { Database } from './database.ts'
import type { Batch } from './entry.ts'
import { type RecordPlace, historyKey, looseKey } from './keys.ts'
import type { Layout } from './layout.ts'
import { oldestSettled } from './tile-record.ts'

export interface Piece {
  /** Written with the rest, so that a restart goes on where the last piece ended. */
  readonly layout: Layout
  readonly write: (batch: Batch) => void
}

/**
 * Writes changed records. One without tiles goes, unless the entity still has loose tiles: it then keeps the offset that
 * the evicted ones had.
 */
export async function recordWrites(
  database: Database,
  layout: Layout,
  changed: readonly { readonly place: RecordPlace; readonly record: Uint8Array }[],
): Promise<(batch: Batch) => void> {
  const empty = changed.filter(({ record }) => oldestSettled(record) === undefined)
  const loose = await haveLooseTiles(
    database,
    layout,
    empty.map(({ place }) => place),
  )
  const gone = new Set(empty.filter((_, index) => loose[index] === false))
  return (batch) => {
    for (const change of changed) {
      const key = historyKey(change.place)
      if (gone.has(change)) batch.del(key)
      else batch.put(key, change.record)
    }
  }
}

async function haveLooseTiles(
  database: Database,
  { looseDays }: Layout,
  places: readonly RecordPlace[],
): Promise<boolean[]> {
  const keys = places.flatMap((place) => looseDays.map((day) => looseKey(place, day)))
  const present = await database.hasMany(keys)
  const { length } = looseDays
  return places.map((_, index) =>
    present.slice(index * length, (index + 1) * length).includes(true),
  )
}
