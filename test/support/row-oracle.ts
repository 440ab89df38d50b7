/** One row for the oracle: each column from all records of its window, then the derived ones from the columns. */
import type { FeatureDefinition, ViewDefinition } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { aggregate } from './aggregate-oracle.ts'
import { holds, type Fields } from './condition-oracle.ts'
import { evaluate, type Result } from './expression-oracle.ts'

/** An accepted record that the view folds. */
export interface FoldedRecord {
  readonly offset: number
  readonly eventTime: number
  readonly day: number
  readonly fields: Fields
}

/** `scale` is set for declared decimals: the value is an unscaled integer. */
export interface OracleColumn {
  readonly name: string
  readonly kind: FieldType['kind']
  readonly scale: number
}

interface ViewRecords {
  readonly view: ViewDefinition
  readonly types: ReadonlyMap<string, FieldType>
  /** Of one entity, in log order. */
  readonly records: readonly FoldedRecord[]
}

/** Values of all columns as of a day, by name. */
export function rowValues({ view, types, records }: ViewRecords, day: number): Map<string, Value> {
  const values = new Map<string, Value>()
  for (const feature of view.features) {
    for (const window of feature.windows) {
      const days = Array.from({ length: window }, (_, index) => day - window + 1 + index)
      const isHeld = feature.since === undefined || day >= feature.since
      values.set(columnName(feature, window), isHeld ? cell(feature, types, records, days) : null)
    }
  }
  const columns = new Map(columnsOf(view, types).map((column) => [column.name, column]))
  for (const { expression, columns: derivedColumns } of view.derived) {
    for (const { name, window } of derivedColumns) {
      const valueOf = (bare: string): Result => {
        const column = columns.get(bare) ?? columns.get(`${bare}_${window}d`)
        if (column === undefined) throw new Error(`${name} reads ${bare}, which is no column`)
        return asResult(values.get(column.name) ?? null, column)
      }
      values.set(name, evaluate(expression, valueOf))
    }
  }
  return values
}

/** A feature over the given days, in order. */
export function cell(
  feature: FeatureDefinition,
  types: ReadonlyMap<string, FieldType>,
  records: readonly FoldedRecord[],
  days: readonly number[],
): Value {
  const observed = days.map((day) =>
    records
      .filter((record) => record.day === day && holds(feature.where, record.fields))
      .map(({ fields, eventTime, offset }) => {
        return { value: fields.get(feature.field) ?? null, eventTime, offset }
      }),
  )
  return aggregate(feature, types.get(feature.field), observed)
}

function columnName(feature: FeatureDefinition, window: number): string {
  return `${feature.name}_${window}d`
}

/** Numbers in expressions are doubles; of a decimal the nearest one. */
function asResult(value: Value, { scale }: OracleColumn): Result {
  if (typeof value === 'bigint' || (typeof value === 'number' && scale > 0)) {
    return Number(`${value}e-${scale}`)
  }
  return value
}

export function columnsOf(
  view: ViewDefinition,
  types: ReadonlyMap<string, FieldType>,
): OracleColumn[] {
  const aggregated = view.features.flatMap((feature) =>
    feature.windows.map((window) => {
      return { name: columnName(feature, window), ...columnType(feature, types.get(feature.field)) }
    }),
  )
  const derived = view.derived.flatMap(({ columns, type }) =>
    columns.map(({ name }) => ({ name, kind: type, scale: 0 })),
  )
  return [...aggregated, ...derived]
}

function columnType(
  { aggregate: kind }: FeatureDefinition,
  type: FieldType | undefined,
): Pick<OracleColumn, 'kind' | 'scale'> {
  if (kind === 'count') return { kind: 'int64', scale: 0 }
  if (kind === 'avg' || kind === 'variance' || kind === 'stddev')
    return { kind: 'double', scale: 0 }
  if (kind === 'sum' && type?.kind === 'int32') return { kind: 'int64', scale: 0 }
  return { kind: type?.kind ?? 'double', scale: type?.kind === 'decimal' ? type.scale : 0 }
}
