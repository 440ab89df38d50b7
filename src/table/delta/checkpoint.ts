/**
 * Checkpoints of the log: a snapshot as one Parquet file, so that a reader need not fold every commit since the first, and
 * `_last_checkpoint`, which says where the newest is. Written by whoever commits a version that is due; two writers of one
 * checkpoint write the same.
 */
import type { JsonShape, ParquetEngine } from '../parquet.ts'
import type { ObjectStorage } from '../../storage/object-storage.ts'
import type { Action, Txn } from './actions.ts'
import type { Snapshot } from './snapshot.ts'

export interface CheckpointPlace {
  readonly storage: ObjectStorage
  readonly parquet: ParquetEngine
  readonly newId: () => string
  /** `<table>/_delta_log` */
  readonly folder: string
}

/** What a snapshot need not remember any longer. */
export interface CheckpointFilter {
  /** Files removed before it are vacuumed or will be found as orphans. */
  readonly removedSinceMs: number
  readonly keepTransaction: (txn: Txn) => boolean
}

const FILE_SHAPE = {
  path: 'string',
  partitionValues: 'map',
  size: 'int64',
  dataChange: 'boolean',
  tags: 'map',
} as const satisfies JsonShape

const SHAPE: Readonly<Record<string, JsonShape>> = {
  txn: { appId: 'string', version: 'int64', lastUpdated: 'int64' },
  add: { ...FILE_SHAPE, modificationTime: 'int64', stats: 'string' },
  remove: { ...FILE_SHAPE, deletionTimestamp: 'int64', extendedFileMetadata: 'boolean' },
  metaData: {
    id: 'string',
    name: 'string',
    description: 'string',
    format: { provider: 'string', options: 'map' },
    schemaString: 'string',
    partitionColumns: 'list',
    configuration: 'map',
    createdTime: 'int64',
  },
  protocol: { minReaderVersion: 'int32', minWriterVersion: 'int32' },
}

export function versionName(version: number): string {
  return String(version).padStart(20, '0')
}

export function checkpointPath(folder: string, version: number): string {
  return `${folder}/${versionName(version)}.checkpoint.parquet`
}

export async function writeCheckpoint(
  place: CheckpointPlace,
  snapshot: Snapshot,
  filter: CheckpointFilter,
): Promise<void> {
  const { version } = snapshot
  const lines = [...checkpointActions(snapshot, filter)].map((action) => JSON.stringify(action))
  const { storage, parquet } = place
  const temporary = `${await storage.staging()}/checkpoint-${place.newId()}.tmp`
  try {
    await parquet.writeJson(temporary, lines, SHAPE)
    await storage.moveIn(temporary, checkpointPath(place.folder, version))
  } finally {
    await storage.discard(temporary)
  }
  const pointer = JSON.stringify({ version, size: lines.length })
  await place.storage.put(`${place.folder}/_last_checkpoint`, Buffer.from(pointer))
}

export async function readCheckpoint(place: CheckpointPlace, version: number): Promise<Action[]> {
  await using file = await place.storage.open(checkpointPath(place.folder, version))
  const lines = await place.parquet.readJson(file.path)
  return lines.map((line) => JSON.parse(line) as Action)
}

/** The version that `_last_checkpoint` names; undefined where there is none or it is no readable pointer. */
export async function lastCheckpoint(place: CheckpointPlace): Promise<number | undefined> {
  const bytes = await place.storage.get(`${place.folder}/_last_checkpoint`)
  if (!bytes) return undefined
  try {
    const pointer = JSON.parse(Buffer.from(bytes).toString('utf8')) as { version?: unknown }
    return typeof pointer.version === 'number' ? pointer.version : undefined
  } catch {
    // Only a hint: the list of the log says the same.
    return undefined
  }
}

/** Ascending. Checkpoints in several parts are another writer's and are passed over. */
export async function listCheckpoints(place: CheckpointPlace): Promise<number[]> {
  const files = await place.storage.list(`${place.folder}/`)
  return files
    .map(({ path }) => /\/(\d{20})\.checkpoint\.parquet$/.exec(path)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
}

function* checkpointActions(snapshot: Snapshot, filter: CheckpointFilter): Iterable<Action> {
  yield { protocol: snapshot.protocol }
  yield { metaData: snapshot.metaData }
  for (const txn of snapshot.transactions()) if (filter.keepTransaction(txn)) yield { txn }
  for (const file of snapshot.files()) yield { add: { ...file, dataChange: false } }
  for (const file of snapshot.removed()) {
    if ((file.deletionTimestamp ?? 0) >= filter.removedSinceMs) {
      yield { remove: { ...file, dataChange: false } }
    }
  }
}
