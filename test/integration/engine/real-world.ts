/** A pipeline on the real adapters in a temporary directory, and all its sinks read back by programs that are not the engine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OpenedParts, openRunParts, openTables } from '../../../src/cli/compose.ts'
import { systemClock } from '../../../src/cli/system-clock.ts'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Pipeline, ViewDefinition } from '../../../src/core/definition.ts'
import type { Value } from '../../../src/core/value.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import type { DuckDb, Row } from '../../../src/duckdb/database.ts'
import { readFilesSql } from '../../../src/duckdb/sql.ts'
import type { Log, OnlineValue } from '../../../src/engine/ports.ts'
import { runPipeline } from '../../../src/engine/run-pipeline.ts'
import { LevelOnlineStore } from '../../../src/leveldb/online-store.ts'
import { readRejects } from '../../../src/rejects/read-rejects.ts'
import { FileLogWriter } from '../../../src/source/file-log-writer.ts'
import type { DeltaTableStore } from '../../../src/table/delta-table.ts'
import { viewTable, withLocalFiles } from '../../../src/table/view.ts'
import type {
  ActualOnline,
  ActualReject,
  ActualRow,
  ActualSinks,
  ActualTile,
} from '../../support/compare-sinks.ts'
import { actualReject } from '../../support/engine-run.ts'
import { withOffsets } from '../../support/random-log.ts'
import { valueBytes, type RawPartition } from '../../support/raw-record.ts'

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

export class RealWorld implements AsyncDisposable {
  readonly directory: string
  readonly file: string
  readonly pipeline: Pipeline

  private constructor(directory: string, file: string, pipeline: Pipeline) {
    this.directory = directory
    this.file = file
    this.pipeline = pipeline
  }

  /** Places in the file's text are relative to the new directory, in which `beside` lies too: text by name. */
  static async create(
    text: string,
    beside: Readonly<Record<string, string>> = {},
  ): Promise<RealWorld> {
    const directory = await mkdtemp(path.join(tmpdir(), 'tidemark-world-'))
    for (const [name, content] of Object.entries(beside)) {
      await writeFile(path.join(directory, name), content)
    }
    const file = path.join(directory, 'tidemark.yaml')
    await writeFile(file, text)
    return new RealWorld(directory, file, await loadPipeline(file))
  }

  get logDirectory(): string {
    const { log } = this.pipeline.source
    if (log.kind !== 'files') throw new Error('a log of files')
    return log.directory
  }

  /** Appends to the log's files; returns the same records at the offsets that the files gave them. */
  async write(
    partitions: readonly RawPartition[],
    framing: 'frames' | 'lines',
  ): Promise<RawPartition[]> {
    const written: RawPartition[] = []
    for (const part of partitions) {
      const extension = framing === 'frames' ? 'log' : 'jsonl'
      await using writer = await FileLogWriter.open(this.logDirectory, part.partition, extension)
      const offsets = part.records.map((record) => {
        const value = valueBytes(record)
        if (framing === 'lines') return writer.append({ key: null, value })
        const key = record.key === null ? null : Buffer.from(record.key)
        return writer.append({ key, value, timestamp: record.timestamp })
      })
      written.push(withOffsets(part, offsets))
    }
    return written
  }

  /** To the end of the log, in this process. */
  async run(): Promise<void> {
    await using opened = new OpenedParts()
    const parts = await openRunParts(this.pipeline, opened, { clock: systemClock, log: SILENT })
    await runPipeline(parts, { untilEnd: true, signal: new AbortController().signal })
  }

  async sinks(partitions: number): Promise<ActualSinks> {
    const { views } = this.pipeline
    const rows = new Map<string, ActualRow[]>()
    const tiles = new Map<string, ActualTile[]>()
    await using reader = await this.tables()
    for (const view of views) {
      const name = `${view.name}_v${view.version}`
      rows.set(
        view.name,
        (await reader.read(name)).map((row) => featureRow(view, row)),
      )
      tiles.set(
        view.name,
        (await reader.read(`${name}__tiles`)).map((row) => tileRow(view, row)),
      )
    }
    const values = await this.online(partitions)
    const rejects: ActualReject[] = []
    for await (const reject of readRejects(this.pipeline.rejects.directory))
      rejects.push(actualReject(reject))
    return {
      rows,
      tiles,
      online: new Map(
        views.map(({ name, version }) => [
          name,
          values.filter(({ view }) => view === `${name}:v${version}`).map(actualOnline),
        ]),
      ),
      rejects,
    }
  }

  /** Every value of the online store; the engine must not be running. */
  async online(partitions: number): Promise<OnlineValue[]> {
    const { online } = this.pipeline.sinks
    if (online?.kind !== 'leveldb') throw new Error('an embedded online store')
    await using store = await LevelOnlineStore.open(online.directory, { nowMs: () => Date.now() })
    const values: OnlineValue[] = []
    for (const { name, version } of this.pipeline.views) {
      for (let partition = 0; partition < partitions; partition += 1) {
        const page = await store.walk(`${name}:v${version}`, partition, undefined, 1_000_000)
        values.push(...page.values)
      }
    }
    return values
  }

  async tables(): Promise<TableReader> {
    return TableReader.open(this.pipeline, path.join(this.directory, 'reader'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Reads tables as another process would: with a snapshot of its own. */
export class TableReader implements AsyncDisposable {
  readonly #opened: OpenedParts
  readonly #store: DeltaTableStore
  readonly #database: DuckDb

  private constructor(opened: OpenedParts, store: DeltaTableStore, database: DuckDb) {
    this.#opened = opened
    this.#store = store
    this.#database = database
  }

  static async open(pipeline: Pipeline, state: string): Promise<TableReader> {
    const { offline } = pipeline.sinks
    if (offline === undefined) throw new Error('an offline sink')
    const opened = new OpenedParts()
    const { store, database } = await openTables({ ...pipeline, state }, offline, opened, {
      clock: systemClock,
      log: SILENT,
    })
    return new TableReader(opened, store, database)
  }

  /** @throws TABLE_REFUSED where there is no table yet */
  async read(name: string): Promise<Row[]> {
    const table = this.#store.table(name)
    const { files, columns } = await viewTable(table)
    return withLocalFiles(table, files, (paths) =>
      this.#database.rows(`SELECT * FROM ${readFilesSql(paths, columns)}`),
    )
  }

  async complete(name: string): Promise<ReadonlyMap<number, number>> {
    return (await viewTable(this.#store.table(name))).complete
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened[Symbol.asyncDispose]()
  }
}

function actualOnline({ entity, fields, version, eventTime, nextDay }: OnlineValue): ActualOnline {
  return { entity, fields: new Map(fields), offset: version.offset, eventTime, nextDay }
}

function dayOf(row: Row): number {
  return Date.parse(row['ds'] as string) / DAY_MS
}

function split(
  { entity }: ViewDefinition,
  row: Row,
): { entity: Value[]; values: Map<string, Value> } {
  const features = Object.entries(row).filter(
    ([name]) => !name.startsWith('_') && !['ds', 'event_timestamp', ...entity].includes(name),
  )
  return {
    entity: entity.map((name) => row[name] as Value),
    values: new Map(features as [string, Value][]),
  }
}

function featureRow(view: ViewDefinition, row: Row): ActualRow {
  return {
    ...split(view, row),
    day: dayOf(row),
    eventTimestamp: row['event_timestamp'] as number,
    maxEventTime: row['_max_event_time'] as number | null,
    completeFrom: row['_complete_from'] as number,
  }
}

function tileRow(view: ViewDefinition, row: Row): ActualTile {
  return {
    ...split(view, row),
    day: dayOf(row),
    offset: row['_offset'] as number,
    maxEventTime: row['_max_event_time'] as number,
  }
}
