/**
 * What a replay has staged, in numbers: rows, files, and a checksum of all values. Two runs of one plan have equal checksums; what tells
 * when and by whom a row was written is left out.
 */
import { createHash } from 'node:crypto'
import type { ColumnSpec } from '../core/columns.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { DAY, PARTITION, dayFilesSql } from '../duckdb/day-files.ts'
import { quoteName } from '../duckdb/sql.ts'
import type { StagedTable } from '../replay/records.ts'
import type { DeltaTableStore } from '../table/delta-table.ts'
import { piecesOf, rowsOf, tableSide, withDayFiles } from './replay-files.ts'
import type { TableSide } from './replay-files.ts'

const PROVENANCE: readonly string[] = ['_known_at', '_run']

/** @param names of tables, in the order in which they are told */
export async function stagedTables(
  tables: DeltaTableStore,
  database: DuckDb,
  names: readonly string[],
): Promise<StagedTable[]> {
  const found: StagedTable[] = []
  for (const name of names) {
    const side = await tableSide(tables.table(name))
    const { files } = side
    const days = files.map(({ day }) => day)
    const rows = rowsOf(files.map((file) => ({ side, file })))
    found.push({
      name,
      days: days.length === 0 ? undefined : { first: Math.min(...days), last: Math.max(...days) },
      files: files.length,
      rows,
      checksum: await checksumOf(side, database),
    })
  }
  return found
}

async function checksumOf(side: TableSide, database: DuckDb): Promise<string> {
  const hash = createHash('sha256')
  const all = side.files.map((file) => ({ side, file }))
  for (const piece of piecesOf(all)) {
    await withDayFiles([side], piece, async ([files = []]) => {
      const columns = side.columns.filter(({ name }) => !PROVENANCE.includes(name))
      const text = columns.map(textSql).join(` || `)
      const order = [DAY, PARTITION, ...side.entity.map(quoteName)].join(', ')
      // Rows are digested where they are read: in JavaScript that took as long as writing them had.
      const line = `sha256(${DAY} || '/' || ${PARTITION} || ' ' || ${text})`
      const sql = `SELECT string_agg(${line}, '' ORDER BY ${order}) AS digests FROM ${dayFilesSql(files, columns)}`
      for (const { digests } of await database.rows(sql))
        hash.update((digests as string | null) ?? '')
    })
  }
  return hash.digest('hex')
}

/** One text per value, with its length before it: no two rows have the same. */
function textSql({ name, type }: ColumnSpec): string {
  const column = quoteName(name)
  const text = valueSql(name, column, type.kind)
  return `coalesce(length(${text}) || ':' || ${text}, '-')`
}

function valueSql(name: string, column: string, kind: ColumnSpec['type']['kind']): string {
  if (kind === 'timestamp') return `epoch_us(${column})::VARCHAR`
  if (kind !== 'binary') return `${column}::VARCHAR`
  // The second byte of a tile numbers its layout among those that the state has seen.
  return name === '_tile'
    ? `(left(hex(${column}), 2) || substr(hex(${column}), 5))`
    : `hex(${column})`
}
