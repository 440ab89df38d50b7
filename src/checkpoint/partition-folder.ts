/**
 * The folder of one partition in a checkpoint store:
 *
 *     <pipeline>/partition-00003/checkpoints/<id>.json   the manifest of a whole checkpoint
 *                               /files/<sha256>.<id>     bytes of a state, under the checkpoint that brought them
 *                               /writing/<id>            a checkpoint that is being written
 *                               /retired/<id>.json       the manifest of one that was given up
 *
 * An id begins with generation and offset in fixed width, so that ids sort as what they stand for. What is read once is
 * kept for as long as the list shows the same file: a manifest never changes, but its name may be fenced once it was given up.
 */
import type { Log, StateHead } from '../engine/ports.ts'
import { compareText } from '../core/text.ts'
import type { ObjectStorage, StoredFile } from '../storage/object-storage.ts'
import { inParallel } from './in-parallel.ts'
import { type Manifest, type StoredCheckpoint, decodeManifest } from './manifest.ts'

/** Requests of one checkpoint that are under way together. */
export const PARALLEL_MAX = 4

export interface Listed {
  readonly id: string
  readonly file: StoredFile
  readonly manifest: Manifest
}

export class PartitionFolder {
  readonly storage: ObjectStorage
  readonly path: string
  readonly #log: Log
  /** By path, of what was listed last in each subfolder. */
  readonly #known = new Map<string, ReadonlyMap<string, Listed>>()
  readonly #told = new Set<string>()

  constructor(storage: ObjectStorage, path: string, log: Log) {
    this.storage = storage
    this.path = path
    this.#log = log
  }

  checkpointPath(id: string): string {
    return `${this.path}/checkpoints/${id}.json`
  }

  retiredPath(id: string): string {
    return `${this.path}/retired/${id}.json`
  }

  writingPath(id: string): string {
    return `${this.path}/writing/${id}`
  }

  objectPath(object: string): string {
    return `${this.path}/files/${object}`
  }

  list(folder: 'files' | 'writing' | 'checkpoints' | 'retired'): Promise<StoredFile[]> {
    return this.storage.list(`${this.path}/${folder}/`)
  }

  /** Manifests, the highest (generation, offset) first; those that went away meanwhile are left out. */
  async manifests(folder: 'checkpoints' | 'retired', limit = Infinity): Promise<Listed[]> {
    const files = (await this.list(folder)).filter(({ path }) => path.endsWith('.json'))
    const ids = files.map((file) => ({ id: idOf(file.path), file }))
    ids.sort((a, b) => compareText(b.id, a.id))
    const known = this.#known.get(folder)
    const wanted = ids.slice(0, limit)
    const read = await inParallel(wanted, PARALLEL_MAX, async ({ id, file }) => {
      const before = known?.get(file.path)
      if (before && isSame(before.file, file)) return before
      const manifest = await this.#read(id, file.path)
      return manifest && { id, file, manifest }
    })
    const listed = read.filter((each) => each !== undefined)
    this.#keep(folder, files, listed)
    return listed
  }

  #keep(folder: string, files: readonly StoredFile[], listed: readonly Listed[]): void {
    const known = new Map(this.#known.get(folder))
    for (const each of listed) known.set(each.file.path, each)
    const present = new Set(files.map(({ path }) => path))
    for (const path of known.keys()) if (!present.has(path)) known.delete(path)
    this.#known.set(folder, known)
  }

  /** The manifest of a checkpoint, retired ones included; undefined where it was deleted. */
  async manifest(id: string): Promise<Manifest | undefined> {
    const standing = await this.#read(id, this.checkpointPath(id))
    if (standing && standing.kind !== 'abandoned') return standing
    return (await this.#read(id, this.retiredPath(id))) ?? standing
  }

  async #read(id: string, path: string): Promise<Manifest | undefined> {
    const bytes = await this.storage.get(path)
    if (bytes === undefined) return undefined
    const manifest = decodeManifest(id, bytes)
    if ((manifest.kind === 'damaged' || manifest.kind === 'foreign') && !this.#told.has(path)) {
      this.#told.add(path)
      this.#log.warn(
        { path },
        `checkpoint ${id} cannot be used: its manifest ${this.storage.location}/${path} was passed over: ${manifest.why}`,
      )
    }
    return manifest
  }
}

function isSame(a: StoredFile, b: StoredFile): boolean {
  return a.bytes === b.bytes && a.modifiedMs === b.modifiedMs
}

/** Those that can be used, in the order of the list. */
export function wholeOnes(listed: readonly Listed[]): StoredCheckpoint[] {
  return listed.flatMap(({ manifest }) => (manifest.kind === 'whole' ? [manifest.checkpoint] : []))
}

export function partitionPath(pipeline: string, partition: number): string {
  return `${pipeline}/partition-${String(partition).padStart(5, '0')}`
}

export function checkpointId({ generation, nextOffset }: StateHead, unique: string): string {
  return `${String(generation).padStart(6, '0')}-${String(nextOffset).padStart(16, '0')}-${unique}`
}

/** Of `<folder>/<id>` and `<folder>/<id>.json`. */
export function idOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.json$/, '')
}

export function objectName(digest: string, id: string): string {
  return `${digest}.${id}`
}

/** The checkpoint that brought an object. */
export function bringerOf(object: string): string {
  return object.slice(object.indexOf('.') + 1)
}
