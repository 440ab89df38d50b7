/**
 * A settled record written anew: tiles put in, tiles of old days dropped.
 *
 * Nearly always the tiles come after the record's last one, and then the bytes between the first kept tile and the end stay
 * as they are: they are found by their lengths and copied at once, without an object per tile. Everything else goes through
 * `SettledTiles`. Both ways give the same bytes.
 */
import type { DayIndex } from '../core/day.ts'
import {
  NO_TILES,
  SETTLED_FORMAT,
  type SettledTiles,
  type StoredTile,
  ascending,
  decodeSettled,
  encodeSettled,
  highestOffset,
  openSettled,
  skipTile,
  tileLength,
  writeTile,
} from './tile-record.ts'
import { readVarint, unzigzag, varintLength, writeVarint, zigzag } from './varint.ts'

/** The record with the tiles put in and those before `keptFrom` dropped; `value` undefined: there is none yet. */
export function renewed(
  value: Uint8Array | undefined,
  added: readonly StoredTile[],
  keptFrom: DayIndex,
): Uint8Array {
  if (value !== undefined) {
    const kept = keptPart(value, keptFrom)
    if (kept !== undefined && follows(added, kept.lastDay)) return appended(value, kept, added)
  }
  return renewedByTile(value, added, keptFrom)
}

/** The general way, tile by tile. */
export function renewedByTile(
  value: Uint8Array | undefined,
  added: readonly StoredTile[],
  keptFrom: DayIndex,
): Uint8Array {
  const record: SettledTiles = value === undefined ? NO_TILES : decodeSettled(value)
  return encodeSettled(evicted(withTiles(record, added), keptFrom))
}

/** Puts tiles in, each in the place of one of the same day. */
function withTiles(record: SettledTiles, added: readonly StoredTile[]): SettledTiles {
  const byDay = new Map(record.tiles.map((tile) => [tile.day, tile]))
  for (const tile of added) byDay.set(tile.day, tile)
  return { evictedOffset: record.evictedOffset, tiles: ascending([...byDay.values()]) }
}

/** Drops tiles of days before `day` and remembers their highest offset. */
function evicted(record: SettledTiles, day: DayIndex): SettledTiles {
  const dropped = record.tiles.filter((tile) => tile.day < day)
  return {
    evictedOffset: highestOffset(dropped, record.evictedOffset),
    tiles: record.tiles.filter((tile) => tile.day >= day),
  }
}

/** What stays of a record. */
interface KeptPart {
  readonly evictedOffset: number
  readonly count: number
  readonly firstDay: DayIndex
  /** Where the first kept tile goes on after its day. */
  readonly start: number
  readonly lastDay: DayIndex
}

/** Undefined where no tile stays. */
function keptPart(value: Uint8Array, keptFrom: DayIndex): KeptPart | undefined {
  const cursor = openSettled(value)
  let evictedOffset = readVarint(cursor) - 1
  let count = readVarint(cursor)
  if (count === 0) return undefined
  let day = unzigzag(readVarint(cursor))
  while (day < keptFrom) {
    evictedOffset = Math.max(evictedOffset, skipTile(cursor))
    count -= 1
    if (count === 0) return undefined
    day += readVarint(cursor)
  }
  const firstDay = day
  const start = cursor.at
  for (let left = count; left > 1; left -= 1) {
    skipTile(cursor)
    day += readVarint(cursor)
  }
  skipTile(cursor)
  return { evictedOffset, count, firstDay, start, lastDay: day }
}

function follows(added: readonly StoredTile[], lastDay: DayIndex): boolean {
  let before = lastDay
  for (const { day } of added) {
    if (day <= before) return false
    before = day
  }
  return true
}

function appended(value: Uint8Array, kept: KeptPart, added: readonly StoredTile[]): Uint8Array {
  const { evictedOffset, firstDay, start, lastDay } = kept
  const count = kept.count + added.length
  const first = zigzag(firstDay)
  let length = 1 + varintLength(evictedOffset + 1) + varintLength(count) + varintLength(first)
  length += value.length - start
  let before = lastDay
  for (const tile of added) {
    length += tileLength(tile, before)
    before = tile.day
  }
  // Small ones come out of a common pool, which costs a fraction of memory of their own.
  const bytes = Buffer.allocUnsafe(length)
  bytes[0] = SETTLED_FORMAT
  let at = writeVarint(bytes, 1, evictedOffset + 1)
  at = writeVarint(bytes, at, count)
  at = writeVarint(bytes, at, first)
  bytes.set(value.subarray(start), at)
  at += value.length - start
  before = lastDay
  for (const tile of added) {
    at = writeTile(bytes, at, tile, before)
    before = tile.day
  }
  return bytes
}
