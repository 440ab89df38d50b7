/**
 * The files of a store that is open, taken at one moment without stopping it: those that MANIFEST names, and the logs.
 *
 * Only tables that MANIFEST names are linked: opening a copy reuses the number of a half-written one, and would truncate
 * the file that the writer is writing. The file LOCK is never touched: closing it would drop the owner's lock. A
 * compaction may move files while we look; then the attempt is repeated.
 */
import { copyFileSync, linkSync, readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { TidemarkError } from '../errors.ts'
import { codeOf } from './faults.ts'
import { parseManifest } from './manifest.ts'

/** Two or three attempts are the most that was seen. */
const ATTEMPTS_MAX = 200
const PAUSE_MS = 2

export interface LiveFiles {
  /** Content of CURRENT: the name of the manifest and a line feed. */
  readonly current: string
  readonly manifest: { readonly name: string; readonly bytes: Buffer }
  readonly tables: readonly { readonly name: string; readonly bytes: number }[]
  /** Ascending: one that has a successor is complete. */
  readonly logs: readonly string[]
}

/**
 * Calls `take` until it finds what does not change under it.
 * @throws STATE_DAMAGED where no consistent set of files is found
 */
export async function takeLive<T>(directory: string, take: () => T | undefined): Promise<T> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const taken = unlessGone(take)
    if (taken !== undefined) return taken
    await setTimeout(PAUSE_MS)
  }
  throw new TidemarkError(
    'STATE_DAMAGED',
    `no consistent set of files was found in ${directory} in ${ATTEMPTS_MAX} attempts: files that it lists are missing. If the process that owns it runs well, try again; else move the directory away and start again`,
  )
}

function unlessGone<T>(take: () => T | undefined): T | undefined {
  try {
    return take()
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

/** Links the tables into `target` and says what else belongs to them; undefined where the files changed meanwhile. */
export function linkTables(directory: string, target: string): LiveFiles | undefined {
  const current = readFileSync(path.join(directory, 'CURRENT'), 'latin1')
  const name = current.trim()
  const bytes = readFileSync(path.join(directory, name))
  const { tables, logNumber } = parseManifest(bytes)
  const linked = [...tables].map(([number, size]) => ({
    name: fileName(number, 'ldb'),
    bytes: size,
  }))
  for (const table of linked) {
    const link = path.join(target, table.name)
    linkOrCopy(path.join(directory, table.name), link)
    if (statSync(link).size !== table.bytes) return undefined
  }
  const logs = readdirSync(directory)
    .filter((file) => file.endsWith('.log') && Number.parseInt(file, 10) >= logNumber)
    .sort()
  if (!logs.includes(fileName(logNumber, 'log'))) return undefined
  return { current, manifest: { name, bytes }, tables: linked, logs }
}

export function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error
    copyFileSync(from, to)
  }
}

export function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`
}
