/**
 * Export: final days as a plain Parquet directory, for programs that only glob. Files are hard links where the file
 * system allows it, else copies; a day appears whole or not at all.
 *
 * A day that is there already with the same files is kept. One whose files changed (a later generation rewrote it) is
 * swapped by two renames: for that instant a glob misses the day, it never sees both. One that the table no longer has is
 * taken away. Programs that must not miss a day read the table.
 */
import { randomUUID } from 'node:crypto'
import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import type { DayIndex } from '../core/day.ts'
import type { DeltaTable } from './delta-table.ts'
import { systemCode } from '../storage/failure.ts'
import { guarded } from './failure.ts'
import { dayFolder, dayOfFolder } from './file-name.ts'
import { viewTable, withLocalFiles, type DataFile } from './view.ts'

export interface ExportRequest {
  /** Directory of the plain copy; made when missing, nothing else may be in it. */
  readonly directory: string
  /** Days that change no more. */
  readonly isFinal: (day: DayIndex) => boolean
  /** The newest version unless given. */
  readonly version?: number
}

export interface ExportResult {
  readonly version: number
  readonly written: readonly DayIndex[]
  readonly kept: readonly DayIndex[]
  readonly removed: readonly DayIndex[]
}

export async function exportTable(
  table: DeltaTable,
  request: ExportRequest,
): Promise<ExportResult> {
  const view = await viewTable(table, request.version)
  const directory = resolve(request.directory)
  const written: DayIndex[] = []
  const kept: DayIndex[] = []
  const days = new Set(view.files.map((file) => file.day))
  for (const day of [...days].filter(request.isFinal)) {
    const files = view.files.filter((file) => file.day === day)
    const target = join(directory, dayFolder(day))
    const done = await guarded(`export: cannot write ${target}`, () =>
      exportDay(table, files, target),
    )
    ;(done ? written : kept).push(day)
  }
  const removed = (await exportedDays(directory)).filter(
    (day) => !days.has(day) && request.isFinal(day),
  )
  for (const day of removed) {
    const target = join(directory, dayFolder(day))
    await guarded(`export: cannot remove ${target}`, () => removeDay(target))
  }
  return { version: view.version, written, kept, removed }
}

/** Days that a directory of an export has. */
export async function exportedDays(directory: string): Promise<DayIndex[]> {
  const names = (await filesOf(directory)) ?? []
  return names.flatMap((name) => dayOfFolder(name) ?? []).sort((a, b) => a - b)
}

/** At once for a glob, and never by half. */
async function removeDay(target: string): Promise<void> {
  const old = `${dirname(target)}.tmp-${randomUUID()}`
  await rename(target, old)
  await rm(old, { recursive: true, force: true })
}

/** False where the day is there already. */
async function exportDay(
  table: DeltaTable,
  files: readonly DataFile[],
  target: string,
): Promise<boolean> {
  const names = files.map((file) => basename(file.path)).sort()
  const present = await filesOf(target)
  if (present?.sort().join() === names.join()) return false
  // Beside the directory, not in it: a glob must not find what is not whole.
  const parent = dirname(target)
  const staging = `${parent}.tmp-${randomUUID()}`
  try {
    await mkdir(parent, { recursive: true })
    await mkdir(join(staging, 'new'), { recursive: true })
    await withLocalFiles(table, files, async (paths) => {
      for (const path of paths) {
        const copy = join(staging, 'new', basename(path))
        await linkOrCopy(path, copy)
        await sync(copy)
      }
      await sync(join(staging, 'new'))
    })
    if (present) await rename(target, join(staging, 'old'))
    await rename(join(staging, 'new'), target)
    await sync(parent)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
  return true
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK'].includes(systemCode(error) ?? '')) throw error
    await copyFile(from, to)
  }
}

async function filesOf(directory: string): Promise<string[] | undefined> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** A file or a directory. */
async function sync(path: string): Promise<void> {
  const opened = await open(path, 'r')
  try {
    await opened.sync()
  } finally {
    await opened.close()
  }
}
