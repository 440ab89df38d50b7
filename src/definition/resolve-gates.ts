/** `validate` of a view -> its limits by column: names looked up, bounds converted to the type of their column. */
import type { ColumnGates, ViewGates } from '../core/view-gates.ts'
import { typeName } from '../core/value.ts'
import type { ColumnType, Value } from '../core/value.ts'
import { convertLiteral } from './literal.ts'
import type { Literal } from './literal.ts'
import { suggestion } from './nearest.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { ViewFile } from './schema.ts'

export interface OwnedColumn {
  readonly column: string
  /** The feature that it is a window of. */
  readonly owner: string
  readonly type: ColumnType
}

export interface KnownColumns {
  readonly columns: readonly OwnedColumn[]
  readonly report: Report
}

type GatesFile = NonNullable<ViewFile['validate']>
type RangeFile = NonNullable<GatesFile['ranges']>[string]

export function resolveGates(
  file: GatesFile | undefined,
  path: Path,
  known: KnownColumns,
): ViewGates | undefined {
  if (file === undefined) return undefined
  const columns: Record<string, ColumnGates> = {}
  const put = ({ column, type }: OwnedColumn, gates: Omit<ColumnGates, 'type'>): void => {
    columns[column] = { ...columns[column], type, ...gates }
  }
  for (const [name, nullsMax] of featuresFirst(file.nulls, known)) {
    for (const column of meant(name, [...path, 'nulls', name], known)) put(column, { nullsMax })
  }
  for (const [name, range] of featuresFirst(file.ranges, known)) {
    const at = [...path, 'ranges', name]
    const ranged = meant(name, at, known)
    const [first] = ranged
    const gates = first && resolveRange(range, at, first, known.report)
    if (gates) for (const column of ranged) put(column, gates)
  }
  for (const [name, change] of featuresFirst(file.change, known)) {
    const at = [...path, 'change', name]
    for (const column of numbers(name, at, known)) put(column, { change })
  }
  const rows = resolveRows(file.rows, [...path, 'rows'], known.report)
  return { previousDays: file.previousDays, rows, columns }
}

function resolveRows(
  { min, max, change }: NonNullable<GatesFile['rows']> = {},
  path: Path,
  report: Report,
): ViewGates['rows'] {
  if (min !== undefined && max !== undefined && min > max) {
    report.add([...path, 'max'], `expected at least \`min\` (${min}), found ${max}`)
  }
  return {
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(change !== undefined && { change }),
  }
}

/** The columns of a name whose means can be compared. */
function numbers(name: string, path: Path, known: KnownColumns): readonly OwnedColumn[] {
  const found = meant(name, path, known)
  const other = found.find(({ type }) => !isNumber(type))
  if (other === undefined) return found
  const message = `expected a column of numbers, found \`${name}\`, which is ${typeName(other.type)}`
  known.report.add(path, message, 'key')
  return []
}

/** What is said of one column counts more than what is said of all windows of its feature. */
function featuresFirst<Limit>(
  limits: Readonly<Record<string, Limit>> | undefined,
  { columns }: KnownColumns,
): (readonly [name: string, limit: Limit])[] {
  const isColumn = (name: string): boolean => columns.some(({ column }) => column === name)
  const entries = Object.entries(limits ?? {})
  return [
    ...entries.filter(([name]) => !isColumn(name)),
    ...entries.filter(([name]) => isColumn(name)),
  ]
}

/** The columns of a name; reports one that is neither a column nor a feature. */
function meant(name: string, path: Path, known: KnownColumns): readonly OwnedColumn[] {
  const { columns, report } = known
  const found = columns.filter(({ column }) => column === name)
  if (found.length > 0) return found
  const ofFeature = columns.filter(({ owner }) => owner === name)
  if (ofFeature.length === 0 && !isOfUnreadable(name, path, known)) {
    const names = [...new Set(columns.flatMap(({ column, owner }) => [owner, column]))]
    report.add(
      path,
      `expected a column or a feature of the view, found \`${name}\`${suggestion(name, names)}`,
      'key',
    )
  }
  return ofFeature
}

/** Of a feature that is in the file, and is wrong itself: that is told already. */
function isOfUnreadable(name: string, path: Path, { columns, report }: KnownColumns): boolean {
  const view = path.slice(0, 2)
  const written = ['features', 'derived'].flatMap((part) => report.namesAt([...view, part]))
  return [name, name.replace(/_\d+d$/, '')].some(
    (feature) => written.includes(feature) && !columns.some(({ owner }) => owner === feature),
  )
}

/** @param column one of those that it holds for: the windows of a feature have one type */
function resolveRange(
  range: RangeFile,
  path: Path,
  column: OwnedColumn,
  report: Report,
): Omit<ColumnGates, 'type'> | undefined {
  if (!isOrdered(column.type)) {
    const message = `expected a column whose values have an order, found one that is ${typeName(column.type)}`
    report.add(path, message, 'key')
    return undefined
  }
  if (range.min === undefined && range.max === undefined) {
    report.add(path, 'expected `min`, `max` or both, found neither')
  }
  const min = resolveBound(range.min, [...path, 'min'], column, report)
  const max = resolveBound(range.max, [...path, 'max'], column, report)
  if (min !== undefined && max !== undefined && min > max) {
    const low = report.show([...path, 'min'], range.min)
    const high = report.show([...path, 'max'], range.max)
    report.add([...path, 'max'], `expected at least \`min\` (${low}), found ${high}`)
  }
  return { ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
}

function resolveBound(
  literal: Literal | undefined,
  path: Path,
  { type }: OwnedColumn,
  report: Report,
): Exclude<Value, null> | undefined {
  if (literal === undefined) return undefined
  const result = convertLiteral(literal, report.textAt(path) ?? String(literal), type)
  if ('value' in result) return result.value
  const found = report.show(path, literal)
  report.add(path, `expected ${result.expected}, found ${found}; the column is ${typeName(type)}`)
  return undefined
}

function isNumber({ kind }: ColumnType): boolean {
  return ['int32', 'int64', 'double', 'decimal'].includes(kind)
}

function isOrdered(type: ColumnType): boolean {
  return isNumber(type) || type.kind === 'timestamp' || type.kind === 'date'
}
