/**
 * A resolved pipeline as plain JSON for people: what the defaults became, durations readable, values as they are written,
 * and no secrets.
 */
import type { Condition, FieldDefinition, Pipeline, ViewDefinition } from '../core/definition.ts'
import { formatDay } from '../core/day.ts'
import { formatInstant } from '../core/instant.ts'
import { formatValue } from '../core/text.ts'
import { typeName } from '../core/value.ts'
import type { Value } from '../core/value.ts'
import { locationText } from '../storage/location.ts'
import { describeGates } from './describe-gates.ts'
import {
  describeCheckpoints,
  describeHttp,
  describeLog,
  describeOnline,
  describeS3,
} from './describe-places.ts'
import type { Json } from './describe-places.ts'
import { formatFieldPath } from './field-type.ts'
import { withoutPassword } from './secret.ts'
import { formatDuration, formatShare, formatSize } from './units.ts'
import { viewKey } from './view-key.ts'

export function describePipeline(pipeline: Pipeline): Json {
  const { name, source, event, time, sinks, rejects, commit, memory, http } = pipeline
  const { state, checkpoints } = pipeline
  return {
    name,
    source: {
      ...describeLog(source.log),
      ...describeFormat(source.format),
      key: source.key,
      fields: Object.fromEntries(
        source.fields.map((field) => [
          field.name,
          { path: formatFieldPath(field.path), type: typeName(field.type) },
        ]),
      ),
      event: {
        ...(event.id && {
          id: formatFieldPath(event.id),
          duplicatesWithin: formatDuration(event.duplicatesWithinMs),
        }),
        time: {
          field: formatFieldPath(event.time.field),
          format: describeTimeFormat(event.time.format),
        },
      },
    },
    time: describeTime(time),
    views: describeViews(pipeline),
    sinks: {
      ...(sinks.online && { online: describeOnline(sinks.online) }),
      ...(sinks.offline && {
        offline: {
          delta: locationText(sinks.offline.location),
          slots: sinks.offline.slots,
          correctionsEvery: formatDuration(sinks.offline.correctionsEveryMs),
        },
      }),
    },
    state,
    ...(checkpoints && { checkpoints: describeCheckpoints(checkpoints) }),
    ...describeS3(pipeline),
    rejects: {
      ...(rejects.topic === undefined ? { files: rejects.directory } : { topic: rejects.topic }),
      limit: formatShare(rejects.limit),
    },
    commit: {
      interval: formatDuration(commit.intervalMs),
      catchUpInterval: formatDuration(commit.catchUpIntervalMs),
      records: commit.recordsMax,
      bytes: formatSize(commit.bytesMax),
    },
    memory: {
      tiles: memory.tilesMax,
      pendingEntities: memory.pendingEntitiesMax,
      tableRows: memory.tableRowsMax,
    },
    ...(http && { http: describeHttp(http) }),
  }
}

function describeTime(time: Pipeline['time']): Json {
  return {
    zone: time.zone,
    outOfOrderness: formatDuration(time.outOfOrdernessMs),
    allowedLateness: formatDuration(time.allowedLatenessMs),
    maxFuture: formatDuration(time.maxFutureMs),
    idleAfter: formatDuration(time.idleAfterMs),
    notBefore: formatInstant(time.notBeforeMs),
    tickHistorical: time.tickHistorical,
  }
}

function describeFormat(format: Pipeline['source']['format']): Record<string, Json> {
  switch (format.kind) {
    case 'json':
      return { format: 'json' }
    case 'avro': {
      const { name, namespace } = format.schema as { name?: string; namespace?: string }
      return { avro: namespace === undefined ? (name ?? null) : `${namespace}.${name ?? ''}` }
    }
    case 'avro-registry':
      return { avro: { registry: withoutPassword(format.registry), subject: format.subject } }
  }
}

function describeTimeFormat(format: Pipeline['event']['time']['format']): Json {
  return format.kind === 'pattern' ? { pattern: format.pattern, zone: format.zone } : format.kind
}

function describeViews({ views, source }: Pipeline): Json {
  return Object.fromEntries(
    views.map((view) => [viewKey(view, views), describeView(view, source.fields)]),
  )
}

function describeView(view: ViewDefinition, fields: readonly FieldDefinition[]): Json {
  const days = (windows: readonly number[]): Json => windows.map((each) => `${each}d`)
  const where = (condition: Condition | undefined): Record<string, Json> =>
    condition === undefined ? {} : { where: describeCondition(condition, fields) }
  return {
    version: view.version,
    hash: view.hash,
    entity: view.entity,
    ...where(view.where),
    windows: days(view.windows),
    features: Object.fromEntries(
      view.features.map((feature) => [
        feature.name,
        {
          [feature.aggregate]: feature.field,
          ...where(feature.where),
          windows: days(feature.windows),
          ...(feature.description !== undefined && { description: feature.description }),
          ...(feature.since !== undefined && { since: formatDay(feature.since) }),
        },
      ]),
    ),
    derived: Object.fromEntries(
      view.derived.map(({ name, text, type, columns, description }) => [
        name,
        {
          expression: text,
          type,
          columns: columns.map((column) => column.name),
          ...(description !== undefined && { description }),
        },
      ]),
    ),
    online: view.online,
    ttl: formatDuration(view.ttlMs),
    freshness: formatDuration(view.freshnessMs),
    ...(view.joinTtlMs !== undefined && { joinTtl: formatDuration(view.joinTtlMs) }),
    ...(view.owner !== undefined && { owner: view.owner }),
    ...(view.description !== undefined && { description: view.description }),
    tags: view.tags,
    defaults: Object.fromEntries(
      Object.entries(view.defaults).map(([column, value]) => [
        column,
        typeof value === 'bigint' ? String(value) : value,
      ]),
    ),
    ...(view.gates && { validate: describeGates(view.gates) }),
  }
}

/** As a file would have it, values as text where JSON has no exact form for them. */
export function describeCondition(condition: Condition, fields: readonly FieldDefinition[]): Json {
  const show = (name: string, value: Value): Json => {
    const type = fields.find((field) => field.name === name)?.type
    if (typeof value === 'boolean') return value
    if (value === null || type === undefined) return String(value)
    return typeof value === 'number' && ['int32', 'int64', 'double'].includes(type.kind)
      ? value
      : formatValue(value, type)
  }
  switch (condition.kind) {
    case 'compare':
      return { [condition.field]: { [condition.op]: show(condition.field, condition.value) } }
    case 'in':
      return {
        [condition.field]: { in: condition.values.map((value) => show(condition.field, value)) },
      }
    case 'present':
      return { [condition.field]: { present: true } }
    case 'not':
      return { not: describeCondition(condition.of, fields) }
    default:
      return { [condition.kind]: condition.of.map((each) => describeCondition(each, fields)) }
  }
}
