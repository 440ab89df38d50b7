/** What the rows of days are like, counted in one pass over their files (see `src/replay/day-profile.ts`). */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import type { ColumnType, Value } from '../core/value.ts'
import type { ColumnProfile, DayProfile } from '../replay/day-profile.ts'
import type { DuckDb, Row } from './database.ts'
import { DAY, dayFilesSql } from './day-files.ts'
import type { DayFiles } from './day-files.ts'
import { quoteName } from './sql.ts'

/** Sums of doubles come in any order: digits beyond these are not the same twice. */
const MEAN_DIGITS = 12

/** Ascending by day; days without rows are missing. @param columns those that are looked at */
export async function profileDays(
  database: DuckDb,
  files: readonly DayFiles[],
  columns: readonly ColumnSpec[],
): Promise<DayProfile[]> {
  const counted = columns.map(({ name, type }, i) => {
    const column = quoteName(name)
    const bounds = isOrdered(type)
      ? `min(${column}) AS min${i}, max(${column}) AS max${i}`
      : `NULL AS min${i}, NULL AS max${i}`
    const mean = hasMean(type) ? `favg(${column}::DOUBLE)` : 'NULL'
    return `, count(*) - count(${column}) AS nulls${i}, ${bounds}, ${mean} AS mean${i}`
  })
  const rows = await database.rows(
    `SELECT ${DAY} AS day, count(*) AS rows${counted.join('')} ` +
      `FROM ${dayFilesSql(files, columns)} GROUP BY ${DAY} ORDER BY ${DAY}`,
  )
  return rows.map((row) => ({
    day: row['day'] as DayIndex,
    rows: Number(row['rows']),
    columns: Object.fromEntries(columns.map(({ name }, i) => [name, columnProfile(row, i)])),
  }))
}

function columnProfile(row: Row, column: number): ColumnProfile {
  const mean = row[`mean${column}`]
  return {
    nulls: Number(row[`nulls${column}`]),
    min: (row[`min${column}`] ?? null) as Value,
    max: (row[`max${column}`] ?? null) as Value,
    mean: typeof mean === 'number' ? Number(mean.toPrecision(MEAN_DIGITS)) : null,
  }
}

export function isNumber({ kind }: ColumnType): boolean {
  return kind === 'int32' || kind === 'int64' || kind === 'double' || kind === 'decimal'
}

function isOrdered(type: ColumnType): boolean {
  return isNumber(type) || type.kind === 'timestamp' || type.kind === 'date'
}

function hasMean(type: ColumnType): boolean {
  return isNumber(type) || type.kind === 'boolean'
}
