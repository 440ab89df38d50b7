/**
 * What changed between two pipelines, and what each change asks for. Pure.
 *
 * A column's meaning may never change under its name and version: such a change is *semantic* and needs a new version of the
 * view. What readers of old columns do not notice (added, renamed, removed) does not. Any change of a value's definition, and
 * of what the whole log is judged by, begins a new generation.
 */
import { isDeepStrictEqual } from 'node:util'
import { canonicalCondition, fieldKey } from '../core/aggregate-key.ts'
import type { Pipeline, ViewDefinition } from '../core/definition.ts'
import { compareFeatures } from './compare-features.ts'
import type { FeatureComparison } from './compare-features.ts'
import { viewKey } from './view-key.ts'

/** What a change asks for: a new version of the view, the next generation, or nothing. */
export type Demand = 'version' | 'generation' | 'nothing'

export interface Change {
  /** Path in the pipeline file. */
  readonly what: string
  readonly demand: Demand
  readonly why: string
}

export interface ViewComparison {
  readonly view: string
  /** `new version`: compared with the newest old one. */
  readonly kind: 'unchanged' | 'changed' | 'new version' | 'added' | 'removed'
  readonly version: { readonly old?: number; readonly new?: number }
  readonly hash: { readonly old?: string; readonly new?: string }
  readonly changes: readonly Change[]
  readonly features: readonly FeatureComparison[]
  /** A semantic change without a new version. */
  readonly needsVersion: boolean
  /** Of a new version: the old one is in the file no longer, so it is not written any more. */
  readonly replacesOld: boolean
}

export interface PipelineComparison {
  readonly changes: readonly Change[]
  readonly views: readonly ViewComparison[]
  readonly needsVersion: boolean
  readonly needsGeneration: boolean
}

export function comparePipelines(old: Pipeline, now: Pipeline): PipelineComparison {
  const changes = pipelineChanges(old, now)
  const views = pairs(old, now).map((pair) => compareView({ ...pair, old, now, changes }))
  const all = [...changes, ...views.flatMap((view) => view.changes)]
  return {
    changes,
    views,
    needsVersion: views.some((view) => view.needsVersion),
    needsGeneration:
      views.some(({ kind }) => kind !== 'unchanged') ||
      all.some(({ demand }) => demand !== 'nothing'),
  }
}

/** Each version with itself; one that is new with the newest old one of its name; then those that are gone. */
function pairs(old: Pipeline, now: Pipeline): Pick<Sides, 'before' | 'after'>[] {
  const paired = now.views.map((after) => ({ before: counterpart(after, old.views), after }))
  const gone = old.views.filter((view) => !paired.some(({ before }) => before === view))
  return [...paired, ...gone.map((before) => ({ before, after: undefined }))]
}

function counterpart(
  { name, version }: ViewDefinition,
  views: readonly ViewDefinition[],
): ViewDefinition | undefined {
  const ofName = views.filter((view) => view.name === name)
  const newestFirst = ofName.toSorted((a, b) => b.version - a.version)
  return newestFirst.find((view) => view.version === version) ?? newestFirst[0]
}

function pipelineChanges(old: Pipeline, now: Pipeline): Change[] {
  const meaning = 'every event may belong to another day or entity'
  // A table that comes or goes is no change of its slots.
  const hasTables = old.sinks.offline !== undefined && now.sinks.offline !== undefined
  const judging = 'records are judged by it: which are accepted changes'
  const rows: readonly (readonly [
    what: string,
    of: (each: Pipeline) => unknown,
    Demand,
    string,
  ])[] = [
    ['name', ({ name }) => name, 'generation', 'state and online values are found under the name'],
    [
      'time.zone',
      ({ time }) => time.zone,
      'version',
      'the days of every tile and row have other bounds',
    ],
    ['source.event.time', ({ event }) => event.time, 'version', meaning],
    ['source.key', keyPlaces, 'version', 'entities are spread over the partitions in another way'],
    ['source.event.id', ({ event }) => event.id, 'generation', judging],
    [
      'source.event.duplicatesWithin',
      ({ event }) => event.duplicatesWithinMs,
      'generation',
      judging,
    ],
    [
      'source.format',
      ({ source }) => formatIdentity(source.format),
      'generation',
      'the records are read in another way',
    ],
    ['source', ({ source }) => logIdentity(source.log), 'generation', 'another log'],
    ['time.outOfOrderness', ({ time }) => time.outOfOrdernessMs, 'generation', judging],
    ['time.allowedLateness', ({ time }) => time.allowedLatenessMs, 'generation', judging],
    ['time.maxFuture', ({ time }) => time.maxFutureMs, 'generation', judging],
    ['time.notBefore', ({ time }) => time.notBeforeMs, 'generation', judging],
    [
      'sinks.offline.slots',
      ({ sinks }) => hasTables && sinks.offline?.slots,
      'generation',
      'the files of a day are split in another way',
    ],
    [
      'time.idleAfter',
      ({ time }) => time.idleAfterMs,
      'nothing',
      'ticks decide only when days are shown as closed',
    ],
    [
      'time.tickHistorical',
      ({ time }) => time.tickHistorical,
      'nothing',
      'ticks decide only when days are shown as closed',
    ],
  ]
  return rows
    .filter(([, of]) => !isDeepStrictEqual(of(old), of(now)))
    .map(([what, , demand, why]) => ({ what, demand, why }))
}

