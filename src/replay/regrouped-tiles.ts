/**
 * The tile tables, once partitions were added: tiles of the days before lie in the old partitions, and those of an entity belong to
 * where it lives now.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { homesOf } from '../core/home.ts'
import type { HomeOf } from '../core/home.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { TileRow, TileTables } from './load-tiles.ts'

/** @param records all generations so far */
export function regroupedTiles(
  tables: TileTables,
  records: readonly GenerationRecord[],
): TileTables {
  const newest = records.at(-1)
  if (newest?.regrouped === undefined) return tables
  const { regrouped, segments } = newest
  return {
    firstDay: async (view) => {
      const firsts = await Promise.all(
        segments.map(({ partition }) => tables.firstDay(view, partition)),
      )
      const known = firsts.filter((day) => day !== undefined)
      return known.length === 0 ? undefined : Math.min(...known)
    },
    rows: (view, partition, day) => {
      if (day >= regrouped.first) return tables.rows(view, partition, day)
      const home = homesOf(view, regrouped.partitioner, segments.length)
      const offset = (segments[partition]?.origin ?? 0) - 1
      return before(tables, { view, partition, day, home, offset, count: segments.length })
    },
  }
}

/** Of a day before: no record can come into it any more, so that one offset stands for those of then. */
async function* before(
  tables: TileTables,
  wanted: {
    readonly view: ViewPlan
    readonly partition: number
    readonly day: DayIndex
    readonly home: HomeOf
    readonly offset: number
    readonly count: number
  },
): AsyncGenerator<readonly TileRow[]> {
  const { view, partition, day, home, offset, count } = wanted
  for (let holder = 0; holder < count; holder += 1) {
    for await (const rows of tables.rows(view, holder, day)) {
      const own = rows.filter(({ entity }) => home(view.entity.encode(entity)) === partition)
      if (own.length > 0) yield own.map((row) => ({ ...row, offset }))
    }
  }
}
