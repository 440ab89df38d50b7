/**
 * A view made ready to run: names become indexes, conditions and expressions become closures, features share the cells of
 * equal aggregates. Built once; the fold and every sink read only this.
 */
import { invariant } from '../errors.ts'
import { aggregateKey } from './aggregate-key.ts'
import type { ColumnSpec } from './columns.ts'
import { compileCondition, fieldsOf } from './condition.ts'
import type { Predicate } from './condition.ts'
import type {
  DerivedDefinition,
  FeatureDefinition,
  FieldDefinition,
  Pipeline,
  ViewDefinition,
} from './definition.ts'
import type { DayIndex } from './day.ts'
import { createAggregate } from './create-aggregate.ts'
import { compileEntity } from './entity.ts'
import type { EntityCodec } from './entity.ts'
import { compileExpression } from './expression-eval.ts'
import type { Evaluator } from './expression-eval.ts'
import { TileLayout } from './tile-layout.ts'
import type { KeyedAggregate } from './tile-layout.ts'
import type { FieldType } from './value.ts'
import { titleOf } from './view-title.ts'

export interface ViewPlan {
  /** Its number in the state: the position in the pipeline file's order of the generation's record. */
  readonly index: number
  readonly definition: ViewDefinition
  /** `user_activity@1`, for people; `user_activity:v1` in the online store; `user_activity_v1` as a table. */
  readonly title: string
  readonly onlineName: string
  readonly tableName: string
  readonly fieldsUsed: readonly UsedField[]
  /** Indexes into the batch's columns. */
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
  /** Hash of the definition that the rows and tiles of a day belong to. */
  definitionOf(day: DayIndex): string
  /** What a row computes, in order: aggregates, then derived. */
  readonly features: readonly FeatureColumn[]
}

/** A field whose wrong type makes a record a `bad_field` of the view: from a day on, where only a later feature uses it. */
export interface UsedField {
  /** Index into the batch's columns. */
  readonly field: number
  readonly since: DayIndex
}

/** One aggregate of a tile: which field of a record goes in, and when. */
export interface Adder {
  /** Index into the batch's columns; -1 for `count: "*"`. */
  readonly field: number
  /** Records of earlier days are left out: the aggregate was added later. -Infinity: from the beginning. */
  readonly since: DayIndex
  readonly where: Predicate | undefined
}

export type FeatureColumn = AggregateColumn | DerivedColumn

interface AggregateColumn extends ColumnSpec {
  readonly kind: 'aggregate'
  readonly feature: FeatureDefinition
  /** First day for which the column holds; earlier rows have null. -Infinity: from the beginning. */
  readonly since: DayIndex
  /** Index of the aggregate in the layout, and of the window in `windows`. */
  readonly aggregate: number
  readonly window: number
}

interface DerivedColumn extends ColumnSpec {
  readonly kind: 'derived'
  readonly derived: DerivedDefinition
  /** Days that bare names take. */
  readonly window: number | undefined
  readonly since: DayIndex
  readonly evaluate: Evaluator
}

/** What a generation's record adds to the definitions: when columns were added, and what hashes were in force before. */
export interface ViewHistory {
  readonly columns: Readonly<Record<string, { readonly since?: DayIndex }>>
  readonly earlier: readonly { readonly hash: string; readonly before: DayIndex }[]
}

/** `index` is the number of a view in states only where the views stand as the generation's record has them (`planRecorded`). */
export function planViews(
  pipeline: Pipeline,
  historyOf: (view: ViewDefinition) => ViewHistory | undefined = () => undefined,
): ViewPlan[] {
  return pipeline.views.map((view, index) =>
    planView(pipeline, view, { index, history: historyOf(view) ?? { columns: {}, earlier: [] } }),
  )
}

function planView(
  pipeline: Pipeline,
  view: ViewDefinition,
  { index, history }: { readonly index: number; readonly history: ViewHistory },
): ViewPlan {
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
    title: titleOf(view),
    onlineName: `${view.name}:v${view.version}`,
    tableName: `${view.name}_v${view.version}`,
    fieldsUsed: [...usedFields(view)].map(([name, since]) => ({ field: indexOf(name), since })),
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
    definitionOf: (day) => history.earlier.find(({ before }) => day < before)?.hash ?? view.hash,
    features: featureColumns(view, { layout, aggregateOf, windows, history }),
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

function usedFields(view: ViewDefinition): Map<string, DayIndex> {
  const used = new Map<string, DayIndex>()
  const use = (names: readonly string[], since = -Infinity): void => {
    for (const name of names) used.set(name, Math.min(since, used.get(name) ?? Infinity))
  }
  use(view.entity)
  if (view.where) use(fieldsOf(view.where))
  for (const { field, where, since } of view.features) {
    if (field !== '*') use([field], since)
    if (where) use(fieldsOf(where), since)
  }
  return used
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
    const since = feature.since ?? -Infinity
    const key = `${aggregateKey(feature, fields)}${feature.since === undefined ? '' : ` since ${since}`}`
    let at = aggregates.findIndex((aggregate) => aggregate.key === key)
    if (at < 0) {
      const field = feature.field === '*' ? -1 : indexOf(feature.field)
      const type = field < 0 ? undefined : typeOf(fields, field)
      at = aggregates.push({ key, aggregate: createAggregate(feature.aggregate, type) }) - 1
      adders.push({
        field,
        since,
        where: feature.where && compileCondition(feature.where, indexOf),
      })
    }
    aggregateOf.set(feature, at)
  }
  return { layout: new TileLayout(aggregates), adders, aggregateOf }
}

function featureColumns(
  view: ViewDefinition,
  planned: Pick<PlannedAggregates, 'layout' | 'aggregateOf'> & {
    readonly windows: readonly number[]
    readonly history: ViewHistory
  },
): FeatureColumn[] {
  const columns: FeatureColumn[] = []
  const sinceOf = (name: string): DayIndex => planned.history.columns[name]?.since ?? -Infinity
  for (const feature of view.features) {
    const aggregate = planned.aggregateOf.get(feature) ?? 0
    const type = planned.layout.placed[aggregate]?.aggregate.type ?? { kind: 'int64' }
    for (const days of feature.windows) {
      const window = planned.windows.indexOf(days)
      const text = feature.description === undefined ? {} : { description: feature.description }
      const name = `${feature.name}_${days}d`
      columns.push({
        kind: 'aggregate',
        name,
        type,
        feature,
        since: Math.max(feature.since ?? -Infinity, sinceOf(name)),
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
      const type = { kind: derived.type }
      columns.push({ kind: 'derived', name, type, derived, window, since: sinceOf(name), evaluate })
    }
  }
  return columns
}
