/**
 * Who is writing, and why nothing that a checkpoint names is ever deleted, whatever stops or sleeps for how long.
 *
 * A checkpoint names objects that it brought itself and objects of earlier ones. The danger: a writer reads the manifest of
 * M and decides to name M's object x; a pruner gives M up and deletes x; then the writer stores its manifest. No clock can
 * exclude that, because a process may sleep between any two requests. So:
 *
 * - A writer first puts `writing/<id>`, then lists manifests. It ends by a put-if-absent of the manifest `<id>.json`.
 * - A pruner too first puts a record there. It deletes a manifest only after it has put a copy of it to `retired/`. Before it
 *   deletes objects it lists, in this order: (1) objects, (2) manifests, (3) who is at work, (4) manifests again, then retired
 *   ones; and it looks (5) whether its own record still stands. If not, it deletes nothing.
 * - Who has not been heard of for the grace is *fenced* at (3). From a writer the pruner takes the name of its manifest, by a
 *   put-if-absent of its own: either the writer was first, and its checkpoint is seen at (4); or its own put fails for ever, and
 *   it begins again. Of another pruner it takes the record.
 * - An object is deleted if neither (2) nor (4) names it, its bringer is not writing, and nobody is at work at all or no
 *   retired manifest names it.
 * - The copy of a manifest is deleted by a pruner that found nobody else at work at (3), and the manifest gone at (2).
 *
 * Lemma. If the copy of M is gone at the (4) of a pruner P that comes past (5), all writers that had listed M were done or
 * fenced before P began. For the pruner Q that deleted the copy had found nobody at work at its own (3), after M was gone; who
 * had listed M was at work before, so had ended by then. And this was before P began: else Q would have seen P at work
 * and left the copy, or have fenced P first, and P would not come past (5).
 *
 * Proof. Suppose P deletes x, and some manifest that names x is stored after (2). Take the first such, M', of the writer W.
 * If W was done at (3), then (4) shows M' or its copy: were both gone, M' would, as in the lemma, have been gone before P
 * began. If W was fenced, M' is never stored. So W was writing at (3). If it brought x, x is kept. Else it had listed a
 * manifest M that names x, stored before (2) as M' is the first after it. As (2) does not show M, it was given up before. If
 * (4) shows its copy, x is kept, as W is at work. If not, W had ended before P began, by the lemma: but it was
 * writing at (3). So there is no such M'.
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
/** Ids of checkpoints begin with a digit. */
const PRUNER = 'pruner-'

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

/** Somebody who deletes what is not needed, as others who do see it. */
export class Pruning implements AsyncDisposable {
  readonly #id: string
  readonly #folder: PartitionFolder

  static async begin(folder: PartitionFolder, unique: string): Promise<Pruning> {
    const pruning = new Pruning(folder, `${PRUNER}${unique}`)
    await folder.storage.put(folder.writingPath(pruning.#id), RECORD)
    return pruning
  }

  private constructor(folder: PartitionFolder, id: string) {
    this.#folder = folder
    this.#id = id
  }

  /** Ids of all others at work; who has not been heard of for the grace is fenced. */
  async others(nowMs: number): Promise<ReadonlySet<string>> {
    const living = new Set<string>()
    for (const file of await this.#folder.list('writing')) {
      const id = idOf(file.path)
      if (id === this.#id) continue
      if (isOld(file, nowMs)) await fence(this.#folder, id)
      else living.add(id)
    }
    return living
  }

  /** False: this one was taken for dead; copies may be gone that it should have seen. */
  async isHeardOf(): Promise<boolean> {
    return (await this.#folder.storage.stat(this.#folder.writingPath(this.#id))) !== undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that cannot be deleted now is fenced by the next.
    await this.#folder.storage.delete(this.#folder.writingPath(this.#id)).catch(() => undefined)
  }
}

async function fence(folder: PartitionFolder, id: string): Promise<void> {
  if (!id.startsWith(PRUNER)) await folder.storage.putIfAbsent(folder.checkpointPath(id), ABANDONED)
  await folder.storage.delete(folder.writingPath(id))
}

export function isOld({ modifiedMs }: StoredFile, nowMs: number): boolean {
  return nowMs - modifiedMs > GRACE_MS
}
