/**
 * The SQL of comparing two sides of a table. Rows that differ become rows of a file of their own:
 *
 *     #kind  #day  #partition  e0 e1 ..  b0 a0  b1 a1 ..        entity, then each column before (live) and after (staged)
 *
 * Doubles are compared bit for bit but for NaN, which is itself; everything else exactly.
 */
import type { ColumnSpec } from '../core/columns.ts'
import { isFeature } from '../replay/comparison.ts'
import type { ComparedColumns } from '../replay/comparison.ts'
import { DAY, dayFilesSql, PARTITION } from './day-files.ts'
import type { DayFiles } from './day-files.ts'
import { isNumber } from './day-profiles.ts'
import { quoteName, quoteReadPath, quoteText } from './sql.ts'

export const KIND = '"#kind"'

export interface BothSides {
  readonly live: readonly DayFiles[]
  readonly staged: readonly DayFiles[]
}

/** Rows that only one side has, and those whose values differ. */
export function differencesSql(
  { entity, common }: ComparedColumns,
  { live, staged }: BothSides,
): string {
  const columns = [...entity, ...common]
  const sides = `${dayFilesSql(live, columns)} b FULL JOIN ${dayFilesSql(staged, columns)} a`
  const keys = [DAY, PARTITION, ...entity.map(({ name }) => quoteName(name))]
  const pairs = common.map(({ name }, i) => {
    const column = quoteName(name)
    return `, b.${column} AS b${i}, a.${column} AS a${i}`
  })
  const entities = entity.map(({ name }, i) => {
    const column = quoteName(name)
    return `, coalesce(b.${column}, a.${column}) AS e${i}`
  })
  const missing = `b.${DAY} IS NULL OR a.${DAY} IS NULL`
  const different = common.map((column) => {
    const name = quoteName(column.name)
    return differs(column, `b.${name}`, `a.${name}`)
  })
  return (
    `SELECT CASE WHEN b.${DAY} IS NULL THEN 'added' WHEN a.${DAY} IS NULL THEN 'removed' ELSE 'changed' END AS ${KIND}, ` +
    `coalesce(b.${DAY}, a.${DAY}) AS ${DAY}, coalesce(b.${PARTITION}, a.${PARTITION}) AS ${PARTITION}` +
    `${entities.join('')}${pairs.join('')} FROM ${sides} ON ${keys.map((key) => `b.${key} = a.${key}`).join(' AND ')} ` +
    `WHERE ${[missing, ...different].join(' OR ')}`
  )
}

function differs({ type }: ColumnSpec, before: string, after: string): string {
  const distinct = `${before} IS DISTINCT FROM ${after}`
  if (type.kind !== 'double') return distinct
  // Equal as numbers, 0 and -0 are other bits.
  return `(${distinct} OR (${before} = 0 AND signbit(${before}) <> signbit(${after})))`
}

/** A relation of all rows that differ, from the files of `differencesSql`. */
export function differenceFilesSql(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoteReadPath).join(', ')}], hive_partitioning = false)`
}

/** Which row counts for a sample of one in so many: by its place, so that it is the same one each time. */
export function sampled(keys: readonly string[], oneIn: number): string {
  return oneIn <= 1 ? 'true' : `hash(${keys.join(', ')}) % ${oneIn} = 0`
}

export function differenceKeys({ entity }: ComparedColumns): string[] {
  return [DAY, PARTITION, ...entity.map((_, i) => `e${i}`)]
}

const BY_DAY = `GROUP BY GROUPING SETS ((${DAY}), ()) ORDER BY ${DAY} NULLS FIRST`

/** Per day, and over all of them (`#day` is null there): rows that only one side has, and that changed. */
export function rowCountsSql(paths: readonly string[]): string {
  const count = (kind: string): string => `count(*) FILTER (WHERE ${KIND} = '${kind}') AS ${kind}`
  const counts = ['added', 'removed', 'changed'].map(count).join(', ')
  return `SELECT ${DAY} AS day, ${counts} FROM ${differenceFilesSql(paths)} ${BY_DAY}`
}

/** The same of rows that changed: which columns, and how much. Days without such rows are missing. */
export function columnCountsSql(
  columns: ComparedColumns,
  paths: readonly string[],
  oneIn: number,
): string {
  const isSampled = sampled(differenceKeys(columns), oneIn)
  const counts = columns.common.map((column, i) => columnCounts(column, i, columns, isSampled))
  const features = columns.common.flatMap((column, i) =>
    isFeature(column) ? [differs(column, `b${i}`, `a${i}`)] : [],
  )
  const isFeatureChanged = features.length === 0 ? 'false' : features.join(' OR ')
  return (
    `SELECT ${DAY} AS day, ${countOf(isFeatureChanged)} AS features${counts.join('')} ` +
    `FROM ${differenceFilesSql(paths)} WHERE ${KIND} = 'changed' ${BY_DAY}`
  )
}

