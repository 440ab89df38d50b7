/**
 * Stored tiles as bytes. A loose tile is one value; the settled tiles of an entity are one value together, ascending by
 * day, so that a scan reads an entity's past in one piece:
 *
 *     loose:    format u8 | offset | tile
 *     settled:  format u8 | evicted offset + 1 | count | (day, as distance from the one before | offset | length | tile) ...
 *
 * An offset may be -1, before the log's first record. The evicted offset is the highest one of tiles that were dropped: an entity's offset never goes back. All numbers are
 * varints; the first day is zigzag.
 */
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import {
  type Cursor,
  offsetLength,
  readOffset,
  readVarint,
  truncated,
  unzigzag,
  varintLength,
  writeOffset,
  writeVarint,
  zigzag,
} from './varint.ts'

const LOOSE_FORMAT = 1
export const SETTLED_FORMAT = 1
/** Bytes that a loose tile takes beyond its own: the format and the longest offset. */
export const LOOSE_OVERHEAD = 9

export interface StoredTile {
  readonly day: DayIndex
  /** Of the last record folded into the tile. */
  readonly offset: number
  readonly bytes: Uint8Array
}

export interface SettledTiles {
  /** -1: none was evicted. */
  readonly evictedOffset: number
  /** Ascending by day. */
  readonly tiles: readonly StoredTile[]
}

export const NO_TILES: SettledTiles = { evictedOffset: -1, tiles: [] }

/** Writes a loose tile into `target` at `at`; returns the place after it. */
export function writeLoose(target: Uint8Array, at: number, tile: Omit<StoredTile, 'day'>): number {
  target[at] = LOOSE_FORMAT
  const start = writeOffset(target, at + 1, tile.offset)
  target.set(tile.bytes, start)
  return start + tile.bytes.length
}

/** The tile's bytes are a view of the value. */
export function readLoose(value: Uint8Array, day: DayIndex): StoredTile {
  const cursor = open(value, LOOSE_FORMAT, 'tile')
  const offset = readOffset(cursor)
  return { day, offset, bytes: part(value, cursor.at, value.length) }
}

export function encodeSettled({ evictedOffset, tiles }: SettledTiles): Uint8Array {
  const bytes = new Uint8Array(settledLength(evictedOffset, tiles))
  bytes[0] = SETTLED_FORMAT
  let at = writeVarint(bytes, 1, evictedOffset + 1)
  at = writeVarint(bytes, at, tiles.length)
  let before: DayIndex | undefined
  for (const tile of tiles) {
    at = writeTile(bytes, at, tile, before)
    before = tile.day
  }
  return bytes
}

/** Writes a tile of a record after the tile of the day `before`; returns the place after it. */
export function writeTile(
  target: Uint8Array,
  start: number,
  { day, offset, bytes }: StoredTile,
  before: DayIndex | undefined,
): number {
  let at = writeVarint(target, start, distance(day, before))
  at = writeOffset(target, at, offset)
  at = writeVarint(target, at, bytes.length)
  target.set(bytes, at)
  return at + bytes.length
}

/** How many bytes `writeTile` writes. */
export function tileLength(
  { day, offset, bytes }: StoredTile,
  before: DayIndex | undefined,
): number {
  const { length } = bytes
  const head = varintLength(distance(day, before)) + offsetLength(offset) + varintLength(length)
  return head + length
}

/** Moves the cursor from after a tile's day to the next tile; returns the tile's offset. */
export function skipTile(cursor: Cursor): number {
  const offset = readOffset(cursor)
  const length = readVarint(cursor)
  cursor.at += length
  if (cursor.at > cursor.bytes.length) throw truncated(cursor.bytes)
  return offset
}

/** A cursor after the format of a record. */
export function openSettled(value: Uint8Array): Cursor {
  return open(value, SETTLED_FORMAT, 'record of settled tiles')
}

/** The tiles' bytes are views of the value. */
export function decodeSettled(value: Uint8Array): SettledTiles {
  const cursor = openSettled(value)
  const evictedOffset = readVarint(cursor) - 1
  const tiles: StoredTile[] = []
  let before: DayIndex | undefined
  for (let left = readVarint(cursor); left > 0; left -= 1) {
    const tile = readTile(cursor, before)
    tiles.push(tile)
    before = tile.day
  }
  return { evictedOffset, tiles }
}

/** The bytes of one settled tile, found without looking at the others' contents. */
export function findSettled(value: Uint8Array, day: DayIndex): Uint8Array | undefined {
  const cursor = openSettled(value)
  readVarint(cursor)
  let before: DayIndex | undefined
  for (let left = readVarint(cursor); left > 0; left -= 1) {
    before = readDay(cursor, before)
    readVarint(cursor)
    const length = readVarint(cursor)
    if (before === day) return value.subarray(cursor.at, cursor.at + length)
    if (before > day) return undefined
    cursor.at += length
  }
  return undefined
}

/** The oldest day of a record; undefined where all its tiles were evicted. */
export function oldestSettled(value: Uint8Array): DayIndex | undefined {
  const cursor = openSettled(value)
  readVarint(cursor)
  return readVarint(cursor) === 0 ? undefined : readDay(cursor, undefined)
}

export function highestOffset(tiles: readonly StoredTile[], atLeast: number): number {
  let highest = atLeast
  for (const { offset } of tiles) if (offset > highest) highest = offset
  return highest
}

/** Sorts in place where that is to do, which it hardly ever is. */
export function ascending(tiles: StoredTile[]): StoredTile[] {
  for (let i = 1; i < tiles.length; i += 1) {
    if (tiles[i - 1]!.day > tiles[i]!.day) return tiles.sort((a, b) => a.day - b.day)
  }
  return tiles
}

function settledLength(evictedOffset: number, tiles: readonly StoredTile[]): number {
  let length = 1 + varintLength(evictedOffset + 1) + varintLength(tiles.length)
  let before: DayIndex | undefined
  for (const tile of tiles) {
    length += tileLength(tile, before)
    before = tile.day
  }
  return length
}

function distance(day: DayIndex, before: DayIndex | undefined): number {
  return before === undefined ? zigzag(day) : day - before
}

function readDay(cursor: Cursor, before: DayIndex | undefined): DayIndex {
  const written = readVarint(cursor)
  return before === undefined ? unzigzag(written) : before + written
}

function readTile(cursor: Cursor, before: DayIndex | undefined): StoredTile {
  const day = readDay(cursor, before)
  const offset = readOffset(cursor)
  const length = readVarint(cursor)
  const start = cursor.at
  cursor.at += length
  if (cursor.at > cursor.bytes.length) throw truncated(cursor.bytes)
  return { day, offset, bytes: part(cursor.bytes, start, cursor.at) }
}

function open(value: Uint8Array, format: number, what: string): Cursor {
  if (value[0] === format) return { bytes: value, at: 1 }
  throw new TidemarkError(
    'STATE_DAMAGED',
    `a stored ${what} has format ${value[0]}, this version reads ${format}. Use the version that wrote it, or move the state's directory away and start again; the state is rebuilt from the log`,
  )
}

/** As `subarray`, which costs several times as much where the bytes are a Buffer. */
function part({ buffer, byteOffset }: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + start, end - start)
}
