/**
 * The slow, obvious oracle: from a definition and the whole log it recomputes every sink by the letter of the contract.
 * No state, no batches, no increments: each answer looks at all accepted records again. It shares nothing with the engine
 * but the types of a definition and of an expression; `docs/numbers.md` pins the arithmetic.
 */
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import { dayEnd } from './civil-oracle.ts'
import { fieldsOf, holds } from './condition-oracle.ts'
import { judgePartition } from './judge-oracle.ts'
import type { JudgedRecord, OraclePartition, Outcome } from './judge-oracle.ts'
import type { RawPartition } from './raw-record.ts'
import { cell, columnsOf, rowValues } from './row-oracle.ts'
import type { FoldedRecord, OracleColumn } from './row-oracle.ts'

/** What an accepted record is to a view. */
export type ViewFate = 'folded' | 'missing_key' | 'bad_field' | 'no_entity' | 'filtered'

export interface OracleRow {
  readonly partition: number
  readonly entity: readonly Value[]
  readonly day: number
  /** The instant at which the day ends, ms. */
  readonly eventTimestamp: number
  readonly maxEventTime: number | null
  readonly completeFrom: number
  readonly values: ReadonlyMap<string, Value>
}

export interface OracleTile {
  readonly partition: number
  readonly entity: readonly Value[]
  readonly day: number
  /** Of the last record folded into it. */
  readonly offset: number
  readonly maxEventTime: number
  /** By feature: its aggregate over this day alone. */
  readonly values: ReadonlyMap<string, Value>
}

export interface OracleOnline {
  readonly partition: number
  readonly entity: readonly Value[]
  readonly asOf: number
  readonly isAllEmpty: boolean
  readonly values: ReadonlyMap<string, Value>
  /** Of the version: the last record folded into any tile of the entity. */
  readonly offset: number
  readonly eventTime: number | undefined
  /** First day on which a tile enters or leaves a window that a feature has. */
  readonly nextDay: number | undefined
}

export interface OracleView {
  readonly view: ViewDefinition
  readonly columns: readonly OracleColumn[]
  readonly rows: readonly OracleRow[]
  readonly tiles: readonly OracleTile[]
  readonly online: readonly OracleOnline[]
  readonly fates: ReadonlyMap<ViewFate, number>
}

export interface OracleReject {
  readonly partition: number
  readonly offset: number
  readonly reason:
    | Exclude<Outcome, 'accepted' | 'tombstone' | 'duplicate' | 'amended' | 'healed'>
    | 'missing_key'
    | 'bad_field'
  readonly views: readonly string[]
  /** Of a too-late record: the tiles that it would have reached. */
  readonly late?: {
    readonly day: number
    readonly entities: readonly { readonly view: string; readonly entity: readonly Value[] }[]
  }
}

export interface OracleResult {
  readonly pipeline: Pipeline
  readonly partitions: readonly OraclePartition[]
  readonly views: readonly OracleView[]
  readonly rejects: readonly OracleReject[]
}

export function recompute(pipeline: Pipeline, log: readonly RawPartition[]): OracleResult {
  return recomputeJudged(
    pipeline,
    log.map((partition) => judgePartition(pipeline, partition)),
  )
}

/** What sinks say of judged partitions. */
export function recomputeJudged(
  pipeline: Pipeline,
  partitions: readonly OraclePartition[],
): OracleResult {
  const views = pipeline.views.map((view) => computeView(pipeline, view, partitions))
  return {
    pipeline,
    partitions,
    views,
    rejects: partitions.flatMap((part) => rejectsOf(pipeline, part)),
  }
}

// --- each view takes what it can use (5, 8) ------------------------------------------------------------------------

function fateOf(pipeline: Pipeline, view: ViewDefinition, { fields }: JudgedRecord): ViewFate {
  const used = [
    ...view.entity,
    ...fieldsOf(view.where),
    ...view.features.flatMap(({ field, where }) => [field, ...fieldsOf(where)]),
  ].filter((name) => name !== '*')
  if (pipeline.source.key.some((name) => fields.get(name) === null)) return 'missing_key'
  if (used.some((name) => fields.get(name) === undefined)) return 'bad_field'
  if (view.entity.some((name) => fields.get(name) === null)) return 'no_entity'
  return holds(view.where, fields) ? 'folded' : 'filtered'
}

export function rejectsOf(
  pipeline: Pipeline,
  { partition, judged }: OraclePartition,
): OracleReject[] {
  return judged.flatMap((one): OracleReject[] => {
    const { outcome, record, day } = one
    const fates = pipeline.views.map((view) => ({ view, fate: fateOf(pipeline, view, one) }))
    const at = { partition, offset: record.offset }
    if (outcome === 'tombstone' || outcome === 'duplicate') return []
    // What is healed is in the late ledger, as what it was there.
    if (outcome === 'amended' || outcome === 'healed') return []
    if (outcome === 'too_late' && day !== undefined) {
      const reached = fates.filter(({ fate }) => fate === 'folded')
      const entities = reached.map(({ view }) => ({ view: view.name, entity: entityOf(view, one) }))
      return [{ ...at, reason: outcome, views: [], late: { day, entities } }]
    }
    if (outcome !== 'accepted') return [{ ...at, reason: outcome, views: [] }]
    return (['missing_key', 'bad_field'] as const).flatMap((reason) => {
      const views = fates.filter(({ fate }) => fate === reason).map(({ view }) => view.name)
      return views.length > 0 ? [{ ...at, reason, views }] : []
    })
  })
}

