/** Features of two definitions of one view: per name what became of it, and whether stored tiles can answer what is new. */
import { aggregateKey } from '../core/aggregate-key.ts'
import { namesOf } from '../core/expression.ts'
import type { Expression } from '../core/expression.ts'
import type { FeatureDefinition, FieldDefinition, ViewDefinition } from '../core/definition.ts'

export interface FeatureComparison {
  readonly feature: string
  readonly of: 'aggregate' | 'derived'
  readonly kind: 'unchanged' | 'additive' | 'renamed' | 'semantic' | 'removed'
  /** Its name before, where it was renamed. */
  readonly was?: string
  /** Columns that there were not, and that there are no longer. */
  readonly columnsAdded: readonly string[]
  readonly columnsRemoved: readonly string[]
  /** Of what is added: whether the tiles that the state holds already can answer it, without a backfill. */
  readonly answeredByTiles?: boolean
  readonly why: string
}

export interface Side {
  readonly view: ViewDefinition
  readonly fields: readonly FieldDefinition[]
}

/** What a feature is, whatever it and its features are called. */
interface Known {
  readonly name: string
  readonly of: 'aggregate' | 'derived'
  readonly meaning: string
  readonly windows: readonly (number | undefined)[]
  /** Keys of the aggregates that it is computed from. */
  readonly aggregates: readonly string[]
  /** Longest window that it reads, days. */
  readonly reach: number
}

export function compareFeatures(old: Side, now: Side): FeatureComparison[] {
  const before = knownOf(old)
  const after = knownOf(now)
  const vanished = before.filter(({ name }) => !after.some((each) => each.name === name))
  const tiles = {
    keys: new Set(old.view.features.map((feature) => aggregateKey(feature, old.fields))),
    days: Math.max(...old.view.windows),
  }
  const renamed = new Set<Known>()
  const compared = after.map((each) => {
    const same = before.find(({ name }) => name === each.name)
    if (same !== undefined) return compareSame(same, each, tiles)
    const was = vanished.find((other) => isRenaming(other, each) && !renamed.has(other))
    if (was === undefined) return added(each, tiles)
    renamed.add(was)
    return renaming(was, each)
  })
  const gone = vanished.filter((each) => !renamed.has(each)).map(removed)
  return [...compared, ...gone]
}

function knownOf({ view, fields }: Side): Known[] {
  const features = view.features.map((feature): Known => {
    const key = aggregateKey(feature, fields)
    return {
      name: feature.name,
      of: 'aggregate',
      meaning: JSON.stringify([key, feature.since ?? null]),
      windows: feature.windows,
      aggregates: [key],
      reach: Math.max(...feature.windows),
    }
  })
  const derived = view.derived.map(({ name, expression, columns }): Known => {
    const used = namesOf(expression).flatMap((each) => usedFeature(each, view.features) ?? [])
    const windows = columns.map(({ window }) => window)
    return {
      name,
      of: 'derived',
      meaning: meaningOf(expression, { view, fields }),
      windows,
      aggregates: used.map(({ feature }) => aggregateKey(feature, fields)),
      reach: Math.max(...used.map(({ days }) => days ?? 0), ...windows.map((days) => days ?? 0)),
    }
  })
  return [...features, ...derived]
}

function usedFeature(
  name: string,
  features: readonly FeatureDefinition[],
): { feature: FeatureDefinition; days: number | undefined } | undefined {
  const [, stem = '', days = ''] = /^(.+)_(\d+)d$/.exec(name) ?? []
  const suffixed = features.find(
    (each) => each.name === stem && each.windows.includes(Number(days)),
  )
  if (suffixed !== undefined) return { feature: suffixed, days: Number(days) }
  const feature = features.find((each) => each.name === name)
  return feature && { feature, days: undefined }
}

/** The tree without its places in the text, names replaced by what they stand for. */
function meaningOf(expression: Expression, { view, fields }: Side): string {
  return JSON.stringify(expression, (key, value: unknown) => {
    if (key === 'at') return undefined
    const isName =
      typeof value === 'object' && value !== null && Reflect.get(value, 'kind') === 'name'
    if (!isName) return value
    const used = usedFeature(String(Reflect.get(value, 'name')), view.features)
    return (
      used && [aggregateKey(used.feature, fields), used.feature.since ?? null, used.days ?? null]
    )
  })
}

interface Tiles {
  readonly keys: ReadonlySet<string>
  /** Days that tiles are kept for. */
  readonly days: number
}

/** Why tiles cannot answer; undefined where they can. */
function tilesLack(
  { aggregates, reach }: Pick<Known, 'aggregates' | 'reach'>,
  tiles: Tiles,
): string | undefined {
  if (!aggregates.every((key) => tiles.keys.has(key)))
    return 'stored tiles do not hold this aggregate'
  if (reach > tiles.days) return `stored tiles reach back ${tiles.days} days`
  return undefined
}

function columnsOf({ name, windows }: Pick<Known, 'name' | 'windows'>): string[] {
  return windows.map((days) => (days === undefined ? name : `${name}_${days}d`))
}

function compareSame(old: Known, now: Known, tiles: Tiles): FeatureComparison {
  const base = { feature: now.name, of: now.of }
  const before = columnsOf(old)
  const after = columnsOf(now)
  const columnsAdded = after.filter((column) => !before.includes(column))
  const columnsRemoved = before.filter((column) => !after.includes(column))
  if (old.of !== now.of || old.meaning !== now.meaning) {
    const why =
      'the same name has another meaning: give the view a new version, or the feature another name'
    return { ...base, kind: 'semantic', columnsAdded, columnsRemoved, why }
  }
  if (columnsAdded.length > 0) {
    return { ...base, kind: 'additive', columnsAdded, columnsRemoved, ...addition(now, tiles) }
  }
  if (columnsRemoved.length > 0) {
    return {
      ...base,
      kind: 'removed',
      columnsAdded,
      columnsRemoved,
      why: 'its columns are no longer written',
    }
  }
  return { ...base, kind: 'unchanged', columnsAdded, columnsRemoved, why: 'means the same' }
}

function added(now: Known, tiles: Tiles): FeatureComparison {
  const { name: feature, of } = now
  const columnsAdded = columnsOf(now)
  return {
    feature,
    of,
    kind: 'additive',
    columnsAdded,
    columnsRemoved: [],
    ...addition(now, tiles),
  }
}

function addition(now: Known, tiles: Tiles): { answeredByTiles: boolean; why: string } {
  const lack = tilesLack(now, tiles)
  return lack === undefined
    ? { answeredByTiles: true, why: 'stored tiles answer it: no backfill' }
    : {
        answeredByTiles: false,
        why: `${lack}: backfill, or give the first day it holds for as \`since\``,
      }
}

function isRenaming(old: Known, now: Known): boolean {
  return (
    old.of === now.of &&
    old.meaning === now.meaning &&
    now.windows.every((days) => old.windows.includes(days))
  )
}

function renaming(old: Known, now: Known): FeatureComparison {
  return {
    feature: now.name,
    of: now.of,
    kind: 'renamed',
    was: old.name,
    columnsAdded: columnsOf(now),
    columnsRemoved: columnsOf(old),
    answeredByTiles: true,
    why: `means what \`${old.name}\` meant; readers of that name find it no longer`,
  }
}

function removed(old: Known): FeatureComparison {
  const { name: feature, of } = old
  const why = 'its columns are no longer written'
  return { feature, of, kind: 'removed', columnsAdded: [], columnsRemoved: columnsOf(old), why }
}