function keyPlaces({ source }: Pipeline): unknown {
  return source.key.map((name) => fieldKey(name, source.fields))
}

function logIdentity(log: Pipeline['source']['log']): unknown {
  return log.kind === 'kafka' ? [log.kind, log.topic] : [log.kind, log.directory]
}

/** Of a registry only that there is one: records name their schema by its id, wherever it is asked for. */
function formatIdentity(format: Pipeline['source']['format']): unknown {
  return format.kind === 'avro-registry' ? format.kind : format
}

interface Sides {
  readonly before: ViewDefinition | undefined
  readonly after: ViewDefinition | undefined
  readonly old: Pipeline
  readonly now: Pipeline
  readonly changes: readonly Change[]
}

function compareView(sides: Sides): ViewComparison {
  const { before, after } = sides
  if (before !== undefined && after !== undefined) return compareBoth(before, after, sides)
  return {
    view: (after ?? before)?.name ?? '',
    kind: before === undefined ? 'added' : 'removed',
    version: { ...(before && { old: before.version }), ...(after && { new: after.version }) },
    hash: { ...(before && { old: before.hash }), ...(after && { new: after.hash }) },
    changes: [],
    features: [],
    needsVersion: false,
    replacesOld: false,
  }
}

function compareBoth(before: ViewDefinition, after: ViewDefinition, sides: Sides): ViewComparison {
  const { old, now } = sides
  const changes = viewChanges(before, after, sides)
  const features = compareFeatures(
    { view: before, fields: old.source.fields },
    { view: after, fields: now.source.fields },
  )
  const isSemantic =
    [...changes, ...sides.changes].some(({ demand }) => demand === 'version') ||
    features.some(({ kind }) => kind === 'semantic')
  const isNewVersion = before.version !== after.version
  const isSame = before.hash === after.hash && !isSemantic
  return {
    view: after.name,
    kind: isNewVersion ? 'new version' : isSame ? 'unchanged' : 'changed',
    version: { old: before.version, new: after.version },
    hash: { old: before.hash, new: after.hash },
    changes,
    features,
    needsVersion: isSemantic && !isNewVersion,
    replacesOld: isNewVersion && !now.views.some((each) => isSameVersion(each, before)),
  }
}

function isSameVersion(a: ViewDefinition, b: ViewDefinition): boolean {
  return a.name === b.name && a.version === b.version
}

function viewChanges(before: ViewDefinition, after: ViewDefinition, { old, now }: Sides): Change[] {
  const path = `views.${viewKey(after, now.views)}`
  const entity = (view: ViewDefinition, { source }: Pipeline): unknown =>
    view.entity.map((name) => [name, fieldKey(name, source.fields)])
  const where = (view: ViewDefinition, { source }: Pipeline): unknown =>
    view.where && canonicalCondition(view.where, source.fields)
  const changes: Change[] = []
  if (!isDeepStrictEqual(entity(before, old), entity(after, now))) {
    changes.push({
      what: `${path}.entity`,
      demand: 'version',
      why: 'the rows are about something else',
    })
  }
  if (!isDeepStrictEqual(where(before, old), where(after, now))) {
    changes.push({
      what: `${path}.where`,
      demand: 'version',
      why: 'every feature counts other records',
    })
  }
  if (!isDeepStrictEqual(before.windows, after.windows)) {
    const why = 'an entity has rows for as many days as the longest window'
    changes.push({ what: `${path}.windows`, demand: 'generation', why })
  }
  if (before.online !== after.online) {
    const why = 'another day is served online; stored tiles answer it'
    changes.push({ what: `${path}.online`, demand: 'generation', why })
  }
  return changes
}
