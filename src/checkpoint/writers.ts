/**
 * Who is writing, and why nothing that a checkpoint names is ever deleted, whatever stops or sleeps for how long.
 *
 * A checkpoint names objects that it brought itself and objects of earlier ones. The danger: a writer reads the manifest of
 * M and decides to name M's object x; a pruner gives M up and deletes x; then the writer stores its manifest. No clock can
 * exclude that, because a process may sleep between any two requests. So:
 *
 * - A writer first puts `writing/<id>`, then lists manifests. It ends by a put-if-absent of the manifest `<id>.json`.
 * - A pruner deletes a manifest only after it has put a copy of it to `retired/`. Before it deletes objects it lists, in this order:
 *   (1) objects, (2) manifests, (3) writers, (4) manifests again and retired ones. A writer that has not been heard of for
 *   the grace is *fenced* at (3): the pruner takes the name of its manifest, by a put-if-absent of its own. Either the
 *   writer was first, and its checkpoint is seen at (4); or its own put fails for ever, and it begins again.
 * - An object is deleted if neither (2) nor (4) names it, its bringer is not writing, and nobody is writing at all or no
 *   retired manifest names it.
 *
 * Proof. Suppose x is deleted, and some manifest that names x is stored after (2). Take the first such, M', of the writer W.
 * If W brought x, then W wrote before (1), so at (3) it was writing (x is kept), fenced (M' is never stored) or done (M' is
 * seen at (4): x is kept). Else W had listed a manifest M that names x, stored before (2) as M' is the first after it. As
 * (2) does not show M, it was deleted before; so W, which listed M before that, had begun before (3). If it was done at
 * (3), (4) shows M'. If it was fenced, M' is never stored. If it was writing, x was deleted only if no retired manifest names it;
 * but M was retired, and its copy is deleted only by a pruner that found nobody writing at its own (3) after
 * M was gone, when W was writing. So there is no such M'.
 *
 * Times are for courtesy alone: retired objects stay for the grace, so that who restores M may end, and so that a list which a
 * network file system shows late does no harm.
 */
import type { Clock } from '../engine/ports.ts'
import type { StoredFile } from '../storage/object-storage.ts'
import { ABANDONED } from './manifest.ts'
import { type PartitionFolder, idOf } from './partition-folder.ts'

export const GRACE_MS = 3_600_000
/** So that a writer that works for days is never taken for dead. */
const RENEWAL_MS = GRACE_MS / 4
const RECORD = Buffer.from('{}\n')

/** One checkpoint that is being written, as others see it. */
export class Writing implements AsyncDisposable {
  readonly id: string
  readonly #folder: PartitionFolder
  readonly #clock: Clock
  #renewedMs: number
  #isPublishing = false

  static async begin(folder: PartitionFolder, id: string, clock: Clock): Promise<Writing> {
    const writing = new Writing(folder, id, clock)
    await folder.storage.put(folder.writingPath(id), RECORD)
    return writing
  }

  private constructor(folder: PartitionFolder, id: string, clock: Clock) {
    this.id = id
    this.#folder = folder
    this.#clock = clock
    this.#renewedMs = clock.monotonicMs()
  }

  /** To be called now and then while the work goes on. */
  async renew(): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#renewedMs < RENEWAL_MS) return
    this.#renewedMs = nowMs
    await this.#folder.storage.put(this.#folder.writingPath(this.id), RECORD)
  }

  /** False: a pruner took this one for dead; its objects may be gone. */
  async publish(manifest: Uint8Array): Promise<boolean> {
    const { storage } = this.#folder
    const path = this.#folder.checkpointPath(this.id)
    this.#isPublishing = true
    const won = await storage.putIfAbsent(path, manifest)
    // A request that was repeated after its answer was lost finds its own bytes.
    const isOurs = won || Buffer.from(manifest).equals((await storage.get(path)) ?? ABANDONED)
    this.#isPublishing = false
    return isOurs
  }

  /** The record goes only when it is known how the work ended: a request that failed may still take effect. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isPublishing) return
    // One that cannot be deleted now is fenced and deleted by a pruner.
    await this.#folder.storage.delete(this.#folder.writingPath(this.id)).catch(() => undefined)
  }
}

/** Ids of those who are writing; who has not been heard of for the grace is fenced. */
export async function livingWriters(folder: PartitionFolder, nowMs: number): Promise<Set<string>> {
  const living = new Set<string>()
  for (const file of await folder.list('writing')) {
    if (isOld(file, nowMs)) await fence(folder, idOf(file.path))
    else living.add(idOf(file.path))
  }
  return living
}

async function fence(folder: PartitionFolder, id: string): Promise<void> {
  await folder.storage.putIfAbsent(folder.checkpointPath(id), ABANDONED)
  await folder.storage.delete(folder.writingPath(id))
}

export function isOld({ modifiedMs }: StoredFile, nowMs: number): boolean {
  return nowMs - modifiedMs > GRACE_MS
}
