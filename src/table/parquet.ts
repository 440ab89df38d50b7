/**
 * What the tables need of a Parquet engine. `src/duckdb/parquet-writer.ts` has these methods; nothing here knows DuckDB.
 * Paths are local and absolute; a file is complete, not yet synced, when a call resolves.
 */
import type { ColumnSpec, RowBuffer } from '../core/columns.ts'
import type { Value } from '../core/value.ts'

export interface ParquetEngine {
  /** Rows keep their order unless `sortBy` names columns. Equal rows, columns and metadata give equal bytes. */
  write(file: ParquetFile, rows: RowBuffer, sortBy?: readonly string[]): Promise<void>
  /** All rows of the inputs in one sorted file; columns that an input lacks are null. */
  merge(file: ParquetFile, inputs: readonly string[], sortBy: readonly string[]): Promise<void>
  /** Smallest, largest and missing values by column, exact. */
  summarize(path: string, columns: readonly ColumnSpec[]): Promise<FileSummary>
  /** JSON lines to Parquet and back, for the log's checkpoints. */
  writeJson(
    path: string,
    lines: readonly string[],
    shape: Readonly<Record<string, JsonShape>>,
  ): Promise<void>
  readJson(path: string): Promise<string[]>
}

export interface ParquetFile {
  readonly path: string
  readonly columns: readonly ColumnSpec[]
  readonly metadata: Readonly<Record<string, string>>
}

export interface FileSummary {
  readonly rows: number
  readonly columns: readonly ColumnSummary[]
}

/** `min` and `max` are null where all values are. */
export interface ColumnSummary {
  readonly min: Value
  readonly max: Value
  readonly nulls: number
}

export type JsonShape =
  | 'string'
  | 'int32'
  | 'int64'
  | 'boolean'
  | 'map'
  | 'list'
  | { readonly [field: string]: JsonShape }
