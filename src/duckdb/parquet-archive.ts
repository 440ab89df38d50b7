/**
 * Archives as Parquet files: columns by name, of which only those are read that the pipeline needs. A page of rows at a time, so that no
 * statement stays open while its records are folded; where a file is sorted by offset, its row groups' statistics make that cheap.
 */
import type {
  ArchiveColumns,
  ArchivedRecord,
  ArchiveFileFacts,
  ArchiveFileName,
  ArchiveFormat,
  ArchiveLayout,
} from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'
import type { Cell } from './cell.ts'
import type { DuckDb, Row } from './database.ts'
import { compileLeaves } from './parquet-leaves.ts'
import type { Leaf } from './parquet-leaves.ts'
import { quoteName, quoteReadPath } from './sql.ts'

const PAGE_ROWS = 20_000

type Names = ReadonlyMap<string, string>

export function createParquetArchive(database: DuckDb): ArchiveFormat {
  return {
    examine: (file, columns) => examine(database, file, columns),
    records: (file, wish) => records(database, file, wish),
  }
}

async function examine(
  database: DuckDb,
  file: ArchiveFileName,
  columns: ArchiveColumns,
): Promise<ArchiveFileFacts> {
  const names = await columnTypes(database, file)
  const hasPositions = names.has(columns.offset)
  const layout = layoutOf(names, columns)
  const position = positionSql(names, file, columns, hasPositions)
  const rows = await read(
    database,
    file,
    `SELECT p, count(*) AS records, min(o) AS first, max(o) AS last, coalesce(max(o - before - 1), 0) AS gap, count(o) AS whole
     FROM (SELECT p, o, lag(o) OVER (PARTITION BY p ORDER BY o) AS before
           FROM (SELECT ${position.partition} AS p, ${position.offset} AS o FROM ${fileSql(file)}))
     GROUP BY p ORDER BY p`,
  )
  const spans = rows.map((row) => {
    if (row['p'] === null || row['whole'] !== row['records'])
      throw unreadable(file, `rows without ${columns.partition} or ${columns.offset}`)
    const { p, records: count, first, last, gap } = row
    return {
      partition: Number(p),
      records: Number(count),
      first: Number(first),
      last: Number(last),
      widestGap: Number(gap),
      isSorted: true,
    }
  })
  if (layout === 'whole') return { hasPositions, layout, spans, instants: [], lacks: [] }
  const leaves = await leavesOf(database, file, { columns, names, layout })
  return {
    hasPositions,
    layout,
    spans,
    instants: leaves.filter(({ kind }) => kind === 'instant').map(({ name }) => name),
    lacks: leaves.filter(({ kind }) => kind === 'lacking').map(({ name }) => name),
  }
}

async function* records(
  database: DuckDb,
  file: ArchiveFileName,
  { columns, facts, partition, from }: Parameters<ArchiveFormat['records']>[1],
): AsyncGenerator<readonly ArchivedRecord[]> {
  const names = await columnTypes(database, file)
  const { hasPositions, layout } = facts
  const position = positionSql(names, file, columns, hasPositions)
  const leaves =
    layout === 'whole' ? [] : await leavesOf(database, file, { columns, names, layout })
  const toRecord = recordReader(leaves, layout, columns)
  const selected = [
    `${position.offset} AS o`,
    `${timestampSql(names, columns)} AS t`,
    `${textOrBytes(names, columns.key)} AS k`,
    ...(layout === 'fields' ? [] : [`${wholeSql(names, columns, layout)} AS v`]),
    ...leaves.map(({ sql }, index) => `${sql} AS f${index}`),
  ].join(', ')
  for (let next = from; ;) {
    const rows = await read(
      database,
      file,
      `SELECT ${selected} FROM ${fileSql(file)}
       WHERE ${position.partition} = ${partition} AND ${position.offset} >= ${next}
       ORDER BY ${position.offset} LIMIT ${PAGE_ROWS}`,
    )
    const page = rows.map(toRecord)
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE_ROWS) return
    next = last.offset + 1
  }
}

function recordReader(
  leaves: readonly Leaf[],
  layout: ArchiveLayout,
  { isBase64 }: ArchiveColumns,
): (row: Row) => ArchivedRecord {
  const { toJson } = compileLeaves(leaves)
  return (row) => {
    const timestamp = row['t'] ?? null
    const whole = row['v'] ?? null
    return {
      offset: Number(row['o']),
      timestamp: timestamp === null ? NaN : Math.floor(Number(timestamp) / 1_000),
      key: bytesOf(row['k'] ?? null, false),
      value:
        layout === 'whole'
          ? bytesOf(whole, isBase64)
          : layout === 'nested' && whole === null
            ? null
            : Buffer.from(toJson(row)),
    }
  }
}

function leavesOf(
  database: DuckDb,
  file: ArchiveFileName,
  at: { readonly columns: ArchiveColumns; readonly names: Names; readonly layout: ArchiveLayout },
): Promise<Leaf[]> {
  const { columns, names, layout } = at
  const prefix = layout === 'nested' ? [columns.value] : []
  return Promise.all(columns.fields.map((path) => leafAt(database, file, { prefix, path, names })))
}

