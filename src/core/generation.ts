/**
 * The record of a generation: everything beside the log that the content of the sinks is a function of. Written
 * once, beside the tables, and never changed; any change of it is the next generation.
 */
import { canonicalCondition, fieldKey } from './aggregate-key.ts'
import type { DayIndex } from './day.ts'
import type { Pipeline } from './definition.ts'
import { formatExpression } from './expression.ts'
import type { ViewPlan } from './view-plan.ts'

/** Raised whenever the same log and record would give other content by another version of the engine. */
export const SEMANTICS = 1

export interface GenerationRecord {
  readonly generation: number
  readonly pipeline: string
  readonly semantics: number
  readonly zoneData: string
  readonly policy: Policy
  /** Hash slots of a (view, day, partition). */
  readonly slots: number
  /** In the order of their numbers in states. */
  readonly views: readonly RecordedView[]
  /** Identity of the log, where the log as a whole has one (Kafka: the topic's id). */
  readonly log?: string
  /** Where reading began. */
  readonly segments: readonly { readonly partition: number; readonly origin: number }[]
  /**
   * Partitions were added: the states of the generation at its origins are those of the old partitions, regrouped by entity. Later
   * generations keep it.
   */
  readonly regrouped?: Regrouped
  /** Ascending by (partition, offset); those of earlier generations hold on. */
  readonly amendments: readonly Amendment[]
  /** How owners of partitions come into this generation; absent: with their own states, which go on. */
  readonly handOver?: HandOver
}

/** How states of old partitions became those of the segments. See docs/semantics.md, partitions that were added. */
export interface Regrouped {
  /** Where an entity lives: `Partitioner.name`, of the text of `source.key`. */
  readonly partitioner: string
  /** The old partitions, with their ends: the first offset of each that they do not count. */
  readonly from: readonly { readonly partition: number; readonly end: number }[]
  /** Rows and tiles of this day and later ones lie in the new partitions, those before it where they always were. */
  readonly first: DayIndex
  /** Days up to it were closed before, by the log or by a tick; absent where none was. */
  readonly closedDay?: DayIndex
}

/** What a generation changes about single records of the log. */
export type Amendment =
  /** As if the log did not have it: a poisoned timestamp. */
  | { readonly kind: 'drop'; readonly partition: number; readonly offset: number }
  /** Came too late, and is folded all the same when the log closes its bucket. Its bytes are kept beside the records. */
  | {
      readonly kind: 'accept'
      readonly partition: number
      readonly offset: number
      readonly day: DayIndex
    }

export type HandOver = HandOverWay & {
  /** What made the generation; absent in those that no replay did. */
  readonly by?: { readonly did: 'publish' | 'rollback'; readonly replay: string }
}

type HandOverWay =
  /** Owners replace their states by those of a replay or a rollback, and read on from there. */
  | {
      readonly kind: 'states'
      /** Where they are: `replays/ID`, or `replaced/GENERATION`. */
      readonly place: string
      readonly partitions: readonly { readonly partition: number; readonly offset: number }[]
      /** Partitions of which days closed by the generations before count for nothing: a watermark that was reset had closed them. */
      readonly forgetsDays?: readonly number[]
    }
  /** Owners go on with their own states; what rows of these days say is the replay's business, not theirs any more. */
  | {
      readonly kind: 'own'
      readonly days: { readonly first: DayIndex; readonly last: DayIndex }
      /** Last day of each partition that the replay has closed, where days of it lie behind: those it says nothing of. */
      readonly closed?: readonly { readonly partition: number; readonly day: DayIndex }[]
      /** By title, where it is not all: other views are their owners' alone. */
      readonly views?: readonly string[]
    }

/** What decides about records before any view sees them. */
export interface Policy {
  readonly zone: string
  readonly outOfOrdernessMs: number
  readonly allowedLatenessMs: number
  readonly maxFutureMs: number
  readonly notBeforeMs: number
  readonly duplicatesWithinMs: number
  readonly event: string
  readonly key: readonly string[]
  readonly format: string
}

export interface RecordedView {
  readonly name: string
  readonly version: number
  readonly hash: string
  /** Hashes of earlier generations with the day before which rows carry them; ascending. */
  readonly earlier: readonly { readonly hash: string; readonly before: DayIndex }[]
  /** Entity and filter, canonical: what cannot change within a version. */
  readonly base: string
  readonly longestWindow: number
  /** Keys of the aggregates that tiles hold. */
  readonly aggregates: readonly string[]
  readonly columns: Readonly<Record<string, RecordedColumn>>
}

