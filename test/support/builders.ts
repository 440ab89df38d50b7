/** Small pipelines and records for tests that draw a timeline by hand: what a test does not say has its default. */
import type {
  FeatureDefinition,
  Pipeline,
  TimePolicy,
  ViewDefinition,
} from '../../src/core/definition.ts'
import type { FieldType } from '../../src/core/value.ts'
import type { RawRecord } from './raw-record.ts'

export const DAY_MS = 86_400_000
export const HOUR_MS = 3_600_000

export interface PipelineParts {
  readonly time?: Partial<TimePolicy>
  readonly fields?: Readonly<Record<string, FieldType>>
  readonly views: readonly ViewDefinition[]
  readonly duplicatesWithinMs?: number
}

/** Keyed by `user`; event time `at` in ms, id `id`; no disorder, one day of lateness. */
export function pipelineOf({ time, fields, views, duplicatesWithinMs }: PipelineParts): Pipeline {
  const policy: TimePolicy = {
    zone: 'UTC',
    outOfOrdernessMs: 0,
    allowedLatenessMs: DAY_MS,
    maxFutureMs: 10 * 60_000,
    idleAfterMs: 300_000,
    notBeforeMs: Date.UTC(2000, 0, 1),
    tickHistorical: false,
    ...time,
  }
  const types: Readonly<Record<string, FieldType>> = { user: { kind: 'string' }, ...fields }
  return {
    name: 'test',
    source: {
      log: { kind: 'files', directory: 'log' },
      format: { kind: 'json' },
      key: ['user'],
      fields: Object.entries(types).map(([name, type]) => {
        return { name, type, path: { kind: 'value', segments: [name] } }
      }),
    },
    event: {
      id: { kind: 'value', segments: ['id'] },
      duplicatesWithinMs: duplicatesWithinMs ?? policy.allowedLatenessMs,
      time: { field: { kind: 'value', segments: ['at'] }, format: { kind: 'ms' } },
    },
    time: policy,
    views,
    sinks: {},
    rejects: { directory: 'rejects', limit: 1 },
    commit: { intervalMs: 250, catchUpIntervalMs: 5000, recordsMax: 50_000, bytesMax: 33_554_432 },
    memory: { tilesMax: 200_000, pendingEntitiesMax: 200_000, tableRowsMax: 500_000 },
    state: 'state',
  }
}

export function viewOf(
  windows: readonly number[],
  features: readonly (Omit<FeatureDefinition, 'windows'> & Partial<FeatureDefinition>)[],
  rest: Partial<ViewDefinition> = {},
): ViewDefinition {
  return {
    name: 'activity',
    version: 1,
    entity: ['user'],
    windows,
    features: features.map((feature) => ({ windows, ...feature })),
    derived: [],
    online: 'current',
    ttlMs: 400 * DAY_MS,
    freshnessMs: 60_000,
    tags: {},
    defaults: {},
    hash: 'test',
    ...rest,
  }
}

export const COUNT = { name: 'n', aggregate: 'count', field: '*' } as const

/** Event time in ms of `2024-03-05`, `2024-03-05 13:30`: UTC. */
export function at(text: string): number {
  const [date = '', time = '00:00'] = text.split(' ')
  return Date.parse(`${date}T${time}Z`)
}

/** Days since 1970-01-01. */
export function day(text: string): number {
  return at(text) / DAY_MS
}

/**
 * Records of user `u` (unless said otherwise) at consecutive offsets from 0. Each carries its event time as its own
 * timestamp too.
 */
export function recordsAt(
  events: readonly (string | (Readonly<Record<string, unknown>> & { readonly at: string }))[],
): RawRecord[] {
  return events.map((event, offset) => {
    const { at: text, ...fields } = typeof event === 'string' ? { at: event } : event
    const value = JSON.stringify({ user: 'u', ...fields, at: at(text) })
    return { offset, timestamp: at(text), key: null, value }
  })
}
