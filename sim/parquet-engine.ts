/**
 * A Parquet engine in memory: a file is its rows as JSON, on the virtual disk of one machine (`MemoryFiles`).
 *
 * What the real engine does to values it does as well: half surrogate pairs become U+FFFD, sorting is by value with strings by
 * their UTF-8 bytes, and JSON lines come back with the fields of their shape alone, absent ones as null.
 */
import { createRowBuffer, type ColumnSpec, type RowBuffer } from '../src/core/columns.ts'
import { compareText } from '../src/core/text.ts'
import type { Value } from '../src/core/value.ts'
import type { MemoryFiles } from '../src/memory/object-storage.ts'
import type { FileSummary, JsonShape, ParquetEngine, ParquetFile } from '../src/table/parquet.ts'
import { summarizeRows } from '../src/table/stats.ts'

type Cell = Value | Uint8Array

/** What a data file holds. */
export interface StoredRows {
  readonly columns: readonly ColumnSpec[]
  readonly metadata: Readonly<Record<string, string>>
  readonly rows: readonly (readonly Cell[])[]
}

export class MemoryParquet implements ParquetEngine {
  readonly #files: MemoryFiles

  constructor(files: MemoryFiles) {
    this.#files = files
  }

  write(file: ParquetFile, buffer: RowBuffer, sortBy: readonly string[] = []): Promise<void> {
    const rows = Array.from({ length: buffer.rows }, (_, row) =>
      buffer.columns.map((column) => wellFormed(column.at(row))),
    )
    return this.#write(file, rows, sortBy)
  }

  merge(file: ParquetFile, inputs: readonly string[], sortBy: readonly string[]): Promise<void> {
    const rows = inputs.flatMap((path) => {
      const content = readRows(this.#files.read(path))
      const places = file.columns.map(({ name }) =>
        content.columns.findIndex((column) => column.name === name),
      )
      return content.rows.map((row) => places.map((place) => row[place] ?? null))
    })
    return this.#write(file, rows, sortBy)
  }

  summarize(path: string, columns: readonly ColumnSpec[]): Promise<FileSummary> {
    const buffer = createRowBuffer(columns)
    for (const row of readRows(this.#files.read(path)).rows) {
      buffer.columns.forEach((column, i) => {
        column.append(row[i] ?? null)
      })
    }
    return Promise.resolve(summarizeRows(buffer))
  }

  writeJson(
    path: string,
    lines: readonly string[],
    shape: Readonly<Record<string, JsonShape>>,
  ): Promise<void> {
    const shaped = lines.map((line) => shapedTo(JSON.parse(line), shape))
    this.#files.write(path, Buffer.from(JSON.stringify(shaped)))
    return Promise.resolve()
  }

  readJson(path: string): Promise<string[]> {
    const lines = JSON.parse(textOf(this.#files.read(path))) as unknown[]
    return Promise.resolve(lines.map((line) => JSON.stringify(line)))
  }

  #write(
    { path, columns, metadata }: ParquetFile,
    rows: readonly (readonly Cell[])[],
    sortBy: readonly string[],
  ): Promise<void> {
    const keys = sortBy.map((name) => columns.findIndex((column) => column.name === name))
    const sorted = keys.length === 0 ? rows : rows.toSorted((a, b) => compareRows(keys, a, b))
    const content = { columns, metadata, rows: sorted.map((row) => row.map(encoded)) }
    this.#files.write(path, Buffer.from(JSON.stringify(content)))
    return Promise.resolve()
  }
}

/** The content of a file that `MemoryParquet` wrote. */
export function readRows(bytes: Uint8Array): StoredRows {
  const content = JSON.parse(textOf(bytes)) as Omit<StoredRows, 'rows'> & {
    readonly rows: readonly (readonly EncodedCell[])[]
  }
  return { ...content, rows: content.rows.map((row) => row.map(decoded)) }
}

type EncodedCell = Exclude<Value, bigint> | { readonly int: string } | { readonly bytes: string }

function encoded(cell: Cell): EncodedCell {
  if (typeof cell === 'bigint') return { int: String(cell) }
  return cell instanceof Uint8Array ? { bytes: Buffer.from(cell).toString('base64') } : cell
}

function decoded(cell: EncodedCell): Cell {
  if (cell === null || typeof cell !== 'object') return cell
  return 'int' in cell ? BigInt(cell.int) : Uint8Array.from(Buffer.from(cell.bytes, 'base64'))
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function wellFormed(cell: Cell): Cell {
  return typeof cell === 'string' ? cell.replace(/\p{Surrogate}/gu, '\ufffd') : cell
}

function compareRows(keys: readonly number[], a: readonly Cell[], b: readonly Cell[]): number {
  for (const key of keys) {
    const order = compareCells(a[key] ?? null, b[key] ?? null)
    if (order !== 0) return order
  }
  return 0
}

/** Nulls first. */
function compareCells(a: Cell, b: Cell): number {
  if (a === b) return 0
  if (a === null) return -1
  if (b === null) return 1
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  return a < b ? -1 : 1
}

/** Fields that the shape does not have are lost, those that the value does not have are null. */
function shapedTo(value: unknown, shape: JsonShape): unknown {
  if (value === null || value === undefined) return null
  if (typeof shape === 'string') return value
  const fields = Object.entries(shape).map(([name, field]) => {
    return [name, shapedTo((value as Readonly<Record<string, unknown>>)[name], field)]
  })
  return Object.fromEntries(fields) as unknown
}
