/**
 * The tile tables, once partitions were added: tiles of the days before lie in the old partitions, and those of an entity belong to
 * where it lives now.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { homesOf } from '../core/home.ts'
import type { HomeOf } from '../core/home.ts'
import { slotOf } from '../core/slot.ts'
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

interface Wanted {
  readonly view: ViewPlan
  readonly partition: number
  readonly day: DayIndex
  readonly home: HomeOf
  readonly offset: number
  readonly count: number
}

/**
 * Of a day before: no record can come into it any more, so that one offset stands for those of then. Rows of an entity that lived in
 * several partitions come one after the other, in the order of these.
 */
async function* before(tables: TileTables, wanted: Wanted): AsyncGenerator<readonly TileRow[]> {
  const { view, offset } = wanted
  const shared = await sharedEntities(tables, wanted)
  const parts = new Map<string, TileRow[]>()
  for await (const rows of ownRows(tables, wanted)) {
    const alone: TileRow[] = []
    for (const each of rows) {
      const row = { ...each, offset }
      const entity = view.entity.encode(row.entity)
      if (!shared.has(entity)) alone.push(row)
      else parts.set(entity, [...(parts.get(entity) ?? []), row])
    }
    if (alone.length > 0) yield alone
  }
  if (parts.size > 0) yield [...parts.values()].flat()
}

async function* ownRows(
  tables: TileTables,
  { view, partition, day, home, count }: Wanted,
): AsyncGenerator<readonly TileRow[]> {
  for (let holder = 0; holder < count; holder += 1) {
    for await (const rows of tables.rows(view, holder, day))
      yield rows.filter(({ entity }) => home(view.entity.encode(entity)) === partition)
  }
}

/** By so many bits entities are told apart, however many there are, until it is known which of them several partitions have. */
const MARKS = 2 ** 24

/** Those that several partitions have, and a few by chance. */
async function sharedEntities(tables: TileTables, wanted: Wanted): Promise<ReadonlySet<string>> {
  const shared = new Set<string>()
  const seen = new Uint8Array(MARKS / 8)
  for await (const rows of ownRows(tables, wanted)) {
    for (const row of rows) {
      const entity = wanted.view.entity.encode(row.entity)
      const mark = slotOf(entity, MARKS)
      const [at, bit] = [mark >>> 3, 1 << (mark & 7)]
      const byte = seen[at] ?? 0
      if ((byte & bit) !== 0) shared.add(entity)
      seen[at] = byte | bit
    }
  }
  return shared
}
