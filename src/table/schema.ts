/** Columns of a table as a Delta schema and back, one to one. The partition column `ds` is last and only in the log. */
import type { ColumnSpec } from '../core/columns.ts'
import type { ColumnType } from '../core/value.ts'
import { typeName } from '../core/value.ts'
import { invariant, TidemarkError } from '../errors.ts'

/** The as-of day, `YYYY-MM-DD`; named unlike every column so that no reader mixes the two up. */
export const PARTITION_COLUMN = 'ds'

interface DeltaField {
  readonly name: string
  readonly type: unknown
  readonly nullable: boolean
  readonly metadata: Readonly<Record<string, unknown>>
}

export function schemaString(columns: readonly ColumnSpec[]): string {
  invariant(
    columns.every((column) => column.name.toLowerCase() !== PARTITION_COLUMN),
    `a table's columns are not called ${PARTITION_COLUMN}`,
  )
  const fields: DeltaField[] = columns.map(({ name, type, description }) => ({
    name,
    type: deltaType(type),
    nullable: true,
    metadata: description === undefined ? {} : { comment: description },
  }))
  fields.push({ name: PARTITION_COLUMN, type: 'string', nullable: true, metadata: {} })
  return JSON.stringify({ type: 'struct', fields })
}

/** @throws TABLE_REFUSED for types that we never write */
export function parseSchema(table: string, text: string): ColumnSpec[] {
  const { fields } = JSON.parse(text) as { readonly fields: readonly DeltaField[] }
  return fields
    .filter((field) => field.name !== PARTITION_COLUMN)
    .map(({ name, type, metadata }) => {
      const known = columnType(type)
      if (!known) {
        const found = `table ${table}: column ${name} has the type ${JSON.stringify(type)}, which Tidemark does not write`
        throw new TidemarkError(
          'TABLE_REFUSED',
          `${found}. Choose another location for this table.`,
        )
      }
      const comment = metadata['comment']
      return typeof comment === 'string'
        ? { name, type: known, description: comment }
        : { name, type: known }
    })
}

/**
 * The table's columns with the wanted ones added behind; undefined where it has them all.
 * @throws TABLE_REFUSED where a column has another type
 */
export function addColumns(
  table: string,
  present: readonly ColumnSpec[],
  wanted: readonly ColumnSpec[],
): ColumnSpec[] | undefined {
  const byName = new Map(present.map((column) => [column.name.toLowerCase(), column]))
  const added = wanted.filter((column) => {
    const found = byName.get(column.name.toLowerCase())
    if (found === undefined) return true
    if (found.name === column.name && typeName(found.type) === typeName(column.type)) return false
    throw new TidemarkError(
      'TABLE_REFUSED',
      `table ${table}: column ${found.name} is ${typeName(found.type)}, the view now writes ${column.name} as ` +
        `${typeName(column.type)}. A column keeps its name and type: give the view a new version, or the feature a new name.`,
    )
  })
  return added.length === 0 ? undefined : [...present, ...added]
}

const PRIMITIVES = {
  string: 'string',
  int32: 'integer',
  int64: 'long',
  double: 'double',
  boolean: 'boolean',
  timestamp: 'timestamp',
  date: 'date',
  binary: 'binary',
} as const

function deltaType(type: ColumnType): string {
  return type.kind === 'decimal'
    ? `decimal(${type.precision},${type.scale})`
    : PRIMITIVES[type.kind]
}

function columnType(type: unknown): ColumnType | undefined {
  if (typeof type !== 'string') return undefined
  const decimal = /^decimal\((\d+),\s*(\d+)\)$/.exec(type)
  if (decimal) return { kind: 'decimal', precision: Number(decimal[1]), scale: Number(decimal[2]) }
  for (const [kind, name] of Object.entries(PRIMITIVES)) {
    if (name === type) return { kind: kind as keyof typeof PRIMITIVES }
  }
  return undefined
}
