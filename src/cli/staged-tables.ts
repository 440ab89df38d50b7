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
      ...(side.version === undefined ? {} : { version: side.version }),
      checksum: await checksumOf(side, database),
    })
  }
  return found
}

/**
 * The sums of what MD5 makes of each row: equal where the rows are, in whatever order and files they lie. Nothing is sorted or held,
 * and rows are digested where they are read: in JavaScript that took as long as writing them had.
 */
async function checksumOf(side: TableSide, database: DuckDb): Promise<string> {
  const sums = [0n, 0n, 0n]
  const columns = side.columns.filter(({ name }) => !PROVENANCE.includes(name))
  const line = `concat_ws('|', ${[DAY, PARTITION, ...columns.map(textSql)].join(', ')})`
  const half = (bits: string): string => `coalesce(sum((digest ${bits})::UBIGINT), 0)::VARCHAR`
  for (const piece of piecesOf(side.files.map((file) => ({ side, file })))) {
    await withDayFiles([side], piece, async ([files = []]) => {
      const found = await database.rows(
        `SELECT count(*)::VARCHAR AS a, ${half('& 18446744073709551615')} AS b, ${half('>> 64')} AS c ` +
          `FROM (SELECT md5_number(${line}) AS digest FROM ${dayFilesSql(files, columns)})`,
      )
      for (const { a, b, c } of found)
        [a, b, c].forEach((sum, i) => (sums[i] = (sums[i] ?? 0n) + BigInt(sum as string)))
    })
  }
  return createHash('sha256').update(sums.join(' ')).digest('hex')
}

/** No two values of a column have the same text, none has a bar in it that its length does not cover, and null is like none of them. */
function textSql({ name, type }: ColumnSpec): string {
  const column = quoteName(name)
  return `coalesce(${valueSql(name, column, type.kind)}, '-')`
}

function valueSql(name: string, column: string, kind: ColumnSpec['type']['kind']): string {
  if (kind === 'timestamp') return `epoch_us(${column})::VARCHAR`
  if (kind === 'string') return `length(${column}) || ':' || ${column}`
  if (kind !== 'binary') return `${column}::VARCHAR`
  // The second byte of a tile numbers its layout among those that the state has seen.
  return name === '_tile'
    ? `(left(hex(${column}), 2) || substr(hex(${column}), 5))`
    : `hex(${column})`
}
