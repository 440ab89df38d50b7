/** Pieces of DuckDB's SQL: quoting, paths, types. */
import type { ColumnType } from '../core/value.ts'

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Paths to read are patterns to DuckDB: a directory called `data[1]` must not become one. */
export function quoteReadPath(path: string): string {
  return quoteText(path.replace(/[[*?]/g, '[$&]'))
}

export function sqlType(type: ColumnType): string {
  switch (type.kind) {
    case 'string':
      return 'VARCHAR'
    case 'int32':
      return 'INTEGER'
    case 'int64':
      return 'BIGINT'
    case 'double':
      return 'DOUBLE'
    case 'boolean':
      return 'BOOLEAN'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'timestamp':
      return 'TIMESTAMPTZ'
    case 'date':
      return 'DATE'
    case 'binary':
      return 'BLOB'
  }
}

/**
 * The rows of Parquet files as one relation, columns matched by name; `ds` comes from the directory where there is one.
 * `columns` names those that every reader should see, null where no file has them.
 */
export function readFilesSql(
  paths: readonly string[],
  columns: readonly { readonly name: string; readonly type: ColumnType }[] = [],
): string {
  const list = paths.map(quoteReadPath).join(', ')
  const files = `SELECT * FROM read_parquet([${list}], union_by_name = true, hive_partitioning = true, hive_types_autocast = false)`
  const typed = columns.map((c) => `NULL::${sqlType(c.type)} AS ${quoteName(c.name)}`).join(', ')
  if (paths.length === 0) return `(SELECT ${typed || 'NULL AS nothing'} WHERE false)`
  return typed === '' ? `(${files})` : `(SELECT ${typed} WHERE false UNION ALL BY NAME ${files})`
}
