/**
 * The composition root: from a pipeline to the adapters that it names. Whatever is opened here is closed here, in the
 * opposite order, however the work ended.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import type { OfflineDefinition, OnlineDefinition, Pipeline } from '../core/definition.ts'
import type { DuckDb } from '../duckdb/database.ts'
import type { RunParts } from '../engine/parts.ts'
import type { Clock, Decoder, Log, OnlineStore, RecordSource, StateHead } from '../engine/ports.ts'
import type { Reject, RejectSink } from '../engine/reject-port.ts'
import { TidemarkError } from '../errors.ts'
import { createDecoder } from '../format/decoder.ts'
import { createDeadLetterTopic } from '../kafka/dead-letter-topic.ts'
import { createGroupLease } from '../kafka/group-lease.ts'
import { createKafkaLog } from '../kafka/kafka-log.ts'
import { readDeadLetters } from '../kafka/read-dead-letters.ts'
import type { KafkaSource } from '../kafka/kafka-log.ts'
import { LevelOnlineStore } from '../leveldb/online-store.ts'
import { openOnlineCopy, openStateCopy } from '../leveldb/readers.ts'
import type { OnlineStoreReader } from '../leveldb/readers.ts'
import { restoreState, settleRestore } from '../leveldb/restore.ts'
import { LevelPartitionState } from '../leveldb/state.ts'
import { createRedisOnlineStore, openRedisReader } from '../redis/online-store.ts'
import type { RedisReader } from '../redis/online-store.ts'
import { createSchemaRegistry } from '../registry/schema-registry.ts'
import { FileRejectSink } from '../rejects/file-reject-sink.ts'
import { readLate } from '../rejects/read-rejects.ts'
import { createFileLog } from '../source/file-log.ts'
import { DeltaTableStore } from '../table/delta-table.ts'
import { AmendedFiles } from '../storage/amended-records.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import { DirectoryStorage } from '../storage/directory-storage.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { TABLE_FAULTS } from '../table/failure.ts'
import { openCheckpoints } from './open-checkpoints.ts'
import { openHandOvers } from './open-hand-overs.ts'
import { openStorage } from './open-storage.ts'
import { openScratch } from './scratch.ts'
import { packageVersion } from './version.ts'

export interface Surroundings {
  readonly clock: Clock
  readonly log: Log
  /** How long brokers that do not answer are asked again. */
  readonly patienceMs?: number
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

export interface OpenRunParts extends RunParts {
  /** The same tables, for who reads them beside the run. */
  readonly openTables: OpenTables | undefined
}

/** @throws DEFINITION_INVALID, SOURCE_* where the log cannot be read or its timestamps cannot be trusted */
export async function openRunParts(
  pipeline: Pipeline,
  opened: OpenedParts,
  { clock, log }: Surroundings,
): Promise<OpenRunParts> {
  const { online, offline } = pipeline.sinks
  const kafka = pipeline.source.log.kind === 'kafka' ? pipeline.source.log : undefined
  makeDirectory('state', pipeline.state)
  const source = opened.add(openSource(pipeline, { clock, log }))
  if (isKafka(source)) await source.checkTimestamps()
  const tables = offline && (await openTables(pipeline, offline, opened, { clock, log }))
  const kept = await openCheckpoints(pipeline, { clock, log })
  if (kept) opened.add(kept)
  const records =
    tables?.storage ?? kept?.storage ?? new DirectoryStorage(pipeline.state, TABLE_FAULTS)
  return {
    pipeline,
    source,
    lease:
      kafka &&
      opened.add(createGroupLease(kafka, { clock, log, software: `tidemark ${packageVersion()}` })),
    decoder: openDecoder(pipeline, { clock, log }),
    peekState: (partition) => peekState(pipeline, partition),
    openState: (partition) => openState(pipeline, partition),
    restoreState: async (partition, files, generation) => {
      const directory = stateDirectory(pipeline, partition)
      await restoreState({ directory, files, pipeline: pipeline.name, partition, generation })
    },
    checkpoints: kept?.store,
    online: online && opened.add(await openOnline(pipeline, online, clock)),
    tables: tables?.store,
    openTables: tables,
    generations: new GenerationRecords(records),
    amended: new AmendedFiles(records),
    handOvers: openHandOvers(records, pipeline, { clock, log }),
    rejects: opened.add(openRejects(pipeline, { clock, log })),
    clock,
    log,
    run: newRunId(clock.wallMs()),
    zoneData: process.versions['tz'] ?? 'unknown',
  }
}

