/** The files of a store, seen from outside: their size, and the signs that some are missing. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'

/** Copies for readers lie inside the store's own directory, on its file system; LevelDB overlooks other names. */
export const COPY_PREFIX = 'copy-'
/** A reader is done with its copy in seconds; one this old was left by a process that died. */
const STALE_COPY_MS = 3_600_000

export function directoryBytes(directory: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    // A compaction may remove the file in between.
    if (!entry.isFile()) continue
    bytes += statSync(path.join(directory, entry.name), { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

/** LevelDB would quietly begin a new store beside the old tables. */
export function lacksItsIndex(directory: string): boolean {
  if (!existsSync(directory) || existsSync(path.join(directory, 'CURRENT'))) return false
  return readdirSync(directory).some(
    (name) => name.endsWith('.ldb') || name.startsWith('MANIFEST-'),
  )
}

export function removeStaleCopies(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(COPY_PREFIX)) continue
    const copy = path.join(directory, name)
    const modifiedMs = statSync(copy, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (Date.now() - modifiedMs > STALE_COPY_MS) rmSync(copy, { recursive: true, force: true })
  }
}
