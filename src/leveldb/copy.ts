/**
 * A readable copy of a store that another process has open. LevelDB admits one process only, so a reader links the
 * tables, copies the small rest, and opens that.
 *
 * Only tables that MANIFEST names are linked: opening a copy reuses the number of a half-written one, and would truncate
 * the file that the writer is writing. The file LOCK is never touched: closing it would drop the owner's lock. What was
 * committed when the copy began is in it; a batch under way is in it whole or not at all.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { TidemarkError } from '../errors.ts'
import { COPY_PREFIX } from './directory.ts'
import { codeOf } from './faults.ts'
import { parseManifest } from './manifest.ts'

/** A compaction moves files while we look; two or three attempts are the most that was seen. */
const ATTEMPTS_MAX = 200
const PAUSE_MS = 2

/**
 * Copies the store beside itself; returns the copy's directory, or undefined where there is no store yet.
 * @throws STATE_DAMAGED where no consistent set of files is found
 */
export async function copyLive(directory: string): Promise<string | undefined> {
  if (!existsSync(path.join(directory, 'CURRENT'))) return undefined
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const target = makeTarget(directory)
    try {
      if (copyOnce(directory, target)) return target
    } catch (error) {
      removeCopy(target)
      if (codeOf(error) !== 'ENOENT') throw error
    }
    removeCopy(target)
    await setTimeout(PAUSE_MS)
  }
  throw new TidemarkError(
    'STATE_DAMAGED',
    `no consistent set of files was found in ${directory} in ${ATTEMPTS_MAX} attempts: files that it lists are missing. If the process that owns it runs well, try again; else move the directory away and start again`,
  )
}

export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true })
}

/** On the store's own file system, so that tables can be linked; elsewhere where that may only be read. */
function makeTarget(directory: string): string {
  try {
    return mkdtempSync(path.join(directory, COPY_PREFIX))
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) throw error
    return mkdtempSync(path.join(tmpdir(), `tidemark-${COPY_PREFIX}`))
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw error
    copyFileSync(from, to)
  }
}

/** False where the files changed meanwhile. */
function copyOnce(directory: string, target: string): boolean {
  const current = readFileSync(path.join(directory, 'CURRENT'), 'latin1')
  const manifest = readFileSync(path.join(directory, current.trim()))
  const { tables, logNumber } = parseManifest(manifest)
  for (const [number, bytes] of tables) {
    const name = fileName(number, 'ldb')
    linkOrCopy(path.join(directory, name), path.join(target, name))
    if (statSync(path.join(target, name)).size !== bytes) return false
  }
  // Ascending: a log that has a successor is complete, and the last one may end within a batch.
  const logs = readdirSync(directory)
    .filter((name) => name.endsWith('.log') && Number.parseInt(name, 10) >= logNumber)
    .sort()
  if (!logs.includes(fileName(logNumber, 'log'))) return false
  for (const name of logs) copyFileSync(path.join(directory, name), path.join(target, name))
  writeFileSync(path.join(target, current.trim()), manifest)
  writeFileSync(path.join(target, 'CURRENT'), current)
  return true
}

function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`
}
