/**
 * Rows of two sides of a table, compared value by value: pieces are joined and what differs goes to files, from which counts,
 * a sample and the file of all differences are read. Memory is the database's bound, however many rows there are.
 */
import type { DayIndex } from '../core/day.ts'
import type { Value } from '../core/value.ts'
import type {
  ColumnDifference,
  ComparedColumns,
  DayDifference,
  DifferenceKind,
  LargestChange,
  RowDifference,
} from '../replay/comparison.ts'
import type { Cell } from './cell.ts'
import type { DuckDb, Row } from './database.ts'
import {
  columnCountsSql,
  differenceFilesSql,
  differenceKeys,
  differencesSql,
  KIND,
  rowCountsSql,
  valuesSql,
} from './difference-sql.ts'
import type { BothSides } from './difference-sql.ts'
import { quoteText } from './sql.ts'

/** Medians of more changes are those of a sample. */
const MEDIAN_ROWS_MAX = 100_000

/** Writes the rows that differ to a new file. */
export async function writeDifferences(
  database: DuckDb,
  columns: ComparedColumns,
  sides: BothSides,
  path: string,
): Promise<void> {
  await database.run(copySql(differencesSql(columns, sides), path))
}

export type DifferenceCounts = Pick<
  DayDifference,
  'added' | 'removed' | 'changed' | 'changedFeatures'
> & {
  /** Undefined: of all days together. */
  readonly day: DayIndex | undefined
  readonly columns: Readonly<Record<string, ColumnDifference>>
}

/** Of days with differences, all days together first. @param paths of `writeDifferences`, at least one */
export async function countDifferences(
  database: DuckDb,
  columns: ComparedColumns,
  paths: readonly string[],
): Promise<DifferenceCounts[]> {
  const counted = await database.rows(rowCountsSql(paths))
  const oneIn = Math.ceil(Number(counted[0]?.['changed'] ?? 0) / MEDIAN_ROWS_MAX)
  const changes = await database.rows(columnCountsSql(columns, paths, oneIn))
  return counted.map((row) => {
    const ofDay = changes.find((each) => each['day'] === row['day']) ?? {}
    return {
      day: (row['day'] ?? undefined) as DayIndex | undefined,
      added: Number(row['added']),
      removed: Number(row['removed']),
      changed: Number(row['changed']),
      changedFeatures: Number(ofDay['features'] ?? 0),
      columns: Object.fromEntries(
        columns.common.map(({ name }, i) => [name, columnDifference(ofDay, i, columns)]),
      ),
    }
  })
}

function columnDifference(row: Row, i: number, { entity }: ComparedColumns): ColumnDifference {
  const largest = row[`largest${i}`] as Readonly<Record<string, Cell>> | null | undefined
  const typical = row[`typical${i}`]
  return {
    changed: Number(row[`changed${i}`] ?? 0),
    filled: Number(row[`filled${i}`] ?? 0),
    nulled: Number(row[`nulled${i}`] ?? 0),
    ...(largest && { largest: largestChange(largest, entity.length) }),
    ...(typeof typical === 'number' && { typical }),
  }
}

function largestChange(row: Readonly<Record<string, Cell>>, entityFields: number): LargestChange {
  return {
    by: Number(row['by']),
    day: row['day'] as DayIndex,
    partition: Number(row['partition']),
    entity: Array.from({ length: entityFields }, (_, i) => row[`e${i}`] as Value),
    before: row['before'] as Value,
    after: row['after'] as Value,
  }
}

/** Up to so many rows of each kind, spread over all of them, the same ones each time; by kind, day, partition, entity. */
export async function sampleDifferences(
  database: DuckDb,
  columns: ComparedColumns,
  paths: readonly string[],
  { rowsMax }: { readonly rowsMax: number },
): Promise<RowDifference[]> {
  if (rowsMax === 0) return []
  const keys = differenceKeys(columns).join(', ')
  const sample: RowDifference[] = []
  for (const kind of ['changed', 'added', 'removed'] as const) {
    const chosen = `SELECT * FROM ${differenceFilesSql(paths)} WHERE ${KIND} = '${kind}' ORDER BY hash(${keys}), ${keys} LIMIT ${rowsMax}`
    for (const row of await database.rows(`SELECT * FROM (${chosen}) ORDER BY ${keys}`)) {
      sample.push(rowDifference(row, kind, columns))
    }
  }
  return sample
}

function rowDifference(
  row: Row,
  kind: DifferenceKind,
  { entity, common }: ComparedColumns,
): RowDifference {
  const pairs = common.flatMap(({ name }, i) => {
    const [before, after] = [row[`b${i}`] as Value, row[`a${i}`] as Value]
    return Object.is(before, after) ? [] : [[name, { before, after }] as const]
  })
  return {
    kind,
    day: row['#day'] as DayIndex,
    partition: Number(row['#partition']),
    entity: entity.map((_, i) => row[`e${i}`] as Value),
    columns: Object.fromEntries(pairs),
  }
}

export interface DifferenceFiles {
  readonly view: string
  readonly columns: ComparedColumns
  readonly paths: readonly string[]
}

/**
 * One file with a row per value that differs, of all views, in no order: to keep one, DuckDB would hold what is ready and
 * waits for its turn, without a bound that matters here.
 */
export async function writeValues(
  database: DuckDb,
  views: readonly DifferenceFiles[],
  path: string,
): Promise<void> {
  const parts = views
    .filter(({ paths, columns }) => paths.length > 0 && columns.common.length > 0)
    .map(({ view, columns, paths }) => valuesSql(view, columns, paths))
  await database.run('SET GLOBAL preserve_insertion_order = false')
  try {
    await database.run(copySql(parts.length > 0 ? parts.join(' UNION ALL ') : NO_VALUES, path))
  } finally {
    await database.run('SET GLOBAL preserve_insertion_order = true')
  }
}

const NO_VALUES =
  `SELECT '' AS view, DATE '1970-01-01' AS day, 0 AS partition, '' AS entity, '' AS kind, '' AS "column", '' AS before, ` +
  `'' AS after, 0::DOUBLE AS before_number, 0::DOUBLE AS after_number, 0::DOUBLE AS change WHERE false`

function copySql(query: string, path: string): string {
  return `COPY (${query}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`
}