function countOf(condition: string): string {
  return `count(*) FILTER (WHERE ${condition})`
}

function columnCounts(
  column: ColumnSpec,
  i: number,
  { entity }: ComparedColumns,
  isSampled: string,
): string {
  const [before, after] = [`b${i}`, `a${i}`]
  const isDifferent = differs(column, before, after)
  const counts =
    `, ${countOf(isDifferent)} AS changed${i}` +
    `, ${countOf(`${before} IS NULL AND ${after} IS NOT NULL`)} AS filled${i}` +
    `, ${countOf(`${before} IS NOT NULL AND ${after} IS NULL`)} AS nulled${i}`
  if (!isNumber(column.type)) return counts
  const by = changeSql(column, i)
  const place = [`day: ${DAY}`, `partition: ${PARTITION}`, ...entity.map((_, e) => `e${e}: e${e}`)]
  const row = `{${place.join(', ')}, before: ${before}, after: ${after}, "by": ${by}}`
  return (
    `${counts}, arg_max(${row}, ${by}) FILTER (WHERE ${isDifferent}) AS largest${i}` +
    `, quantile_disc(${by}, 0.5) FILTER (WHERE ${isDifferent} AND ${isSampled}) AS typical${i}`
  )
}

/** How far a number moved, without its sign; null where one of them is. */
function changeSql({ type }: ColumnSpec, i: number): string {
  const [before, after] = [`b${i}`, `a${i}`]
  const rounded = `abs(${after}::DOUBLE - ${before}::DOUBLE)`
  if (type.kind === 'double') return rounded
  if (type.kind !== 'decimal') return `abs(${after}::HUGEINT - ${before}::HUGEINT)::DOUBLE`
  const exact = `abs(${after} - ${before})::DOUBLE`
  // With all 38 digits in use a difference may need one more.
  return type.precision < 38 ? exact : `coalesce(TRY(${exact}), ${rounded})`
}

/**
 * A row per value that differs: what a person queries, and a program reads without knowing the view. In one pass: parts of a
 * union would be computed side by side, and wait for each other in memory.
 */
export function valuesSql(
  view: string,
  columns: ComparedColumns,
  paths: readonly string[],
): string {
  const entity = columns.entity.map((column, i) => entityPart(column, `e${i}`)).join(` || '|' || `)
  const values = columns.common.map((column, i) => {
    const number = (value: string): string =>
      isNumber(column.type) ? `${value}::DOUBLE` : 'NULL::DOUBLE'
    const isTold =
      `CASE ${KIND} WHEN 'changed' THEN ${differs(column, `b${i}`, `a${i}`)} ` +
      `WHEN 'added' THEN a${i} IS NOT NULL ELSE b${i} IS NOT NULL END`
    return (
      `{name: ${quoteText(column.name)}, before: b${i}::VARCHAR, after: a${i}::VARCHAR, ` +
      `before_number: ${number(`b${i}`)}, after_number: ${number(`a${i}`)}, is_told: ${isTold}}`
    )
  })
  return (
    `SELECT ${quoteText(view)} AS view, (DATE '1970-01-01' + ${DAY}) AS day, ${PARTITION} AS partition, entity, ` +
    `${KIND} AS kind, value.name AS "column", value.before AS before, value.after AS after, value.before_number AS before_number, ` +
    `value.after_number AS after_number, value.after_number - value.before_number AS change FROM (` +
    `SELECT ${DAY}, ${PARTITION}, ${entity} AS entity, ${KIND}, unnest([${values.join(', ')}]) AS value ` +
    `FROM ${differenceFilesSql(paths)}) WHERE value.is_told`
  )
}

/** As in the keys of the online store. */
function entityPart({ type }: ColumnSpec, column: string): string {
  if (type.kind === 'timestamp') return `strftime(${column}, '%Y-%m-%dT%H%%3A%M%%3A%S.%gZ')`
  const escapes = [
    ['%', '%25'],
    ['|', '%7C'],
    [':', '%3A'],
  ] as const
  return escapes.reduce(
    (sql, [from, to]) => `replace(${sql}, ${quoteText(from)}, ${quoteText(to)})`,
    `${column}::VARCHAR`,
  )
}
