/**
 * Names of a view's columns, each once. Compared without regard to case, as many readers of tables do; a feature may not be
 * named like a column either, or an expression that names it would mean two things.
 */
import type { Path } from './problem.ts'
import type { Report } from './report.ts'

export interface ColumnNames {
  /** Reports where another part of the view has the column. */
  claim(column: string, owner: string, path: Path): void
  /** Reports where `name` (of a feature or derived feature) is a column of another one. */
  refuseColumnName(name: string, owner: string, path: Path): void
}

const OWN_COLUMNS = ['event_timestamp', 'ds']

export function createColumnNames(report: Report): ColumnNames {
  const owners = new Map(OWN_COLUMNS.map((column) => [column, 'a column of every table']))
  const told = new Set<string>()
  const refuse = (column: string, owner: string, path: Path): void => {
    const other = owners.get(column.toLowerCase())
    if (other === undefined || other === owner || told.has(owner)) return
    told.add(owner)
    report.add(
      path,
      `expected another name: the column \`${column}\` is already that of ${other}`,
      'key',
    )
  }
  return {
    claim(column, owner, path) {
      refuse(column, owner, path)
      if (!owners.has(column.toLowerCase())) owners.set(column.toLowerCase(), owner)
    },
    refuseColumnName: refuse,
  }
}