async function leafAt(
  database: DuckDb,
  file: ArchiveFileName,
  at: {
    readonly prefix: readonly string[]
    readonly path: readonly string[]
    readonly names: Names
  },
): Promise<Leaf> {
  const { prefix, path, names } = at
  const name = path.join('.')
  const full = [...prefix, ...path]
  const [first = ''] = full
  const constant = file.hive.get(name)
  const field = full.map(quoteName).join('.')
  const leaf = { name, path: full }
  if (!names.has(first))
    return constant === undefined
      ? { ...leaf, kind: 'lacking', sql: 'NULL' }
      : { ...leaf, kind: 'text', sql: `'${constant.replaceAll("'", "''")}'` }
  const type = full.length === 1 ? names.get(first) : await nestedType(database, file, field)
  return type === undefined
    ? { ...leaf, kind: 'lacking', sql: 'NULL' }
    : { ...leaf, ...typed(field, type) }
}

/** Undefined where there is no such field. */
async function nestedType(
  database: DuckDb,
  file: ArchiveFileName,
  field: string,
): Promise<string | undefined> {
  try {
    const [row] = await database.rows(`DESCRIBE SELECT ${field} AS f FROM ${fileSql(file)}`)
    return row && textOf(row['column_type'])
  } catch {
    return undefined
  }
}

function typed(field: string, type: string): Pick<Leaf, 'kind' | 'sql'> {
  if (type.startsWith('TIMESTAMP')) return { kind: 'instant', sql: microsSql(field, type) }
  if (type.startsWith('DECIMAL')) return { kind: 'digits', sql: `${field}::VARCHAR` }
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(type)) return { kind: 'integer', sql: field }
  if (type === 'FLOAT' || type === 'DOUBLE') return { kind: 'real', sql: field }
  if (type === 'BOOLEAN') return { kind: 'boolean', sql: field }
  if (type === 'DATE') return { kind: 'date', sql: field }
  if (type === 'VARCHAR' || type === 'JSON' || type === 'UUID' || type.startsWith('ENUM'))
    return { kind: 'text', sql: `${field}::VARCHAR` }
  return { kind: 'other', sql: `CASE WHEN ${field} IS NULL THEN NULL ELSE true END` }
}

/** Without a zone of its own it is UTC, as those who write such columns mean it. */
function microsSql(field: string, type: string): string {
  return type === 'TIMESTAMP WITH TIME ZONE'
    ? `epoch_us(${field})`
    : `epoch_us(${field}::TIMESTAMP)`
}

function layoutOf(names: Names, { value }: ArchiveColumns): ArchiveLayout {
  const type = names.get(value)
  if (type === undefined) return 'fields'
  return type.startsWith('STRUCT') ? 'nested' : 'whole'
}

function positionSql(
  names: Names,
  file: ArchiveFileName,
  columns: ArchiveColumns,
  hasPositions: boolean,
): { readonly partition: string; readonly offset: string } {
  if (!hasPositions) return { partition: '0', offset: 'file_row_number' }
  const hive = file.hive.get(columns.partition)
  const fromHive = hive !== undefined && /^\d{1,6}$/.test(hive) ? hive : undefined
  if (!names.has(columns.partition) && fromHive === undefined)
    throw lacksOne(file, columns, '_partition')
  if (!names.has(columns.timestamp)) throw lacksOne(file, columns, '_timestamp')
  return {
    partition: names.has(columns.partition) ? quoteName(columns.partition) : (fromHive ?? '0'),
    offset: quoteName(columns.offset),
  }
}

function timestampSql(names: Names, { timestamp }: ArchiveColumns): string {
  const type = names.get(timestamp)
  const field = quoteName(timestamp)
  if (type === undefined) return 'NULL'
  return type.startsWith('TIMESTAMP') ? microsSql(field, type) : `(${field}::BIGINT * 1000)`
}

function textOrBytes(names: Names, name: string): string {
  const type = names.get(name)
  if (type === undefined) return 'NULL'
  return type === 'BLOB' ? quoteName(name) : `${quoteName(name)}::VARCHAR`
}

function wholeSql(names: Names, columns: ArchiveColumns, layout: ArchiveLayout): string {
  if (layout === 'whole') return textOrBytes(names, columns.value)
  const field = quoteName(columns.value)
  return `CASE WHEN ${field} IS NULL THEN NULL ELSE true END`
}

async function columnTypes(database: DuckDb, file: ArchiveFileName): Promise<Names> {
  const rows = await read(
    database,
    file,
    `DESCRIBE SELECT * EXCLUDE (file_row_number) FROM ${fileSql(file)}`,
  )
  return new Map(rows.map((row) => [textOf(row['column_name']), textOf(row['column_type'])]))
}

function fileSql({ path }: ArchiveFileName): string {
  return `read_parquet(${quoteReadPath(path)}, file_row_number = true, hive_partitioning = false)`
}

async function read(database: DuckDb, file: ArchiveFileName, sql: string): Promise<Row[]> {
  try {
    return await database.rows(sql)
  } catch (cause) {
    const [what = ''] = (cause as Error).message.split('\n')
    throw unreadable(file, `not to be read as Parquet: ${what}`, cause)
  }
}

function bytesOf(cell: Cell, isBase64: boolean): Uint8Array | null {
  if (cell === null) return null
  if (cell instanceof Uint8Array) return cell
  return Buffer.from(textOf(cell), isBase64 ? 'base64' : 'utf8')
}

/** Cells that were cast to text, or come as such. */
function textOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : ''
}

function lacksOne(file: ArchiveFileName, columns: ArchiveColumns, name: string): TidemarkError {
  return unreadable(
    file,
    `there is a column ${columns.offset}, but no ${name}. If it has another name, say so: --archive-columns ${name}=COLUMN`,
  )
}

function unreadable({ name }: ArchiveFileName, what: string, cause?: unknown): TidemarkError {
  return new TidemarkError('SOURCE_UNREADABLE', `${name}: ${what}`, { cause })
}
