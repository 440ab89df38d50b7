/**
 * Checkpoints in any place of files: the adapter of `CheckpointStore`, and what only operators ask for.
 *
 * How the files lie is told in `partition-folder.ts`, how one is stored in `write.ts`, and why deleting is safe in
 * `writers.ts`.
 */
import type { Checkpoint, CheckpointStore, PruneResult } from '../engine/checkpoint-port.ts'
import type { Clock, Log, StateSnapshot } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { type StoredCheckpoint, digestOf } from './manifest.ts'
import { inParallel } from './in-parallel.ts'
import {
  type Listed,
  PARALLEL_MAX,
  PartitionFolder,
  partitionPath,
  wholeOnes,
} from './partition-folder.ts'
import { type Retention, pruneFolder, retire } from './prune.ts'
import { WriterMemory, writeCheckpoint } from './write.ts'

export interface CheckpointStoreOptions {
  readonly storage: ObjectStorage
  /** Name of the pipeline. */
  readonly pipeline: string
  readonly policy: Retention
  readonly clock: Clock
  readonly log: Log
  /** Unique for ever; fit for a file's name, without a dot. */
  readonly newId: () => string
}

export interface KeptCheckpoints extends CheckpointStore {
  /** For people: where they are. */
  readonly location: string
  /** Partitions of which anything is kept, ascending. */
  partitions(): Promise<number[]>
  /** All that stand as checkpoints of a partition, those that cannot be used included, the highest first. */
  examine(partition: number): Promise<readonly Examined[]>
  /**
   * What is wrong with its files, each of which is read once however many checkpoints share it; undefined: they are whole.
   */
  damageOf(checkpoint: Checkpoint): Promise<string | undefined>
  /**
   * Gives one up before its time, a damaged one: nothing is shared with it any more, and the next checkpoint stores again
   * what only it held.
   */
  discard(partition: number, id: string): Promise<void>
}

export interface Examined {
  readonly id: string
  /** Undefined where the manifest cannot be used; `why` says why. */
  readonly checkpoint: Checkpoint | undefined
  readonly why: string | undefined
}

interface PartitionParts {
  readonly folder: PartitionFolder
  readonly memory: WriterMemory
  /** What is wrong with each object that `damageOf` looked at; undefined: nothing. */
  readonly looked: Map<string, string | undefined>
}

export function createCheckpointStore(options: CheckpointStoreOptions): KeptCheckpoints {
  const { storage, pipeline, policy, clock, log, newId } = options
  const partitions = new Map<number, PartitionParts>()
  const partsOf = (partition: number): PartitionParts => {
    const known = partitions.get(partition) ?? {
      folder: new PartitionFolder(storage, partitionPath(pipeline, partition), log),
      memory: new WriterMemory(),
      looked: new Map(),
    }
    partitions.set(partition, known)
    return known
  }
  return {
    location: storage.location,
    write: (snapshot: StateSnapshot, run: string): Promise<Checkpoint> =>
      writeCheckpoint({ ...partsOf(snapshot.head.partition), snapshot, run, clock, newId }),
    list: async (partition): Promise<readonly Checkpoint[]> =>
      wholeOnes(await partsOf(partition).folder.manifests('checkpoints')),
    read: (checkpoint) => readCheckpoint(partsOf(checkpoint.partition), checkpoint),
    prune: (partition): Promise<PruneResult> =>
      pruneFolder(partsOf(partition).folder, policy, clock, newId),
    partitions: () => partitionsIn(storage, pipeline),
    examine: async (partition): Promise<readonly Examined[]> =>
      (await partsOf(partition).folder.manifests('checkpoints')).flatMap(examined),
    damageOf: (checkpoint) => damageOf(partsOf(checkpoint.partition), checkpoint),
    discard: async (partition, id): Promise<void> => {
      const { folder } = partsOf(partition)
      const manifest = await folder.manifest(id)
      if (manifest?.kind === 'whole') await retire(folder, manifest.checkpoint)
      else await storage.delete(folder.checkpointPath(id))
    },
  }
}

async function partitionsIn(storage: ObjectStorage, pipeline: string): Promise<number[]> {
  const found = new Set<number>()
  for (const { path } of await storage.list(`${pipeline}/partition-`)) {
    const digits = /^partition-(\d+)\//.exec(path.slice(pipeline.length + 1))?.[1]
    if (digits !== undefined) found.add(Number(digits))
  }
  return [...found].sort((a, b) => a - b)
}

function examined({ id, manifest }: Listed): Examined[] {
  if (manifest.kind === 'abandoned') return []
  if (manifest.kind === 'whole') return [{ id, checkpoint: manifest.checkpoint, why: undefined }]
  return [{ id, checkpoint: undefined, why: `its manifest cannot be used: ${manifest.why}` }]
}

async function damageOf(
  parts: PartitionParts,
  checkpoint: Checkpoint,
): Promise<string | undefined> {
  const { files, id } = await manifestOf(parts.folder, checkpoint)
  const found = await inParallel(files, PARALLEL_MAX, async (file) => {
    const { looked } = parts
    if (looked.has(file.object)) return looked.get(file.object)
    try {
      await readObject(parts, id, file)
      looked.set(file.object, undefined)
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error
      looked.set(file.object, String(error.details['what']))
    }
    return looked.get(file.object)
  })
  return found.find((what) => what !== undefined)
}

/** Files in the order of the manifest; the next ones are under way while one is looked at. */
async function* readCheckpoint(
  parts: PartitionParts,
  checkpoint: Checkpoint,
): AsyncGenerator<{ readonly name: string; readonly bytes: Uint8Array }> {
  const { files, id } = await manifestOf(parts.folder, checkpoint)
  const begun: Promise<Uint8Array>[] = []
  for (const [index, file] of files.entries()) {
    while (begun.length < files.length && begun.length < index + PARALLEL_MAX) {
      const bytes = readObject(parts, id, files[begun.length] as StoredFile)
      // Whoever stops early does not wait for it.
      bytes.catch(() => undefined)
      begun.push(bytes)
    }
    const bytes = (await begun[index]) as Uint8Array
    begun[index] = NOTHING
    yield { name: file.name, bytes }
  }
}

type StoredFile = StoredCheckpoint['files'][number]

/** In place of what was handed out: a checkpoint may be larger than memory. */
const NOTHING = Promise.resolve(new Uint8Array(0))

async function readObject(
  { folder, memory }: PartitionParts,
  id: string,
  { name, bytes, digest, object }: StoredFile,
): Promise<Uint8Array> {
  const path = folder.objectPath(object)
  const found = await folder.storage.get(path)
  if (found?.length === bytes && digestOf(found) === digest) return found
  memory.distrusted.add(object)
  const what = found === undefined ? 'is missing' : whatDiffers(found.length, bytes)
  throw damaged(id, `${name} (${folder.storage.location}/${path}) ${what}`)
}

function whatDiffers(found: number, written: number): string {
  return found === written
    ? 'has other bytes than were written'
    : `has ${found} bytes, and ${written} were written`
}

async function manifestOf(folder: PartitionFolder, { id }: Checkpoint): Promise<StoredCheckpoint> {
  const manifest = await folder.manifest(id)
  if (manifest?.kind === 'whole') return manifest.checkpoint
  throw damaged(id, manifest === undefined ? 'its manifest was deleted' : 'its manifest is damaged')
}

function damaged(id: string, what: string): TidemarkError {
  return new TidemarkError(
    'CHECKPOINT_DAMAGED',
    `checkpoint ${id} is damaged: ${what}. Use another one; \`tidemark checkpoint verify\` tells which are whole`,
    { details: { checkpoint: id, what } },
  )
}
