/**
 * Days that are over settle: their loose tiles move into the records of their entities, in the order of records and
 * across all those days at once, so that an entity's record is written once for them all.
 *
 * A piece reads an equal share of its limit from each day. It may settle only up to the lowest last key of the days
 * that have more: beyond that frontier some tile may not have been read.
 */
import type { DayIndex } from '../core/day.ts'
import type { MaintenanceBounds } from '../engine/ports.ts'
import type { Database } from './database.ts'
import type { Entry } from './entry.ts'
import {
  type RecordPlace,
  SLOT_MAX,
  comparePlaces,
  historyKeyOf,
  loosePlace,
  looseRange,
} from './keys.ts'
import type { Layout } from './layout.ts'
import { type Piece, recordWrites } from './piece.ts'
import { renewed } from './renewal.ts'
import { type StoredTile, readLoose } from './tile-record.ts'

/** The next piece of settling; undefined: no day is due. */
export async function settle(
  database: Database,
  layout: Layout,
  bounds: MaintenanceBounds,
  limit: number,
): Promise<Piece | undefined> {
  const settling = layout.settling ?? { before: bounds.settleBefore }
  const days = layout.looseDays.filter((day) => day < settling.before)
  if (layout.settling === undefined && days.length === 0) {
    return raiseSettled(layout, bounds.settleBefore)
  }
  const started = { ...layout, settling }
  const first = settling.done?.view ?? 0
  for (let view = first; view < layout.views; view += 1) {
    const batch = await readLooseTiles(database, { view, after: settling.done, days }, limit)
    if (batch.entities.size === 0) continue
    return settleEntities(database, started, bounds, batch)
  }
  const { settling: _, ...rest } = layout
  const looseDays = layout.looseDays.filter((day) => day >= settling.before)
  return { layout: { ...rest, looseDays, settledBefore: settling.before }, write: () => undefined }
}

/** Days that had no tiles are settled by saying so. */
function raiseSettled(layout: Layout, settleBefore: DayIndex): Piece | undefined {
  if (!Number.isFinite(settleBefore)) return undefined
  if (layout.settledBefore !== undefined && layout.settledBefore >= settleBefore) return undefined
  return { layout: { ...layout, settledBefore: settleBefore }, write: () => undefined }
}

interface LooseEntity {
  readonly place: RecordPlace
  /** Ascending by day. */
  readonly tiles: StoredTile[]
  /** Where they lie. */
  readonly keys: string[]
}

interface LooseBatch {
  /** By the key of the record that they belong to. */
  readonly entities: ReadonlyMap<string, LooseEntity>
  /** Every tile up to here, of the days that settle, is in `entities`. */
  readonly done: RecordPlace
}

async function settleEntities(
  database: Database,
  layout: Layout & Required<Pick<Layout, 'settling'>>,
  bounds: MaintenanceBounds,
  { entities, done }: LooseBatch,
): Promise<Piece> {
  const found = await database.getMany([...entities.keys()])
  const changed = [...entities.values()].map(({ place, tiles }, index) => {
    const keptFrom = bounds.evictBefore[place.view] ?? -Infinity
    return { place, record: renewed(found[index], tiles, keptFrom) }
  })
  const { settling } = layout
  const moved = { ...layout, settling: { ...settling, done } }
  // A record may go only if no loose tile stays, and those that move now do not.
  const staying = { ...layout, looseDays: layout.looseDays.filter((d) => d >= settling.before) }
  const writeRecords = await recordWrites(database, staying, changed)
  return {
    layout: moved,
    write: (batch) => {
      writeRecords(batch)
      for (const { keys } of entities.values()) for (const key of keys) batch.del(key)
    },
  }
}

async function readLooseTiles(
  database: Database,
  from: {
    readonly view: number
    readonly after: RecordPlace | undefined
    readonly days: readonly DayIndex[]
  },
  limit: number,
): Promise<LooseBatch> {
  const { view, after, days } = from
  const share = Math.max(1, Math.floor(limit / Math.max(1, days.length)))
  const read = await Promise.all(
    days.map(async (day) => ({
      day,
      entries: await database.range(looseRange(view, day, after), share),
    })),
  )
  const done = read
    .flatMap(({ entries }) => (entries.length < share ? [] : [lastPlace(entries)]))
    .reduce(lowest, { view, slot: SLOT_MAX + 1, entity: '' })
  return { entities: collect(read, done), done }
}

function collect(
  read: readonly { readonly day: DayIndex; readonly entries: readonly Entry[] }[],
  done: RecordPlace,
): LooseBatch['entities'] {
  const entities = new Map<string, LooseEntity>()
  for (const { day, entries } of read) {
    for (const [key, value] of entries) {
      const place = loosePlace(key)
      if (comparePlaces(place, done) > 0) break
      const tile = readLoose(value, day)
      const record = historyKeyOf(key)
      const known = entities.get(record)
      if (known === undefined) {
        entities.set(record, { place, tiles: [tile], keys: [key] })
      } else {
        known.tiles.push(tile)
        known.keys.push(key)
      }
    }
  }
  return entities
}

function lastPlace(entries: readonly Entry[]): RecordPlace {
  return loosePlace(entries.at(-1)![0])
}

function lowest(a: RecordPlace, b: RecordPlace): RecordPlace {
  return comparePlaces(a, b) <= 0 ? a : b
}
