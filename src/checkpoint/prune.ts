/**
 * Giving old checkpoints up, and deleting what no checkpoint needs. Safe beside writers, restores and other pruners; why, is
 * told in `writers.ts`, whose numbers (1) to (5) are those below.
 */
import type { PruneResult } from '../engine/checkpoint-port.ts'
import type { Clock } from '../engine/ports.ts'
import { STAGING_FOLDER, type StoredFile } from '../storage/object-storage.ts'
import { inParallel } from './in-parallel.ts'
import { type StoredCheckpoint, encodeManifest } from './manifest.ts'
import {
  type Listed,
  PARALLEL_MAX,
  type PartitionFolder,
  bringerOf,
  idOf,
  wholeOnes,
} from './partition-folder.ts'
import { GRACE_MS, Pruning, isOld } from './writers.ts'

export interface Retention {
  /** The newest ones that are kept in any case; at least one is. */
  readonly keep: number
  /** Younger ones are kept too. */
  readonly keepForMs: number
}

/** What crashed writers of whole files leave in a directory. */
const STAGED_FOR_MS = 24 * 3_600_000
/** A fenced writer would have to sleep that long to store its manifest after all; then its digests tell. */
const FENCED_FOR_MS = 30 * 24 * 3_600_000

export async function pruneFolder(
  folder: PartitionFolder,
  retention: Retention,
  clock: Clock,
  newId: () => string,
): Promise<PruneResult> {
  const checkpoints = await retireOld(folder, retention, clock.wallMs())
  await using pruning = await Pruning.begin(folder, newId())
  const deleted = await deleteUnneeded(folder, pruning, clock.wallMs())
  const bytes = deleted.reduce((sum, file) => sum + file.bytes, 0)
  return { checkpoints, files: deleted.length, bytes }
}

/** Its copy first: whoever lists manifests from now on finds the one or the other. */
export async function retire(folder: PartitionFolder, checkpoint: StoredCheckpoint): Promise<void> {
  const { id } = checkpoint
  await folder.storage.put(folder.retiredPath(id), encodeManifest(checkpoint))
  await folder.storage.delete(folder.checkpointPath(id))
}

async function retireOld(
  folder: PartitionFolder,
  { keep, keepForMs }: Retention,
  nowMs: number,
): Promise<number> {
  const listed = await folder.manifests('checkpoints')
  const old = wholeOnes(listed).filter(
    ({ createdMs }, index) => index >= Math.max(keep, 1) && nowMs - createdMs >= keepForMs,
  )
  for (const checkpoint of old) await retire(folder, checkpoint)
  const useless = listed.filter(({ file, manifest }) => {
    const ageMs = nowMs - file.modifiedMs
    if (manifest.kind === 'abandoned') return ageMs > FENCED_FOR_MS
    return manifest.kind === 'damaged' && ageMs > Math.max(keepForMs, GRACE_MS)
  })
  for (const { file } of useless) await folder.storage.delete(file.path)
  return old.length
}

async function deleteUnneeded(
  folder: PartitionFolder,
  pruning: Pruning,
  nowMs: number,
): Promise<StoredFile[]> {
  const objects = await folder.list('files') // (1)
  const before = await folder.manifests('checkpoints') // (2)
  const writing = await pruning.others(nowMs) // (3)
  const after = await folder.manifests('checkpoints') // (4)
  const retired = await folder.manifests('retired')
  const readable = [...before, ...after, ...retired].every(
    ({ manifest }) => manifest.kind !== 'foreign',
  )
  if (!readable || !(await pruning.isHeardOf())) return [] // (5)
  const expired = writing.size > 0 ? [] : retired.filter(({ file }) => isOld(file, nowMs))
  const needed = objectsOf([
    ...before,
    ...after,
    ...retired.filter((each) => !expired.includes(each)),
  ])
  const unneeded = objects.filter(
    (file) =>
      isOld(file, nowMs) &&
      !needed.has(idOf(file.path)) &&
      !writing.has(bringerOf(idOf(file.path))),
  )
  const staged = await staleStaged(folder, nowMs)
  await deleteAll(folder, [...unneeded, ...staged])
  // One whose manifest is still there was not given up after all, or not yet.
  const present = new Set(wholeOnes([...before, ...after]).map(({ id }) => id))
  const gone = expired.filter(({ id }) => !present.has(id))
  await deleteAll(
    folder,
    gone.map(({ file }) => file),
  )
  return unneeded
}

function objectsOf(listed: readonly Listed[]): ReadonlySet<string> {
  return new Set(wholeOnes(listed).flatMap(({ files }) => files.map(({ object }) => object)))
}

async function staleStaged({ storage }: PartitionFolder, nowMs: number): Promise<StoredFile[]> {
  const staged = await storage.list(`${STAGING_FOLDER}/`)
  return staged.filter(({ modifiedMs }) => nowMs - modifiedMs > STAGED_FOR_MS)
}

async function deleteAll(folder: PartitionFolder, files: readonly StoredFile[]): Promise<void> {
  await inParallel(files, PARALLEL_MAX, ({ path }) => folder.storage.delete(path))
}