// --- rows, tiles and online values of a view (2, 3, 6) -------------------------------------------------------------

function computeView(
  pipeline: Pipeline,
  view: ViewDefinition,
  partitions: readonly OraclePartition[],
): OracleView {
  const types = new Map(pipeline.source.fields.map(({ name, type }) => [name, type]))
  const fates = new Map<ViewFate, number>()
  const rows: OracleRow[] = []
  const tiles: OracleTile[] = []
  const online: OracleOnline[] = []
  for (const part of partitions) {
    const entities = foldedRecords(pipeline, view, part, (fate) =>
      fates.set(fate, (fates.get(fate) ?? 0) + 1),
    )
    for (const { entity, records } of entities) {
      const known: EntityRecords = { view, types, part, zone: pipeline.time.zone, entity, records }
      rows.push(...rowsOf(known))
      tiles.push(...tilesOf(known))
      online.push(onlineOf(known))
    }
  }
  return { view, columns: columnsOf(view, types), rows, tiles, online, fates }
}

/** By entity, in log order: the accepted records of a partition that the view folds. */
export function foldedRecords(
  pipeline: Pipeline,
  view: ViewDefinition,
  { judged }: OraclePartition,
  onFate: (fate: ViewFate) => void = () => undefined,
): readonly { readonly entity: readonly Value[]; readonly records: readonly FoldedRecord[] }[] {
  const entities = new Map<string, { entity: readonly Value[]; records: FoldedRecord[] }>()
  for (const one of judged.filter(({ outcome }) => ['accepted', 'healed'].includes(outcome))) {
    const fate = fateOf(pipeline, view, one)
    onFate(fate)
    const { record, eventTime, day, fields } = one
    if (fate !== 'folded' || eventTime === undefined || day === undefined) continue
    const entity = entityOf(view, one)
    const known = entities.get(entity.map(String).join('\u0000'))
    const records = known?.records ?? []
    records.push({ offset: record.offset, eventTime, day, fields })
    if (known === undefined) entities.set(entity.map(String).join('\u0000'), { entity, records })
  }
  return [...entities.values()]
}

function entityOf(view: ViewDefinition, { fields }: JudgedRecord): Value[] {
  return view.entity.map((name) => fields.get(name) ?? null)
}

interface EntityRecords {
  readonly view: ViewDefinition
  readonly types: ReadonlyMap<string, FieldType>
  readonly part: OraclePartition
  readonly zone: string
  readonly entity: readonly Value[]
  /** In log order. */
  readonly records: readonly FoldedRecord[]
}

function longest(view: ViewDefinition): number {
  return Math.max(...view.windows)
}

/** Records of the longest window as of a day. */
function inWindow({ view, records }: EntityRecords, asOf: number): FoldedRecord[] {
  return records.filter(({ day }) => day > asOf - longest(view) && day <= asOf)
}

function newestEvent(records: readonly FoldedRecord[]): number | undefined {
  return records.length === 0 ? undefined : Math.max(...records.map(({ eventTime }) => eventTime))
}

/** Every closed day with a non-empty longest window, and the first day on which it is empty again. */
function rowsOf(known: EntityRecords): OracleRow[] {
  const { view, types, part, zone, entity, records } = known
  const rows: OracleRow[] = []
  const firstDay = Math.min(...records.map(({ day }) => day))
  for (let day = firstDay; day <= (part.closedDay ?? -Infinity); day += 1) {
    const isEmpty = inWindow(known, day).length === 0
    const wasEmpty = inWindow(known, day - 1).length === 0
    if (isEmpty && wasEmpty) continue
    rows.push({
      partition: part.partition,
      entity,
      day,
      eventTimestamp: dayEnd(zone, day),
      maxEventTime: newestEvent(inWindow(known, day)) ?? null,
      completeFrom: part.completeFrom ?? NaN,
      values: rowValues({ view, types, records }, day),
    })
  }
  return rows
}

function tilesOf({ view, types, part, entity, records }: EntityRecords): OracleTile[] {
  const closedDay = part.closedDay ?? -Infinity
  const days = [...new Set(records.map(({ day }) => day))].filter((day) => day <= closedDay)
  return days.map((day) => {
    const inDay = records.filter((record) => record.day === day)
    const values = new Map(
      view.features.map((feature) => [feature.name, cell(feature, types, records, [day])]),
    )
    const offset = Math.max(...inDay.map((record) => record.offset))
    return {
      partition: part.partition,
      entity,
      day,
      offset,
      maxEventTime: newestEvent(inDay) ?? NaN,
      values,
    }
  })
}

function onlineOf(known: EntityRecords): OracleOnline {
  const { view, types, part, entity, records } = known
  const closedDay = part.closedDay ?? -Infinity
  const newestDay = Math.max(...records.map(({ day }) => day))
  const asOf = view.online === 'current' ? Math.max(newestDay, closedDay + 1) : closedDay
  const windows = view.features.flatMap((feature) => feature.windows)
  const changes = records
    .flatMap(({ day }) => [day, ...windows.map((days) => day + days)])
    .filter((day) => day > asOf)
  return {
    partition: part.partition,
    entity,
    asOf,
    isAllEmpty: inWindow(known, asOf).length === 0,
    values: rowValues({ view, types, records }, asOf),
    offset: Math.max(...records.map(({ offset }) => offset)),
    eventTime: newestEvent(inWindow(known, asOf)),
    nextDay: changes.length === 0 ? undefined : Math.min(...changes),
  }
}
