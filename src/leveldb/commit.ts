/**
 * A commit as one batch. A loose tile is one put; a tile of a settled day takes the place of its predecessor in its
 * entity's record, which is read before the batch begins.
 */
import type { StateCommit, TileWrite } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import type { Database } from './database.ts'
import type { Batch } from './entry.ts'
import {
  SLOT_MAX,
  VIEW_MAX,
  dirtyKey,
  historyKey,
  idKey,
  loosePrefix,
  milestoneKey,
  slotDigits,
} from './keys.ts'
import { type Layout, isSettled, withDays } from './layout.ts'
import { encodeMilestone } from './milestone-record.ts'
import { renewed } from './renewal.ts'
import { LOOSE_OVERHEAD, type StoredTile, writeLoose } from './tile-record.ts'
import { offsetLength, writeOffset } from './varint.ts'

export interface PreparedCommit {
  readonly layout: Layout
  readonly write: (batch: Batch) => void
}

export async function prepareCommit(
  database: Database,
  layout: Layout,
  commit: StateCommit,
): Promise<PreparedCommit> {
  const { loose, late } = sortOut(layout, commit.tiles)
  const lateKeys = [...late.keys()]
  const found = await database.getMany(lateKeys)
  const looseDays = new Set(loose.map(({ day }) => day))
  return {
    layout: withDays(layout, {
      views: commit.tiles.reduce((views, tile) => Math.max(views, tile.view + 1), 0),
      oldestDay: commit.tiles.reduce((oldest, { day }) => Math.min(oldest, day), Infinity),
      looseDays,
      idDays: new Set(commit.ids.map(({ day }) => day)),
    }),
    write: (batch) => {
      putLoose(batch, loose)
      lateKeys.forEach((key, index) => {
        batch.put(key, renewed(found[index], late.get(key) ?? [], -Infinity))
      })
      putRest(batch, commit)
    },
  }
}

interface Sorted {
  readonly loose: readonly TileWrite[]
  /** By the key of the record that they belong to. */
  readonly late: ReadonlyMap<string, StoredTile[]>
}

function sortOut(layout: Layout, tiles: readonly TileWrite[]): Sorted {
  const loose: TileWrite[] = []
  const late = new Map<string, StoredTile[]>()
  for (const tile of tiles) {
    invariant(tile.slot >= 0 && tile.slot <= SLOT_MAX, `a hash slot is in range: ${tile.slot}`)
    invariant(tile.offset >= -1, `a tile has an offset: ${tile.offset}`)
    if (!isSettled(layout, tile, tile.day)) {
      loose.push(tile)
      continue
    }
    const key = historyKey(tile)
    const known = late.get(key)
    if (known === undefined) late.set(key, [tile])
    else known.push(tile)
  }
  return { loose, late }
}

/** One buffer for all values: 50,000 small allocations would cost more than the puts. */
function putLoose(batch: Batch, tiles: readonly TileWrite[]): void {
  const length = tiles.reduce((sum, { bytes }) => sum + LOOSE_OVERHEAD + bytes.length, 0)
  const values = new Uint8Array(length)
  const startOf = keyStarts()
  let at = 0
  for (const tile of tiles) {
    const end = writeLoose(values, at, tile)
    batch.put(startOf(tile) + tile.entity, values.subarray(at, end))
    at = end
  }
}

/** Starts of keys, remembered: a commit's tiles are of few days and views. */
function keyStarts(): (tile: TileWrite) => string {
  const known = new Map<number, string>()
  return ({ view, day, slot }) => {
    const name = day * (VIEW_MAX + 1) + view
    let start = known.get(name)
    if (start === undefined) {
      start = loosePrefix(view, day)
      known.set(name, start)
    }
    return start + slotDigits(slot)
  }
}

function putRest(batch: Batch, commit: StateCommit): void {
  const nothing = new Uint8Array(0)
  for (const { id, day } of commit.ids) batch.put(idKey(day, id), nothing)
  for (const milestone of commit.milestones) {
    batch.put(milestoneKey(milestone.day, milestone.generation), encodeMilestone(milestone))
  }
  // A slot that is cleared and dirtied at once stays dirty: within a batch the later operation wins.
  for (const key of commit.cleared) batch.del(dirtyKey(key))
  for (const [key, offset] of commit.dirty) batch.put(dirtyKey(key), offsetBytes(offset))
}

function offsetBytes(offset: number): Uint8Array {
  const bytes = new Uint8Array(offsetLength(offset))
  writeOffset(bytes, 0, offset)
  return bytes
}
