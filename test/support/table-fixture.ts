/** A place for tables in a temporary directory, with a clock that stands still unless it is moved. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRowBuffer, type ColumnSpec, type GrowingRows } from '../../src/core/columns.ts'
import type { Value } from '../../src/core/value.ts'
import type { Row } from '../../src/duckdb/database.ts'
import { DuckDb } from '../../src/duckdb/database.ts'
import { ParquetWriter } from '../../src/duckdb/parquet-writer.ts'
import { readFilesSql } from '../../src/duckdb/sql.ts'
import type { Clock, FeatureTable, Log, SlotChange, TableSpec } from '../../src/engine/ports.ts'
import type { LogOptions } from '../../src/table/delta/log.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { viewTable, withLocalFiles } from '../../src/table/view.ts'

export class StillClock implements Clock {
  nowMs = Date.UTC(2001, 5, 1)
  wallMs(): number {
    return this.nowMs
  }
  monotonicMs(): number {
    return this.nowMs
  }
  sleep(): Promise<void> {
    return Promise.resolve()
  }
}

export interface LoggedLine {
  readonly level: string
  readonly message: string
}

export function collectingLog(lines: LoggedLine[]): Log {
  const at =
    (level: string) =>
    (_fields: object, message: string): void => {
      lines.push({ level, message })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user_id', type: { kind: 'string' }, description: 'the user' },
  { name: 'clicks_1d', type: { kind: 'int64' } },
]

export function specOf(parts: Partial<TableSpec> = {}): TableSpec {
  return {
    name: 'user_activity_v1',
    columns: COLUMNS,
    sortedBy: ['user_id'],
    generation: 1,
    metadata: { pipeline: 'shop', view: 'user_activity' },
    ...parts,
  }
}

export function rowsOf(
  columns: readonly ColumnSpec[],
  rows: readonly (readonly (Value | Uint8Array)[])[],
): GrowingRows {
  const buffer = createRowBuffer(columns)
  for (const row of rows) row.forEach((value, i) => buffer.columns[i]?.append(value))
  return buffer
}

export interface SlotRows {
  readonly day?: number
  readonly partition?: number
  readonly slot?: number
  readonly position: number
  /** User -> clicks; empty: the slot is empty. */
  readonly rows: Readonly<Record<string, number>>
}

/** Stages one slot's rows. */
export async function stage(table: FeatureTable, change: SlotRows): Promise<SlotChange> {
  const { day = 11_327, partition = 0, slot = 0, position, rows } = change
  const key = { day, partition, slot }
  const buffer = rowsOf(COLUMNS, Object.entries(rows))
  return { ...key, position, file: await table.write(key, position, buffer) }
}

export class TableFixture implements AsyncDisposable {
  readonly directory: string
  readonly clock = new StillClock()
  readonly logged: LoggedLine[] = []
  readonly database: DuckDb
  readonly options: LogOptions

  private constructor(directory: string, database: DuckDb) {
    this.directory = directory
    this.database = database
    this.options = {
      storage: new DirectoryStorage(directory, TABLE_FAULTS),
      parquet: new ParquetWriter(database),
      clock: this.clock,
      newId: randomUUID,
      log: collectingLog(this.logged),
    }
  }

  static async create(): Promise<TableFixture> {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-table-'))
    const database = await DuckDb.open({
      memoryMb: 256,
      threads: 2,
      concurrentMax: 2,
      temporaryDirectory: join(directory, '_duckdb'),
    })
    return new TableFixture(directory, database)
  }

  /** Another process would have a store of its own: its snapshot is not shared. */
  store(): DeltaTableStore {
    return new DeltaTableStore(this.options)
  }

  /** All rows that a reader of the newest version, or that one, sees; sorted by their text. */
  async read(name: string, version?: number): Promise<Row[]> {
    const table = this.store().table(name)
    const view = await viewTable(table, version)
    const rows = await withLocalFiles(table, view.files, (paths) =>
      this.database.rows(`SELECT * FROM ${readFilesSql(paths, view.columns)}`),
    )
    return rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }

  /** `ds user clicks` per row. */
  async lines(name = 'user_activity_v1', version?: number): Promise<string[]> {
    const rows = await this.read(name, version)
    return rows
      .map(({ ds, user_id, clicks_1d }) => [ds, user_id, clicks_1d] as string[])
      .map((cells) => cells.join(' '))
      .sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
