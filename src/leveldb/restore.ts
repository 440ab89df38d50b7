/**
 * Files of a checkpoint become the state of a partition on this machine. One that is there is replaced whole or not at all:
 *
 *     state/partition-3.restoring-<id>   is being filled: no state yet. Everything in it is synced, it is opened once, and its
 *                                        head must be of the right pipeline and partition; then it becomes
 *     state/partition-3.restored         a state that only has to take its place;
 *     state/partition-3.replaced         is the former one, moved aside, until the new one stands.
 *
 * A crash between two renames leaves either the old state in its place (then the new one is dropped), or no state in its place
 * (then the new one takes it); `settleRestore` does that before a state is opened. The former state is moved while
 * its lock is held, so that no other process can be working in it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { takenOver } from '../engine/hand-over-port.ts'
import type { StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { Database } from './database.ts'
import { type Faults, STATE_FAULTS, codeOf } from './faults.ts'
import { holdLock } from './lock.ts'
import { HEAD_KEY } from './state.ts'

export interface RestoredFile {
  readonly name: string
  readonly bytes: Uint8Array
}

export interface RestoreRequest {
  readonly directory: string
  readonly files: AsyncIterable<RestoredFile>
  /** What the files must be a state of. */
  readonly pipeline: string
  readonly partition: number
  /** A directory that the former state is kept as; by default it is deleted once the new one stands. */
  readonly keepOldAs?: string
  /** What the head says of it from now on; by default what it said. */
  readonly generation?: number | undefined
}

const FILE_NAME = /^(\d{6,20}\.(ldb|log)|MANIFEST-\d{6,20}|CURRENT)$/
/** A restore that is under way writes a file every so often; one this old was left by a process that died. */
const STALE_MS = 3_600_000

/**
 * @returns whether there was a state, which is now replaced
 * @throws STATE_LOCKED, STATE_WRITE_FAILED, CHECKPOINT_DAMAGED, and what reading the files throws
 */
export async function restoreState(request: RestoreRequest): Promise<boolean> {
  const { directory, files } = request
  await settleRestore(directory)
  const filling = `${directory}.restoring-${randomUUID()}`
  try {
    await guarded(directory, () => void mkdirSync(filling, { recursive: true }))
    for await (const file of files) await guarded(directory, () => writeSynced(filling, file))
    await guarded(directory, () => syncDirectory(filling))
    await settleHead(filling, request)
    return await guarded(directory, () => takePlace(filling, request))
  } finally {
    rmSync(filling, { recursive: true, force: true })
  }
}

/** Ends what a crash cut short; nothing happens where nothing was. */
export async function settleRestore(directory: string): Promise<void> {
  const { restored, replaced } = places(directory)
  removeStale(directory)
  if (holdsState(directory)) {
    rmSync(restored, { recursive: true, force: true })
    rmSync(replaced, { recursive: true, force: true })
  } else if (existsSync(restored)) {
    await guarded(directory, () => move(restored, directory))
    rmSync(replaced, { recursive: true, force: true })
  } else if (existsSync(replaced)) {
    await guarded(directory, () => move(replaced, directory))
  }
}

function places(directory: string): { readonly restored: string; readonly replaced: string } {
  return { restored: `${directory}.restored`, replaced: `${directory}.replaced` }
}

/** Anything that a state may consist of, whole or damaged. */
function holdsState(directory: string): boolean {
  return existsSync(directory) && readdirSync(directory).length > 0
}

async function writeSynced(folder: string, { name, bytes }: RestoredFile): Promise<void> {
  if (!FILE_NAME.test(name)) {
    throw new TidemarkError(
      'CHECKPOINT_DAMAGED',
      `the checkpoint has a file ${JSON.stringify(name)}, which no state has. Use another one`,
    )
  }
  await using file = await open(path.join(folder, name), 'wx')
  await file.writeFile(bytes)
  await file.sync()
}

/** Opening it reads all of it that recovery needs; what LevelDB makes of its logs is synced. */
async function settleHead(
  folder: string,
  { pipeline, partition, generation }: RestoreRequest,
): Promise<void> {
  const refuse = (what: string, cause?: unknown): TidemarkError =>
    new TidemarkError(
      'CHECKPOINT_DAMAGED',
      `the files of the checkpoint are not the state of partition ${partition} of ${pipeline}: ${what}${reasonOf(cause)}. The state on this machine stays as it is; use another checkpoint`,
      { cause },
    )
  const faults: Faults = { ...STATE_FAULTS, damaged: (_, what, cause) => refuse(what, cause) }
  const database = await Database.open(folder, faults)
  try {
    if (database.gap !== undefined) throw refuse(database.gap)
    const bytes = await database.get(HEAD_KEY)
    const head = bytes && (JSON.parse(new TextDecoder().decode(bytes)) as StateHead)
    if (head?.pipeline !== pipeline || head.partition !== partition) {
      const found = head && `they are that of partition ${head.partition} of ${head.pipeline}`
      throw refuse(found ?? 'they hold none')
    }
    if (generation === undefined || generation === head.generation) return
    const raised = new TextEncoder().encode(JSON.stringify(takenOver(head, generation)))
    await database.write((batch) => batch.put(HEAD_KEY, raised))
  } finally {
    await database.close()
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? ` (${cause.message})` : ''
}

async function takePlace(
  filling: string,
  { directory, keepOldAs }: RestoreRequest,
): Promise<boolean> {
  const { restored, replaced } = places(directory)
  await syncDirectory(filling)
  try {
    await move(filling, restored)
  } catch (error) {
    // Another process is about to take this very place.
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
    throw STATE_FAULTS.locked(directory, error)
  }
  const had = holdsState(directory)
  try {
    if (had) await moveAside(directory, keepOldAs ?? replaced)
    await move(restored, directory)
  } catch (error) {
    if (holdsState(directory)) rmSync(restored, { recursive: true, force: true })
    // Another process began a state here, or ended this restore in our place.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error
    throw STATE_FAULTS.locked(directory, error)
  }
  rmSync(replaced, { recursive: true, force: true })
  return had
}

async function moveAside(directory: string, replaced: string): Promise<void> {
  const lock = await holdLock(directory, STATE_FAULTS)
  try {
    await move(directory, replaced)
  } finally {
    await lock[Symbol.asyncDispose]()
  }
}

async function move(from: string, to: string): Promise<void> {
  renameSync(from, to)
  await syncDirectory(path.dirname(to))
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r')
  await handle.sync()
}

function removeStale(directory: string): void {
  const parent = path.dirname(directory)
  if (!existsSync(parent)) return
  const prefix = `${path.basename(directory)}.restoring-`
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue
    const folder = path.join(parent, name)
    const modifiedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (Date.now() - modifiedMs > STALE_MS) rmSync(folder, { recursive: true, force: true })
  }
}

async function guarded<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TidemarkError) throw error
    throw STATE_FAULTS.writeFailed(directory, error)
  }
}
