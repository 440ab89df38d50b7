/** Up to which day the tile tables hold the tiles of each partition: the least of all views. */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { DeltaTableStore } from '../table/delta-table.ts'
import { viewTable } from '../table/view.ts'

/** By partition; missing where some table has nothing of it. */
export type TilesComplete = ReadonlyMap<number, DayIndex>

export async function tilesComplete(
  tables: DeltaTableStore | undefined,
  { views, segments }: GenerationRecord,
): Promise<TilesComplete> {
  const found = new Map<number, DayIndex>()
  if (tables === undefined) return found
  const known: ReadonlyMap<number, DayIndex>[] = []
  for (const { name, version } of views) {
    const table = tables.table(`${name}_v${version}__tiles`)
    if (!(await table.log.latest((snapshot) => snapshot !== undefined))) return found
    known.push((await viewTable(table)).complete)
  }
  for (const { partition } of segments) {
    const days = known.map((complete) => complete.get(partition) ?? -Infinity)
    const least = Math.min(...days)
    if (Number.isFinite(least)) found.set(partition, least)
  }
  return found
}