/** Sortable by start, and unique: two processes may start in one second. */
export function newRunId(wallMs: number): string {
  const started = new Date(wallMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  return `${started}Z-${randomBytes(3).toString('hex')}`
}

export function openSource(
  { source: { log: definition } }: Pipeline,
  surroundings: Surroundings,
): RecordSource | KafkaSource {
  return definition.kind === 'files'
    ? createFileLog(definition.directory)
    : createKafkaLog(definition, surroundings)
}

export function isKafka(source: RecordSource): source is KafkaSource {
  return 'checkTimestamps' in source
}

export function openDecoder(pipeline: Pipeline, { clock, log }: Surroundings): Decoder {
  const { format } = pipeline.source
  if (format.kind !== 'avro-registry') return createDecoder(pipeline)
  return createDecoder(pipeline, { schemas: createSchemaRegistry(format.registry, { log }), clock })
}

export function openRejects(pipeline: Pipeline, { clock, log }: Surroundings): RejectSink {
  const { source, rejects } = pipeline
  if (rejects.topic === undefined || source.log.kind !== 'kafka')
    return new FileRejectSink(rejects.directory, topicOf(pipeline))
  return createDeadLetterTopic({ definition: source.log, topic: rejects.topic, clock, log })
}

/** The late ledger: records that came too late, each once. */
export function openLate(
  { source, rejects }: Pipeline,
  { clock, log }: Surroundings,
): AsyncIterable<Reject> {
  const { topic } = rejects
  if (topic === undefined || source.log.kind !== 'kafka') return readLate(rejects.directory)
  return readDeadLetters({ definition: source.log, topic, clock, log }, { reason: 'too_late' })
}

export function topicOf({ source: { log } }: Pipeline): string {
  return log.kind === 'kafka' ? log.topic : path.basename(log.directory)
}

export function stateDirectory(pipeline: Pipeline, partition: number): string {
  return path.join(pipeline.state, `partition-${partition}`)
}

export async function openState(
  pipeline: Pipeline,
  partition: number,
): Promise<LevelPartitionState> {
  const directory = stateDirectory(pipeline, partition)
  await settleRestore(directory)
  makeDirectory('state', directory)
  return LevelPartitionState.open(directory)
}

/** The head of a partition's state on this machine, also beside a run. */
export async function peekState(
  pipeline: Pipeline,
  partition: number,
): Promise<StateHead | undefined> {
  const copy = await openStateCopy(stateDirectory(pipeline, partition))
  const head = copy?.head
  await copy?.[Symbol.asyncDispose]()
  return head
}

export async function openOnline(
  { name }: Pipeline,
  online: OnlineDefinition,
  clock: Clock,
): Promise<OnlineStore> {
  if (online.kind === 'redis') return createRedisOnlineStore(online, { pipeline: name })
  makeDirectory('sinks.online.leveldb', online.directory)
  return LevelOnlineStore.open(online.directory, { nowMs: () => clock.wallMs() })
}

/** For a command that only reads, beside a run. Undefined: there is no store yet. */
export async function openOnlineReader(
  { name }: Pipeline,
  online: OnlineDefinition,
  clock: Clock,
): Promise<OnlineStoreReader | RedisReader | undefined> {
  if (online.kind === 'redis') return openRedisReader(online, { pipeline: name })
  return openOnlineCopy(online.directory, { nowMs: () => clock.wallMs() })
}

export interface OpenTables {
  readonly store: DeltaTableStore
  readonly storage: ObjectStorage
  /** Reads the files of a table. */
  readonly database: DuckDb
  /** A directory that is gone when they are closed. */
  readonly scratch: string
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
  const scratch = opened.add(await openScratch(pipeline))
  const database = opened.add(
    await DuckDb.open({
      memoryMb: DUCKDB_MEMORY_MB,
      threads: Math.min(2, availableParallelism()),
      concurrentMax: DUCKDB_CONCURRENT_MAX,
      temporaryDirectory: scratch.directory,
    }),
  )
  const storage = opened.add(await openStorage(pipeline, offline.location, TABLE_FAULTS))
  const parquet = new ParquetWriter(database)
  return {
    database,
    scratch: scratch.directory,
    storage,
    store: new DeltaTableStore({ storage, parquet, clock, log, newId: randomUUID }),
  }
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
