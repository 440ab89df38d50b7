/** Archives as other programs write them, for tests: JSON lines, Avro container files, Parquet; and what of them was opened. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { finished } from 'node:stream/promises'
import { gzipSync } from 'node:zlib'
import avro from 'avsc'
import type { DuckDb } from '../../src/duckdb/database.ts'
import type { ObjectStorage } from '../../src/storage/object-storage.ts'
import { DirectoryStorage } from '../../src/storage/directory-storage.ts'

export interface ArchiveRow {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key?: string | null
  readonly value: Uint8Array | string | null
}

async function put(directory: string, name: string, bytes: Uint8Array | string): Promise<void> {
  const file = path.join(directory, name)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, bytes)
}

/** Rows as they are: objects, a line each. */
export async function putLines(
  directory: string,
  name: string,
  rows: readonly object[],
): Promise<void> {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  await put(directory, name, name.endsWith('.gz') ? gzipSync(text) : text)
}

/** A row whose value is whole. */
export function wholeLine({ partition, offset, timestamp, key, value }: ArchiveRow): object {
  const text =
    value === null ? null : typeof value === 'string' ? value : Buffer.from(value).toString()
  return {
    _partition: partition,
    _offset: offset,
    _timestamp: timestamp,
    _key: key ?? null,
    _value: text,
  }
}

/** A row whose fields are columns of their own. */
export function flatLine({ partition, offset, timestamp, value }: ArchiveRow): object {
  const fields = JSON.parse(String(value)) as object
  return { _partition: partition, _offset: offset, _timestamp: timestamp, ...fields }
}

export const WHOLE_SCHEMA = {
  type: 'record',
  name: 'Kept',
  fields: [
    { name: '_partition', type: 'int' },
    { name: '_offset', type: 'long' },
    { name: '_timestamp', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: '_key', type: ['null', 'bytes'] },
    { name: '_value', type: ['null', 'bytes'] },
  ],
}

export function wholeDatum({ partition, offset, timestamp, key, value }: ArchiveRow): object {
  return {
    _partition: partition,
    _offset: offset,
    _timestamp: timestamp,
    _key: key === null || key === undefined ? null : Buffer.from(key),
    _value: value === null ? null : Buffer.from(value as Uint8Array),
  }
}

export async function putAvro(
  directory: string,
  name: string,
  {
    schema,
    rows,
    codec,
  }: { readonly schema: object; readonly rows: readonly object[]; readonly codec?: string },
): Promise<void> {
  await mkdir(path.dirname(path.join(directory, name)), { recursive: true })
  const file = avro.createFileEncoder(path.join(directory, name), schema as never, {
    codec: codec ?? 'null',
    writeHeader: true,
  })
  for (const row of rows) file.write(row)
  file.end()
  await finished(file.on('finish', () => undefined) as never)
  await new Promise((resolve) => setTimeout(resolve, 20))
}

/** The rows of a query. */
export async function putParquet(
  database: DuckDb,
  directory: string,
  { name, sql }: { readonly name: string; readonly sql: string },
): Promise<void> {
  const file = path.join(directory, name)
  await mkdir(path.dirname(file), { recursive: true })
  await database.run(`COPY (${sql}) TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`)
}

/** A directory that tells which of its files were opened. */
export class WatchedStorage extends DirectoryStorage {
  readonly opened = new Set<string>()

  constructor(directory: string) {
    super(directory, {
      what: 'archive',
      unavailable: 'SOURCE_UNAVAILABLE',
      refused: 'SOURCE_UNREADABLE',
    })
  }

  override open(file: string): ReturnType<ObjectStorage['open']> {
    this.opened.add(file)
    return super.open(file)
  }
}
