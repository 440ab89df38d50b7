/**
 * The composition root: from a pipeline to the adapters that it names. Whatever is opened here is closed here, in the
 * opposite order, however the work ended.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import type { OfflineDefinition, OnlineDefinition, Pipeline } from '../core/definition.ts'
import type { DuckDb } from '../duckdb/database.ts'
import type { RunParts } from '../engine/parts.ts'
import type { Clock, Log, OnlineStore, RecordSource, StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { createDecoder } from '../format/decoder.ts'
import { LevelOnlineStore } from '../leveldb/online-store.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { LevelPartitionState } from '../leveldb/state.ts'
import { FileRejectSink } from '../rejects/file-reject-sink.ts'
import { createFileLog } from '../source/file-log.ts'
import { DeltaTableStore } from '../table/delta-table.ts'
import { GenerationRecords } from '../table/generation-records.ts'
import { LocalTableStorage } from '../table/local-storage.ts'

export interface Surroundings {
  readonly clock: Clock
  readonly log: Log
}

/** DuckDB sorts and compresses files of a slot, a few thousand rows each; more memory would not make it faster. */
const DUCKDB_MEMORY_MB = 512
const DUCKDB_CONCURRENT_MAX = 2

/** Things to close, last opened first. */
export class OpenedParts implements AsyncDisposable {
  readonly #opened: AsyncDisposable[] = []

  add<T extends AsyncDisposable>(part: T): T {
    this.#opened.push(part)
    return part
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = []
    for (const part of this.#opened.splice(0).reverse()) {
      await Promise.resolve(part[Symbol.asyncDispose]()).catch((error: unknown) =>
        failures.push(error),
      )
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** @throws DEFINITION_INVALID where this build lacks an adapter that the pipeline names. */
export async function openRunParts(
  pipeline: Pipeline,
  opened: OpenedParts,
  { clock, log }: Surroundings,
): Promise<RunParts> {
  const { online, offline } = pipeline.sinks
  checkAvailable(pipeline)
  makeDirectory('state', pipeline.state)
  const source = opened.add(openSource(pipeline))
  const decoder = createDecoder(pipeline)
  const tables = offline && (await openTables(pipeline, offline, opened, { clock, log }))
  return {
    pipeline,
    source,
    lease: undefined,
    decoder,
    peekState: (partition) => peekState(pipeline, partition),
    openState: (partition) => openState(pipeline, partition),
    online: online && opened.add(await openOnline(online, clock)),
    tables: tables?.store,
    generations: new GenerationRecords(tables?.storage ?? new LocalTableStorage(pipeline.state)),
    rejects: opened.add(new FileRejectSink(pipeline.rejects.directory, source.topic)),
    clock,
    log,
    run: newRunId(clock.wallMs()),
    zoneData: process.versions['tz'] ?? 'unknown',
  }
}

/** Sortable by start, and unique: two processes may start in one second. */
function newRunId(wallMs: number): string {
  const started = new Date(wallMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `${started}Z-${randomBytes(3).toString('hex')}`
}

/** What a pipeline may name and this build cannot do; undefined where it can do all of it. */
export function unavailable(pipeline: Pipeline): string | undefined {
  const { source, sinks } = pipeline
  if (source.log.kind === 'kafka') {
    return 'source.kafka: this version reads no Kafka topics yet; available: source.files (a directory of 0.jsonl, 1.jsonl ...)'
  }
  if (source.format.kind === 'avro-registry') {
    return 'source.avro: this version asks no schema registry yet; available: format: json, and avro: FILE'
  }
  if (sinks.online?.kind === 'redis') {
    return 'sinks.online.redis: this version writes to no Redis yet; available: sinks.online.leveldb (a directory)'
  }
  return undefined
}

export function checkAvailable(pipeline: Pipeline): void {
  const problem = unavailable(pipeline)
  if (problem !== undefined) throw new TidemarkError('DEFINITION_INVALID', problem)
}

/** @throws DEFINITION_INVALID */
export function openSource(pipeline: Pipeline): RecordSource {
  const { log } = pipeline.source
  if (log.kind === 'files') return createFileLog(log.directory)
  throw new TidemarkError('DEFINITION_INVALID', unavailable(pipeline) ?? 'source')
}

export function stateDirectory(pipeline: Pipeline, partition: number): string {
  return path.join(pipeline.state, `partition-${partition}`)
}

async function openState(pipeline: Pipeline, partition: number): Promise<LevelPartitionState> {
  const directory = stateDirectory(pipeline, partition)
  makeDirectory('state', directory)
  return LevelPartitionState.open(directory)
}

async function peekState(pipeline: Pipeline, partition: number): Promise<StateHead | undefined> {
  const copy = await openStateCopy(stateDirectory(pipeline, partition))
  const head = copy?.head
  await copy?.[Symbol.asyncDispose]()
  return head
}

async function openOnline(online: OnlineDefinition, clock: Clock): Promise<OnlineStore> {
  const directory = onlineDirectory(online)
  makeDirectory('sinks.online.leveldb', directory)
  return LevelOnlineStore.open(directory, { nowMs: () => clock.wallMs() })
}

export function onlineDirectory(online: OnlineDefinition): string {
  if (online.kind === 'leveldb') return online.directory
  throw new TidemarkError('DEFINITION_INVALID', 'sinks.online: expected leveldb in this version')
}

export interface OpenTables {
  readonly store: DeltaTableStore
  readonly storage: LocalTableStorage
  /** Reads the files of a table. */
  readonly database: DuckDb
}

export async function openTables(
  pipeline: Pipeline,
  offline: OfflineDefinition,
  opened: OpenedParts,
  { clock, log }: Surroundings,
): Promise<OpenTables> {
  // Loaded when it is needed: it is half of the time in which a command starts.
  const { DuckDb } = await import('../duckdb/database.ts')
  const { ParquetWriter } = await import('../duckdb/parquet-writer.ts')
  const database = opened.add(
    await DuckDb.open({
      memoryMb: DUCKDB_MEMORY_MB,
      threads: Math.min(2, availableParallelism()),
      concurrentMax: DUCKDB_CONCURRENT_MAX,
      temporaryDirectory: spillDirectory(pipeline),
    }),
  )
  const storage = new LocalTableStorage(offline.location)
  const parquet = new ParquetWriter(database)
  return { database, storage, store: new DeltaTableStore({ storage, parquet, clock, log }) }
}

/** With the state, on a disk with room; a command that only reads makes no state. */
function spillDirectory({ state }: Pipeline): string {
  return path.join(existsSync(state) ? state : tmpdir(), 'tidemark-duckdb')
}

function makeDirectory(what: string, directory: string): void {
  try {
    mkdirSync(directory, { recursive: true })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TidemarkError(
      'STATE_WRITE_FAILED',
      `${what}: cannot make the directory ${directory}: ${reason}. Give it to the user that runs tidemark, or name another one`,
      { cause },
    )
  }
}
