/**
 * Whether the tables of a store are as they were written. LevelDB does not look at the checksums of the blocks that it
 * reads, and takes one of zeros for one without entries: tiles would be gone without a word, and the next compaction would
 * write the loss under a fresh checksum. So every table is read once before its store is opened, at about two GiB a second
 * from memory, and what was read whole is not read again by the same process.
 *
 * A table is blocks, each with a byte of its kind and a masked CRC-32C behind it: data, filter, list of filters, index;
 * then a footer with the places of the last two.
 */
import { readFileSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { crc32c } from '../core/crc32c.ts'
import { fileName } from './live-files.ts'
import { parseManifest } from './manifest.ts'
import { type Cursor, readVarint } from './varint.ts'

const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
const MAGIC_BYTES = 8
const PLAIN = 0
/** Of checksums that are stored, in LevelDB's way. */
const MASK_DELTA = 0xa282ead8

/** Tables never change. Whoever waits for another process to let go of a store looks at it again and again. */
const FOUND_WHOLE = new Set<string>()

interface Block {
  readonly at: number
  readonly bytes: number
}

/** What is wrong with a table, in words; undefined: nothing that can be seen from outside. */
export async function findDamage(directory: string): Promise<string | undefined> {
  for (const [number, bytes] of listedTables(directory)) {
    const name = fileName(number, 'ldb')
    const file = path.join(directory, name)
    const found = statSync(file, { throwIfNoEntry: false })
    // A compaction of the process that owns the store may have removed it; LevelDB knows one that is missing.
    if (found === undefined) continue
    const id = `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
    if (FOUND_WHOLE.has(id)) continue
    const damage = await damageOf(file, bytes)
    if (damage !== undefined) return `${name}: ${damage}`
    FOUND_WHOLE.add(id)
  }
  return undefined
}

/** Empty where there is no list, or none that can be read: opening will say so. */
function listedTables(directory: string): ReadonlyMap<number, number> {
  try {
    const current = readFileSync(path.join(directory, 'CURRENT'), 'latin1').trim()
    return parseManifest(readFileSync(path.join(directory, current))).tables
  } catch {
    return new Map()
  }
}

async function damageOf(file: string, bytesListed: number): Promise<string | undefined> {
  const table = await readFile(file).catch(() => undefined)
  if (table === undefined) return undefined
  if (table.length !== bytesListed) return `it has ${table.length} bytes, not ${bytesListed}`
  try {
    return damageIn(table)
  } catch {
    return 'its index cannot be read'
  }
}

function damageIn(table: Buffer): string | undefined {
  const footer = table.subarray(-FOOTER_BYTES)
  const magic =
    table.length < FOOTER_BYTES ? 0n : footer.readBigUInt64LE(FOOTER_BYTES - MAGIC_BYTES)
  if (magic !== MAGIC) return 'its end is missing'
  const place: Cursor = { bytes: footer, at: 0 }
  const metaindex = readBlock(place)
  const index = readBlock(place)
  return (
    brokenAmong(table, [metaindex, index]) ??
    brokenAmong(table, blocksOf(table, [index, metaindex]))
  )
}

function brokenAmong(table: Buffer, blocks: Iterable<Block>): string | undefined {
  for (const { at, bytes } of blocks) {
    const end = at + bytes + 1
    const stored = table.readUInt32LE(end)
    if (stored !== masked(crc32c(table, at, end)))
      return `the checksum of the ${bytes} bytes at ${at} is wrong`
  }
  return undefined
}

/** The blocks that these list. One that is compressed is not looked into: ours never are. */
function* blocksOf(table: Buffer, lists: readonly Block[]): Generator<Block> {
  for (const { at, bytes } of lists) {
    if (table[at + bytes] !== PLAIN) continue
    const list = table.subarray(at, at + bytes)
    // Behind the entries lie places to begin from, and their number.
    const entriesEnd = bytes - 4 * (list.readUInt32LE(bytes - 4) + 1)
    const place: Cursor = { bytes: list, at: 0 }
    while (place.at < entriesEnd) {
      readVarint(place) // Bytes of the key that are those of the one before.
      const keyBytes = readVarint(place)
      const valueBytes = readVarint(place)
      const value = place.at + keyBytes
      yield readBlock({ bytes: list, at: value })
      place.at = value + valueBytes
    }
  }
}

function readBlock(place: Cursor): Block {
  return { at: readVarint(place), bytes: readVarint(place) }
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}
