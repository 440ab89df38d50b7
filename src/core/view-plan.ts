/**
 * A view made ready to run: names become indexes, conditions and expressions become closures, features share the cells of
 * equal aggregates. Built once; the fold and every sink read only this.
 */
import { invariant } from '../errors.ts'
import { aggregateKey } from './aggregate-key.ts'
import type { ColumnSpec } from './columns.ts'
import { compileCondition, fieldsOf } from './condition.ts'
import type { Predicate } from './condition.ts'
import type { FeatureDefinition, FieldDefinition, Pipeline, ViewDefinition } from './definition.ts'
import { createAggregate } from './create-aggregate.ts'
import { compileEntity } from './entity.ts'
import type { EntityCodec } from './entity.ts'
import { compileExpression } from './expression-eval.ts'
import type { Evaluator } from './expression-eval.ts'
import { TileLayout } from './tile-layout.ts'
import type { KeyedAggregate } from './tile-layout.ts'
import type { FieldType } from './value.ts'

export interface ViewPlan {
  /** Its number in the state: the position in the pipeline file's order of the generation's record. */
  readonly index: number
  readonly definition: ViewDefinition
  /** `user_activity@1`, for people; `user_activity:v1` in the online store; `user_activity_v1` as a table. */
  readonly title: string
  readonly onlineName: string
  readonly tableName: string
  /** Indexes into the batch's columns. */
  readonly fieldsUsed: readonly number[]
  readonly keyFields: readonly number[]
  readonly entityFields: readonly number[]
  readonly entityColumns: readonly ColumnSpec[]
  readonly entity: EntityCodec
  readonly where: Predicate | undefined
  readonly layout: TileLayout
  readonly adders: readonly Adder[]
  /** Distinct windows that a feature uses, ascending, in days. */
  readonly windows: readonly number[]
  readonly longestWindow: number
  /** What a row computes, in order: aggregates, then derived. */
  readonly features: readonly FeatureColumn[]
}

/** One aggregate of a tile: which field of a record goes in, and when. */
export interface Adder {
  /** Index into the batch's columns; -1 for `count: "*"`. */
  readonly field: number
  readonly where: Predicate | undefined
}

export type FeatureColumn = AggregateColumn | DerivedColumn

interface AggregateColumn extends ColumnSpec {
  readonly kind: 'aggregate'
  readonly feature: FeatureDefinition
  /** Index of the aggregate in the layout, and of the window in `windows`. */
  readonly aggregate: number
  readonly window: number
}

interface DerivedColumn extends ColumnSpec {
  readonly kind: 'derived'
  readonly evaluate: Evaluator
}

export function planViews(pipeline: Pipeline): ViewPlan[] {
  return pipeline.views.map((view, index) => planView(pipeline, view, index))
}

function planView(pipeline: Pipeline, view: ViewDefinition, index: number): ViewPlan {
  const { fields } = pipeline.source
  const indexOf = fieldIndex(fields)
  const { layout, adders, aggregateOf } = planAggregates(view, fields)
  const windows = [...new Set(view.features.flatMap((feature) => feature.windows))].sort(
    (a, b) => a - b,
  )
  const entityFields = view.entity.map(indexOf)
  const entityTypes = entityFields.map((field) => typeOf(fields, field))
  return {
    index,
    definition: view,
    title: `${view.name}@${view.version}`,
    onlineName: `${view.name}:v${view.version}`,
    tableName: `${view.name}_v${view.version}`,
    fieldsUsed: usedFields(view).map(indexOf),
    keyFields: pipeline.source.key.map(indexOf),
    entityFields,
    entityColumns: view.entity.map((name, i) => ({
      name,
      type: entityTypes[i] ?? { kind: 'string' },
    })),
    entity: compileEntity(entityTypes),
    where: view.where && compileCondition(view.where, indexOf),
    layout,
    adders,
    windows,
    longestWindow: Math.max(...view.windows),
    features: featureColumns(view, { layout, aggregateOf, windows }),
  }
}

function fieldIndex(fields: readonly FieldDefinition[]): (name: string) => number {
  const indexes = new Map(fields.map((field, index) => [field.name, index]))
  return (name) => {
    const index = indexes.get(name)
    invariant(index !== undefined, `field ${name} is declared`)
    return index
  }
}

function typeOf(fields: readonly FieldDefinition[], index: number): FieldType {
  const field = fields[index]
  invariant(field !== undefined, `field ${index} is declared`)
  return field.type
}

function usedFields(view: ViewDefinition): string[] {
  const used = new Set(view.entity)
  for (const name of view.where ? fieldsOf(view.where) : []) used.add(name)
  for (const feature of view.features) {
    if (feature.field !== '*') used.add(feature.field)
    for (const name of feature.where ? fieldsOf(feature.where) : []) used.add(name)
  }
  return [...used]
}

interface PlannedAggregates {
  readonly layout: TileLayout
  readonly adders: readonly Adder[]
  readonly aggregateOf: ReadonlyMap<FeatureDefinition, number>
}

function planAggregates(
  view: ViewDefinition,
  fields: readonly FieldDefinition[],
): PlannedAggregates {
  const indexOf = fieldIndex(fields)
  const aggregates: KeyedAggregate[] = []
  const adders: Adder[] = []
  const aggregateOf = new Map<FeatureDefinition, number>()
  for (const feature of view.features) {
    const key = aggregateKey(feature, fields)
    let at = aggregates.findIndex((aggregate) => aggregate.key === key)
    if (at < 0) {
      const field = feature.field === '*' ? -1 : indexOf(feature.field)
      const type = field < 0 ? undefined : typeOf(fields, field)
      at = aggregates.push({ key, aggregate: createAggregate(feature.aggregate, type) }) - 1
      adders.push({ field, where: feature.where && compileCondition(feature.where, indexOf) })
    }
    aggregateOf.set(feature, at)
  }
  return { layout: new TileLayout(aggregates), adders, aggregateOf }
}

function featureColumns(
  view: ViewDefinition,
  planned: Pick<PlannedAggregates, 'layout' | 'aggregateOf'> & {
    readonly windows: readonly number[]
  },
): FeatureColumn[] {
  const columns: FeatureColumn[] = []
  for (const feature of view.features) {
    const aggregate = planned.aggregateOf.get(feature) ?? 0
    const type = planned.layout.placed[aggregate]?.aggregate.type ?? { kind: 'int64' }
    for (const days of feature.windows) {
      const window = planned.windows.indexOf(days)
      const text = feature.description === undefined ? {} : { description: feature.description }
      columns.push({
        kind: 'aggregate',
        name: `${feature.name}_${days}d`,
        type,
        feature,
        aggregate,
        window,
        ...text,
      })
    }
  }
  const base = columns.length
  const places = new Map(columns.map((column, index) => [column.name, index]))
  for (const derived of view.derived) {
    for (const { name, window } of derived.columns) {
      const evaluate = compileExpression(derived.expression, (bare) => {
        const place = places.get(bare) ?? places.get(`${bare}_${window}d`)
        invariant(place !== undefined && place < base, `${derived.name} reads the column ${bare}`)
        return { index: place, type: columns[place]?.type ?? { kind: 'double' } }
      })
      columns.push({ kind: 'derived', name, type: { kind: derived.type }, evaluate })
    }
  }
  return columns
}
