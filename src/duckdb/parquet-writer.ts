/**
 * Parquet files by DuckDB: from row buffers, from other Parquet files (compaction) and from JSON lines (the log's own
 * checkpoints). zstd, row groups of 122,880 rows, rows in order.
 *
 * The bytes of a file are a function of its rows, columns and metadata: nothing of the run, the time or the number of
 * threads gets in. Files are complete but not synced when a call resolves; whoever gives them their name does that.
 */
import { rm, writeFile } from 'node:fs/promises'
import type { ColumnSpec, RowBuffer } from '../core/columns.ts'
import type { Value } from '../core/value.ts'
import type { DuckDb } from './database.ts'
import { quoteName, quoteReadPath, quoteText, readFilesSql } from './sql.ts'

const ROW_GROUP_ROWS = 122_880

export interface ParquetFile {
  /** Where to write. A name that ends in `.parquet` would be found by globs before it is whole. */
  readonly path: string
  readonly columns: readonly ColumnSpec[]
  /** Key-value metadata of the footer. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface FileSummary {
  readonly rows: number
  /** By column, in order: smallest and largest value (null where all are null), and how many are null. */
  readonly columns: readonly { readonly min: Value; readonly max: Value; readonly nulls: number }[]
}

/** `map` is string to string, `list` a list of strings. */
export type JsonShape =
  | 'string'
  | 'int32'
  | 'int64'
  | 'boolean'
  | 'map'
  | 'list'
  | { readonly [field: string]: JsonShape }

export class ParquetWriter {
  readonly #database: DuckDb

  constructor(database: DuckDb) {
    this.#database = database
  }

  /** Rows keep their order; `sortBy` sorts them first, by value, strings by their UTF-8 bytes. */
  async write(file: ParquetFile, rows: RowBuffer, sortBy: readonly string[] = []): Promise<void> {
    await this.#database.sources.lend(file.columns, rows, (relation) =>
      this.#copy(`SELECT * FROM ${relation}${orderBy(sortBy)}`, file),
    )
  }

  /** All rows of the inputs in one sorted file; columns that an input lacks are null. */
  async merge(
    file: ParquetFile,
    inputs: readonly string[],
    sortBy: readonly string[],
  ): Promise<void> {
    const names = file.columns.map((column) => quoteName(column.name)).join(', ')
    const rows = readFilesSql(inputs, file.columns)
    await this.#copy(`SELECT ${names} FROM ${rows}${orderBy(sortBy)}`, file)
  }

  async summarize(path: string, columns: readonly ColumnSpec[]): Promise<FileSummary> {
    const parts = columns.map(({ name, type }, i) => {
      const column = quoteName(name)
      const bounds =
        type.kind === 'binary'
          ? `NULL AS min${i}, NULL AS max${i}`
          : `min(${column}) AS min${i}, max(${column}) AS max${i}`
      return `${bounds}, count(*) - count(${column}) AS nulls${i}`
    })
    const sql = `SELECT count(*) AS rows, ${parts.join(', ')} FROM read_parquet(${quoteReadPath(path)})`
    const [row = {}] = await this.#database.rows(sql)
    return {
      rows: Number(row['rows']),
      columns: columns.map((_, i) => ({
        min: (row[`min${i}`] ?? null) as Value,
        max: (row[`max${i}`] ?? null) as Value,
        nulls: Number(row[`nulls${i}`]),
      })),
    }
  }

  /** One Parquet row per JSON line; fields that a line lacks are null. */
  async writeJson(
    path: string,
    lines: readonly string[],
    shape: Readonly<Record<string, JsonShape>>,
  ): Promise<void> {
    const columns = Object.entries(shape)
      .map(([name, field]) => `${quoteName(name)}: ${quoteText(shapeType(field))}`)
      .join(', ')
    const text = `${path}.jsonl`
    await writeFile(text, `${lines.join('\n')}\n`)
    const source = `read_json(${quoteReadPath(text)}, format = 'newline_delimited', columns = {${columns}})`
    try {
      await this.#copy(`SELECT * FROM ${source}`, { path, columns: [], metadata: {} })
    } finally {
      await rm(text, { force: true })
    }
  }

  /** The rows of a Parquet file as JSON texts, in order. */
  async readJson(path: string): Promise<string[]> {
    const sql = `SELECT to_json(t)::VARCHAR AS json FROM read_parquet(${quoteReadPath(path)}) t`
    return (await this.#database.rows(sql)).map((row) => row['json'] as string)
  }

  async #copy(query: string, { path, metadata }: ParquetFile): Promise<void> {
    const options = [
      'FORMAT parquet',
      'COMPRESSION zstd',
      `ROW_GROUP_SIZE ${ROW_GROUP_ROWS}`,
      'USE_TMP_FILE false',
      'OVERWRITE_OR_IGNORE true',
    ]
    const pairs = Object.entries(metadata).map(([k, v]) => `${quoteName(k)}: ${quoteText(v)}`)
    if (pairs.length > 0) options.push(`KV_METADATA {${pairs.join(', ')}}`)
    await this.#database.run(`COPY (${query}) TO ${quoteText(path)} (${options.join(', ')})`)
  }
}

function orderBy(columns: readonly string[]): string {
  return columns.length === 0
    ? ''
    : ` ORDER BY ${columns.map((c) => `${quoteName(c)} NULLS FIRST`).join(', ')}`
}

function shapeType(shape: JsonShape): string {
  switch (shape) {
    case 'string':
      return 'VARCHAR'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'boolean':
      return 'BOOLEAN'
    case 'map':
      return 'MAP(VARCHAR, VARCHAR)'
    case 'list':
      return 'VARCHAR[]'
    default:
      return `STRUCT(${Object.entries(shape)
        .map(([name, field]) => `${quoteName(name)} ${shapeType(field)}`)
        .join(', ')})`
  }
}
