/** One row of a table, read from the files of its newest version. */
import type { DayIndex } from '../core/day.ts'
import { formatValue } from '../core/text.ts'
import type { ColumnType, Value } from '../core/value.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { quoteName, quoteText, readFilesSql, sqlType } from '../duckdb/sql.ts'
import { viewTable, withLocalFiles } from '../table/view.ts'
import type { OpenTables } from './compose.ts'

export interface OfflineRow {
  readonly version: number
  /** By column, as text; null where the row has none. Undefined: no row of this entity and day. */
  readonly values: Readonly<Record<string, string | null>> | undefined
}

/** @throws TABLE_REFUSED where there is no table */
export async function readOfflineRow(
  { store, database }: OpenTables,
  view: ViewPlan,
  { entity, day }: { readonly entity: string; readonly day: DayIndex },
): Promise<OfflineRow> {
  const table = store.table(view.tableName)
  const { version, files, columns } = await viewTable(table)
  const ofDay = files.filter((file) => file.day === day)
  if (ofDay.length === 0) return { version, values: undefined }
  const rows = await withLocalFiles(table, ofDay, (paths) =>
    database.rows(`SELECT * FROM ${readFilesSql(paths, columns)} WHERE ${condition(view, entity)}`),
  )
  const [row] = rows
  if (row === undefined) return { version, values: undefined }
  const texts = columns
    .filter(({ name }) => name in row)
    .map(({ name, type }) => [name, cellText(row[name], type)] as const)
  return { version, values: Object.fromEntries(texts) }
}

function condition({ entityColumns, entity: codec }: ViewPlan, entity: string): string {
  const values = codec.decode(entity)
  return entityColumns
    .map(({ name, type }, index) => {
      const value = values[index]
      const text = value === undefined ? '' : formatValue(value, type)
      return `${quoteName(name)} = ${quoteText(text)}::${sqlType(type)}`
    })
    .join(' AND ')
}

function cellText(cell: unknown, type: ColumnType): string | null {
  if (cell === null || cell === undefined || type.kind === 'binary') return null
  return formatValue(cell as Exclude<Value, null>, type)
}
