/**
 * The tiles of whole entities: the settled record and what is loose of them, put together. Reading is the same before,
 * during and after settling, because the layout says of each day where its tiles are.
 */
import type { DayIndex } from '../core/day.ts'
import { compareText } from '../core/text.ts'
import type { EntityTiles, SlotEntity } from '../engine/ports.ts'
import type { Database } from './database.ts'
import type { Entry } from './entry.ts'
import {
  historyKey,
  historyPlace,
  historySlotRange,
  looseKey,
  loosePlace,
  looseSlotRange,
} from './keys.ts'
import type { Layout } from './layout.ts'
import {
  NO_TILES,
  type SettledTiles,
  type StoredTile,
  ascending,
  decodeSettled,
  highestOffset,
  readLoose,
} from './tile-record.ts'

/** All tiles of each entity, in the order asked for: one lookup for its record and one per loose day. */
export async function readEntities(
  database: Database,
  layout: Layout,
  view: number,
  keys: readonly SlotEntity[],
): Promise<(EntityTiles | undefined)[]> {
  const { looseDays } = layout
  const stride = 1 + looseDays.length
  const values = await database.getMany(
    keys.flatMap(({ slot, entity }) => {
      const place = { view, slot, entity }
      return [historyKey(place), ...looseDays.map((day) => looseKey(place, day))]
    }),
  )
  return keys.map(({ entity }, index) => {
    const settled = values[index * stride]
    const loose: StoredTile[] = []
    looseDays.forEach((day, nth) => {
      const value = values[index * stride + 1 + nth]
      if (value !== undefined) loose.push(readLoose(value, day))
    })
    if (settled === undefined && loose.length === 0) return undefined
    return merged(entity, settled === undefined ? NO_TILES : decodeSettled(settled), loose)
  })
}

/** A page of a slot's entities in ascending order, from its settled records and its loose tiles. */
export async function scanSlot(
  database: Database,
  layout: Layout,
  place: { readonly view: number; readonly slot: number; readonly after: string | undefined },
  limit: number,
): Promise<EntityTiles[]> {
  const { view, slot, after } = place
  const settled = await database.range(historySlotRange(view, slot, after), limit)
  // Beyond the last record of a full page no loose tile can be on the page.
  const last = settled.length < limit ? undefined : settled.at(-1)
  const upTo = last === undefined ? undefined : historyPlace(last[0]).entity
  const loose = await Promise.all(
    layout.looseDays.map(async (day) => ({
      day,
      entries: await readLooseSlot(database, { view, slot, after, upTo }, day, limit),
    })),
  )
  return mergePage(settled, loose, limit)
}

async function readLooseSlot(
  database: Database,
  { view, slot, after, upTo }: LooseSlot,
  day: DayIndex,
  limit: number,
): Promise<Entry[]> {
  const range = looseSlotRange({ view, slot }, day, after)
  // The successor of a string, as bytes, is the string with a zero byte.
  const lt = upTo === undefined ? range.lt : looseKey({ view, slot, entity: upTo + '\0' }, day)
  return database.range({ ...range, lt }, limit)
}

interface LooseSlot {
  readonly view: number
  readonly slot: number
  readonly after: string | undefined
  readonly upTo: string | undefined
}

interface LooseDay {
  readonly day: DayIndex
  readonly entries: readonly Entry[]
}

function mergePage(
  settled: readonly Entry[],
  loose: readonly LooseDay[],
  limit: number,
): EntityTiles[] {
  const looseTiles = new Map<string, StoredTile[]>()
  for (const { day, entries } of loose) {
    for (const [key, value] of entries) {
      const { entity } = loosePlace(key)
      const tile = readLoose(value, day)
      const known = looseTiles.get(entity)
      if (known === undefined) looseTiles.set(entity, [tile])
      else known.push(tile)
    }
  }
  const page: EntityTiles[] = []
  for (const [key, value] of settled) {
    const { entity } = historyPlace(key)
    page.push(merged(entity, decodeSettled(value), looseTiles.get(entity) ?? []))
    looseTiles.delete(entity)
  }
  if (looseTiles.size > 0) {
    for (const [entity, tiles] of looseTiles) page.push(merged(entity, NO_TILES, tiles))
    page.sort((a, b) => compareText(a.entity, b.entity))
  }
  return page.length > limit ? page.slice(0, limit) : page
}

/** `loose` ascending by day. While days settle, a settled one may lie among the loose. */
function merged(entity: string, settled: SettledTiles, loose: readonly StoredTile[]): EntityTiles {
  const offset = highestOffset(loose, highestOffset(settled.tiles, settled.evictedOffset))
  if (loose.length === 0) return { entity, offset, tiles: settled.tiles }
  return { entity, offset, tiles: ascending([...settled.tiles, ...loose]) }
}