export interface RecordedColumn {
  /** What it computes, canonical. */
  readonly meaning: string
  /** Added later: rows of earlier days have null. */
  readonly since?: DayIndex
}

export function recordOf(
  pipeline: Pipeline,
  views: readonly ViewPlan[],
  parts: {
    readonly generation: number
    readonly zoneData: string
    readonly origins: readonly number[]
    readonly log: string | undefined
  },
): GenerationRecord {
  return {
    generation: parts.generation,
    pipeline: pipeline.name,
    semantics: SEMANTICS,
    zoneData: pipeline.time.zone === 'UTC' ? 'none' : parts.zoneData,
    policy: policyOf(pipeline),
    slots: pipeline.sinks.offline?.slots ?? 1,
    views: views.map((view) => recordedView(pipeline, view)),
    ...(parts.log === undefined ? {} : { log: parts.log }),
    segments: parts.origins.map((origin, partition) => ({ partition, origin })),
    amendments: [],
  }
}

/** As it is stored. */
export function recordText(record: GenerationRecord): string {
  return `${JSON.stringify(record, undefined, 2)}\n`
}

function policyOf({ time, event, source }: Pipeline): Policy {
  return {
    zone: time.zone,
    outOfOrdernessMs: time.outOfOrdernessMs,
    allowedLatenessMs: time.allowedLatenessMs,
    maxFutureMs: time.maxFutureMs,
    notBeforeMs: time.notBeforeMs,
    duplicatesWithinMs: event.id === undefined ? 0 : event.duplicatesWithinMs,
    event: JSON.stringify([event.id ?? null, event.time]),
    key: source.key,
    format: source.format.kind,
  }
}

function recordedView({ source: { fields } }: Pipeline, view: ViewPlan): RecordedView {
  const { definition } = view
  const { name, version, hash, where } = definition
  const entity = definition.entity.map((field) => [field, fieldKey(field, fields)])
  const columns: Record<string, RecordedColumn> = {}
  for (const column of view.features) {
    if (column.kind === 'derived') {
      const { derived, window } = column
      const text = formatExpression(derived.expression)
      columns[column.name] = { meaning: JSON.stringify([text, window ?? null]) }
    } else {
      const key = view.layout.placed[column.aggregate]?.key ?? ''
      const meaning = JSON.stringify([key, view.windows[column.window]])
      const { since } = column.feature
      columns[column.name] = { meaning, ...(since === undefined ? {} : { since }) }
    }
  }
  return {
    name,
    version,
    hash,
    earlier: [],
    base: JSON.stringify([entity, where ? canonicalCondition(where, fields) : null]),
    longestWindow: view.longestWindow,
    aggregates: view.layout.placed.map(({ key }) => key),
    columns,
  }
}

/** Differences that one generation cannot span, in words; empty where the run may go on. Views are compared apart. */
export function policyDifferences(stored: GenerationRecord, wanted: GenerationRecord): string[] {
  const differences: string[] = []
  const compare = (name: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) !== JSON.stringify(b)) {
      differences.push(`${name}: was ${JSON.stringify(a)}, is now ${JSON.stringify(b)}`)
    }
  }
  compare('pipeline', stored.pipeline, wanted.pipeline)
  compare('semantics of the engine', stored.semantics, wanted.semantics)
  compare('time zone data', stored.zoneData, wanted.zoneData)
  compare('sinks.offline.slots', stored.slots, wanted.slots)
  for (const name of Object.keys(wanted.policy) as (keyof Policy)[]) {
    compare(POLICY_KEYS[name], stored.policy[name], wanted.policy[name])
  }
  return differences
}

/** Where each part of the policy is written in a pipeline file. */
const POLICY_KEYS: Readonly<Record<keyof Policy, string>> = {
  zone: 'time.zone',
  outOfOrdernessMs: 'time.outOfOrderness (ms)',
  allowedLatenessMs: 'time.allowedLateness (ms)',
  maxFutureMs: 'time.maxFuture (ms)',
  notBeforeMs: 'time.notBefore (ms)',
  duplicatesWithinMs: 'source.event.duplicatesWithin (ms)',
  event: 'source.event',
  key: 'source.key',
  format: 'source.format',
}
