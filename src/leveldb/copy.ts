/**
 * A readable copy of a store that another process has open. LevelDB admits one process only, so a reader links the
 * tables, copies the small rest, and opens that (`live-files.ts`). What was committed when the copy began is in it; a batch
 * under way is in it whole or not at all.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { COPY_PREFIX } from './directory.ts'
import { codeOf } from './faults.ts'
import { linkTables, takeLive } from './live-files.ts'

/**
 * Copies the store beside itself; returns the copy's directory, or undefined where there is no store yet, or none any more.
 * @throws STATE_DAMAGED where no consistent set of files is found
 */
export async function copyLive(directory: string): Promise<string | undefined> {
  const holdsStore = (): boolean => existsSync(path.join(directory, 'CURRENT'))
  if (!holdsStore()) return undefined
  try {
    return await takeLive(directory, () =>
      intoCopy(makeTarget(directory), (target) => copyOnce(directory, target)),
    )
  } catch (error) {
    // Moved away, to make room for one that is restored.
    if (!holdsStore()) return undefined
    throw error
  }
}

export function removeCopy(copy: string): void {
  rmSync(copy, { recursive: true, force: true })
}

/** What `fill` makes of the folder; without a result nothing is left of it. */
export function intoCopy<T>(
  target: string,
  fill: (target: string) => T | undefined,
): T | undefined {
  let filled: T | undefined
  try {
    filled = fill(target)
    return filled
  } finally {
    if (filled === undefined) removeCopy(target)
  }
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

/** Undefined where the files changed meanwhile. */
function copyOnce(directory: string, target: string): string | undefined {
  const files = linkTables(directory, target)
  if (files === undefined) return undefined
  const { current, manifest, logs } = files
  // Ascending: a log that has a successor is complete, and the last one may end within a batch.
  for (const name of logs) copyFileSync(path.join(directory, name), path.join(target, name))
  writeFileSync(path.join(target, manifest.name), manifest.bytes)
  writeFileSync(path.join(target, 'CURRENT'), current)
  return target
}
