/** What every command of a replay opens: records, tables, states between generations. Nothing of the live consumer is locked. */
import { randomUUID } from 'node:crypto'
import os from 'node:os'
import process from 'node:process'
import type { Pipeline } from '../core/definition.ts'
import type { DuckDb } from '../duckdb/database.ts'
import type { GenerationStore } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { AuditStamp } from '../replay/plan.ts'
import type { ReplayRecords } from '../replay/records.ts'
import { FolderStorage } from '../storage/folder-storage.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { StoredReplays } from '../storage/replay-records.ts'
import { DeltaTableStore } from '../table/delta-table.ts'
import { openTables } from './compose.ts'
import type { OpenedParts, Surroundings } from './compose.ts'
import { openCheckpoints } from './open-checkpoints.ts'
import type { OpenCheckpoints } from './open-checkpoints.ts'
import { openHandOvers } from './open-hand-overs.ts'
import type { KeptHandOvers } from './open-hand-overs.ts'
import { stagingFolder } from './publication-tables.ts'
import { packageVersion } from './version.ts'

export interface OpenReplays {
  readonly pipeline: Pipeline
  /** Where records, plans, tables and states between generations are. */
  readonly storage: ObjectStorage
  readonly generations: GenerationStore
  readonly replays: ReplayRecords
  readonly handOvers: KeptHandOvers
  /** The live tables. */
  readonly tables: DeltaTableStore
  readonly database: DuckDb
  /** A directory that is gone when all is closed. */
  readonly scratch: string
  /** Undefined: the pipeline keeps none. */
  readonly checkpoints: OpenCheckpoints | undefined
  /** The staging tables of a replay, under the names of the live ones. */
  staged(id: string): DeltaTableStore
  stamp(reason: string): AuditStamp
}

/** @throws USAGE where the pipeline has no tables; TABLE_*, CHECKPOINT_REFUSED */
export async function openReplays(
  pipeline: Pipeline,
  opened: OpenedParts,
  { clock, log }: Surroundings,
): Promise<OpenReplays> {
  const { offline } = pipeline.sinks
  if (offline === undefined) {
    throw new TidemarkError(
      'USAGE',
      `${pipeline.name} has no tables that a replay could change. Give it some (sinks.offline)`,
    )
  }
  const { store, storage, database, scratch } = await openTables(pipeline, offline, opened, {
    clock,
    log,
  })
  const checkpoints = await openCheckpoints(pipeline, { clock, log })
  if (checkpoints) opened.add(checkpoints)
  const { ParquetWriter } = await import('../duckdb/parquet-writer.ts')
  const parquet = new ParquetWriter(database)
  return {
    pipeline,
    storage,
    generations: new GenerationRecords(storage),
    replays: new StoredReplays(storage),
    handOvers: openHandOvers(storage, pipeline, { clock, log }),
    tables: store,
    database,
    scratch,
    checkpoints,
    staged: (id) =>
      new DeltaTableStore({
        storage: new FolderStorage(storage, stagingFolder(id)),
        parquet,
        clock,
        log,
        newId: randomUUID,
      }),
    stamp: (reason) => ({
      atMs: clock.wallMs(),
      by: `${userName()}@${os.hostname()}`,
      reason,
      software: `tidemark ${packageVersion()}`,
    }),
  }
}

/** A user without a name in the system's list has a number. */
function userName(): string {
  try {
    return os.userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
