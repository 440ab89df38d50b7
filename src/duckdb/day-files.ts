/** Files of a table by day and partition, as one relation that knows which day and partition a row is of. */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { quoteName, readFilesSql } from './sql.ts'

export interface DayFiles {
  readonly day: DayIndex
  readonly partition: number
  /** Local. */
  readonly paths: readonly string[]
}

/** The names of a table's own columns begin otherwise. */
export const DAY = '"#day"'
export const PARTITION = '"#partition"'

/** Columns that a file lacks are null. */
export function dayFilesSql(files: readonly DayFiles[], columns: readonly ColumnSpec[]): string {
  const names = columns.map(({ name }) => quoteName(name)).join(', ')
  const parts = (files.length > 0 ? files : [{ day: 0, partition: 0, paths: [] }]).map(
    ({ day, partition, paths }) =>
      `SELECT ${day}::INTEGER AS ${DAY}, ${partition}::INTEGER AS ${PARTITION}, ${names} FROM ${readFilesSql(paths, columns)}`,
  )
  return `(${parts.join(' UNION ALL ')})`
}
