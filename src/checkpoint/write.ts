/**
 * Storing a snapshot. A file whose bytes a listed checkpoint already holds is named, not stored again: so a checkpoint
 * costs what changed, and is self-contained all the same. The manifest comes last: until then there is nothing to find.
 */
import type { Checkpoint } from '../engine/checkpoint-port.ts'
import type { Clock, StateFile, StateSnapshot } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { inParallel } from './in-parallel.ts'
import { type StoredCheckpoint, digestOf, encodeManifest } from './manifest.ts'
import {
  PARALLEL_MAX,
  type PartitionFolder,
  checkpointId,
  idOf,
  objectName,
  wholeOnes,
} from './partition-folder.ts'
import { Writing } from './writers.ts'

/** Checkpoints whose objects are used again: this owner's last one, and others' beside it. */
const REUSED_FROM = 4
/** Fenced that often in a row, a writer is far too slow, or clocks are wrong. */
const ATTEMPTS_MAX = 3

/** What one writer remembers of a partition from one checkpoint to the next. */
export class WriterMemory {
  /** Digests of fixed files of one lineage, by name. */
  #digests: ReadonlyMap<string, string> = new Map()
  #lineage = ''
  /** Objects that were found missing or changed: never used again. */
  readonly distrusted = new Set<string>()

  digest(lineage: string, name: string): string | undefined {
    return lineage === this.#lineage ? this.#digests.get(name) : undefined
  }

  remember(lineage: string, fixed: ReadonlyMap<string, string>): void {
    this.#lineage = lineage
    this.#digests = fixed
  }
}

export interface WriteRequest {
  readonly snapshot: StateSnapshot
  readonly run: string
  readonly folder: PartitionFolder
  readonly memory: WriterMemory
  readonly clock: Clock
  readonly newId: () => string
}

type NamedFile = StoredCheckpoint['files'][number]

/** @throws CHECKPOINT_UNAVAILABLE, CHECKPOINT_REFUSED, and what reading the snapshot throws */
export async function writeCheckpoint(request: WriteRequest): Promise<Checkpoint> {
  const { snapshot, folder, clock, newId } = request
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const id = checkpointId(snapshot.head, newId())
    await using writing = await Writing.begin(folder, id, clock)
    const checkpoint = await storeFiles(request, writing)
    if (await writing.publish(encodeManifest(checkpoint))) return checkpoint
  }
  throw new TidemarkError(
    'CHECKPOINT_UNAVAILABLE',
    `checkpoint store ${folder.storage.location}: each of ${ATTEMPTS_MAX} attempts to store a checkpoint in ${folder.path} was taken for dead by who deletes old ones. Compare the clocks of the machines and of the store. It will be tried again.`,
  )
}

async function storeFiles(
  { snapshot, run, folder, memory, clock }: WriteRequest,
  writing: Writing,
): Promise<StoredCheckpoint> {
  const upload = new Upload(folder, writing, await heldObjects(folder, memory))
  const fixed = new Map<string, string>()
  const files = await inParallel(snapshot.files, PARALLEL_MAX, async (file) => {
    const known = memory.digest(snapshot.lineage, file.name)
    const stored = await upload.store(file, file.isFixed ? known : undefined)
    if (file.isFixed) fixed.set(file.name, stored.digest)
    return stored
  })
  memory.remember(snapshot.lineage, fixed)
  const { head } = snapshot
  const { id } = writing
  const { partition } = head
  return { id, partition, head, createdMs: clock.wallMs(), run, files, bytesAdded: upload.bytes }
}

/** Objects of the newest checkpoints, by digest, that are still there with their size. */
async function heldObjects(
  folder: PartitionFolder,
  { distrusted }: WriterMemory,
): Promise<ReadonlyMap<string, NamedFile>> {
  const checkpoints = wholeOnes(await folder.manifests('checkpoints', REUSED_FROM))
  if (checkpoints.length === 0) return new Map()
  const present = new Map(
    (await folder.list('files')).map(({ path, bytes }) => [idOf(path), bytes]),
  )
  const held = new Map<string, NamedFile>()
  for (const file of checkpoints.flatMap(({ files }) => files)) {
    const isThere = present.get(file.object) === file.bytes && !distrusted.has(file.object)
    if (isThere) held.set(file.digest, file)
  }
  return held
}

class Upload {
  readonly #folder: PartitionFolder
  readonly #writing: Writing
  readonly #held: ReadonlyMap<string, NamedFile>
  /** By digest: equal files are stored once. */
  readonly #stored = new Map<string, Promise<string>>()
  bytes = 0

  constructor(folder: PartitionFolder, writing: Writing, held: ReadonlyMap<string, NamedFile>) {
    this.#folder = folder
    this.#writing = writing
    this.#held = held
  }

  async store(file: StateFile, knownDigest: string | undefined): Promise<NamedFile> {
    const { name } = file
    await this.#writing.renew()
    const known = knownDigest === undefined ? undefined : this.#held.get(knownDigest)
    if (known !== undefined) return { ...known, name }
    const content = await file.read()
    const digest = digestOf(content)
    const object = this.#held.get(digest)?.object ?? (await this.#put(digest, content))
    return { name, bytes: content.length, digest, object }
  }

  #put(digest: string, content: Uint8Array): Promise<string> {
    const under = this.#stored.get(digest)
    if (under !== undefined) return under
    const object = objectName(digest, this.#writing.id)
    const put = this.#folder.storage.put(this.#folder.objectPath(object), content).then(() => {
      this.bytes += content.length
      return object
    })
    this.#stored.set(digest, put)
    return put
  }
}
