/** `features` of a view -> aggregates over fields and windows, with the columns that they become. */
import { createAggregate } from '../core/create-aggregate.ts'
import type { AggregateKind, FeatureDefinition } from '../core/definition.ts'
import type { ColumnType } from '../core/value.ts'
import { AGGREGATE_KINDS, aggregateRefusal } from './aggregates.ts'
import { resolveCondition } from './condition.ts'
import type { FieldScope } from './field-scope.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { FeatureFile, ViewFile } from './schema.ts'

export interface ViewSurroundings {
  readonly report: Report
  readonly fields: FieldScope
}

interface FeatureSurroundings extends ViewSurroundings {
  /** Of the view, ascending. */
  readonly windows: readonly number[]
}

export interface ResolvedFeatures {
  readonly features: readonly FeatureDefinition[]
  /** Type of each feature's columns; undefined where it could not be told. */
  readonly types: ReadonlyMap<string, ColumnType | undefined>
}

export function resolveFeatures(
  file: ViewFile,
  path: Path,
  surroundings: FeatureSurroundings,
): ResolvedFeatures {
  const { report } = surroundings
  const types = new Map<string, ColumnType | undefined>()
  const features: FeatureDefinition[] = []
  for (const [name, feature] of Object.entries(file.features)) {
    const at = [...path, 'features', name]
    const aggregate = resolveAggregate(feature, at, surroundings)
    types.set(name, aggregate?.type)
    if (aggregate === undefined) continue
    const where = resolveCondition(feature.where, [...at, 'where'], surroundings)
    features.push({
      name,
      aggregate: aggregate.kind,
      field: aggregate.field,
      ...(where && { where }),
      windows: featureWindows(feature, at, surroundings),
      ...(feature.description !== undefined && { description: feature.description }),
      ...(feature.since !== undefined && { since: feature.since }),
    })
  }
  // Entries that could not be read keep their names: what refers to them is no mistake of its own.
  for (const name of report.namesAt([...path, 'features'])) {
    if (!types.has(name)) types.set(name, undefined)
  }
  if (types.size === 0)
    report.add([...path, 'features'], 'expected at least one feature, found none')
  return { features, types }
}

/** Ascending. */
export function sortedWindows(windows: readonly number[], path: Path, report: Report): number[] {
  windows.forEach((days, index) => {
    if (windows.indexOf(days) === index || report.isBroken(path)) return
    report.add([...path, index], `expected each window once, found \`${days}d\` again`)
  })
  return [...new Set(windows)].sort((a, b) => a - b)
}

function featureWindows(
  { windows }: FeatureFile,
  path: Path,
  { report, windows: ofView }: FeatureSurroundings,
): number[] {
  if (windows === undefined) return [...ofView]
  const at = [...path, 'windows']
  const viewAt = [...path.slice(0, -2), 'windows']
  windows.forEach((days, index) => {
    if (ofView.includes(days) || report.isBroken(viewAt)) return
    const known = ofView.map((each) => `\`${each}d\``).join(', ')
    const itemAt = report.textAt(at) === undefined ? [...at, index] : at
    report.add(
      itemAt,
      `expected windows of the view (${known}), found \`${days}d\`; add it to \`windows\` of the view`,
    )
  })
  return sortedWindows(windows, at, report)
}

interface ResolvedAggregate {
  readonly kind: AggregateKind
  readonly field: string
  /** Of its columns; undefined where the field is not known. */
  readonly type: ColumnType | undefined
}

function resolveAggregate(
  feature: FeatureFile,
  path: Path,
  { report, fields }: ViewSurroundings,
): ResolvedAggregate | undefined {
  const given = AGGREGATE_KINDS.filter((kind) => feature[kind] !== undefined)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    const found = given.length === 0 ? 'none' : given.map((each) => `\`${each}\``).join(' and ')
    report.add(path, `expected one aggregate (${AGGREGATE_KINDS.join(', ')}), found ${found}`)
    return undefined
  }
  const field = feature[kind] ?? ''
  const at = [...path, kind]
  if (field === '*') {
    if (kind === 'count') return { kind, field, type: createAggregate(kind, undefined).type }
    report.add(at, `expected the name of a field, found "*": only count counts whole records`)
    return undefined
  }
  const type = fields.typeOf(field, at)
  if (type === undefined) return { kind, field, type: undefined }
  const refusal = aggregateRefusal(kind, type)
  if (refusal === undefined) return { kind, field, type: createAggregate(kind, type).type }
  report.add(at, refusal)
  return { kind, field, type: undefined }
}
