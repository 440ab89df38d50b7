/**
 * Compares what real sinks hold with what the oracle says they must, value for value, and tells every difference as a line
 * that a person can read: where, what was expected, what is there.
 */
import type { Pipeline } from '../../src/core/definition.ts'
import type { FieldType, Value } from '../../src/core/value.ts'
import type { OracleOnline, OracleResult, OracleView } from './oracle.ts'
import type { OracleColumn } from './row-oracle.ts'

const DAY_MS = 86_400_000

/** Read back from the sinks. Decimals are unscaled integers, instants ms, days counted from 1970. */
export interface ActualSinks {
  /** By name of the view; every row that a reader of the table sees. */
  readonly rows: ReadonlyMap<string, readonly ActualRow[]>
  readonly tiles: ReadonlyMap<string, readonly ActualTile[]>
  readonly online: ReadonlyMap<string, readonly ActualOnline[]>
  readonly rejects: readonly ActualReject[]
}

export interface ActualRow {
  readonly entity: readonly Value[]
  /** Of the directory, `ds=`. */
  readonly day: number
  readonly eventTimestamp: number
  readonly maxEventTime: number | null
  readonly completeFrom: number
  readonly values: ReadonlyMap<string, Value>
}

export interface ActualTile {
  readonly entity: readonly Value[]
  readonly day: number
  readonly offset: number
  readonly maxEventTime: number
  readonly values: ReadonlyMap<string, Value>
}

export interface ActualOnline {
  /** As in the store's key. */
  readonly entity: string
  /** Text per feature that is not null. None at all: the all-empty value. */
  readonly fields: ReadonlyMap<string, string>
  readonly offset: number
  readonly eventTime: number | undefined
  readonly nextDay: number | undefined
}

export interface ActualReject {
  readonly partition: number
  readonly offset: number
  readonly reason: string
  readonly views: readonly string[]
  readonly late?: {
    readonly day: number
    readonly entities: readonly { readonly view: string; readonly entity: string }[]
  }
}

/** One line per difference; empty where the sinks are what the log says. */
export function sinkDifferences(oracle: OracleResult, actual: ActualSinks): string[] {
  const perView = oracle.views.flatMap((one) => {
    const { name } = one.view
    return [
      ...compareRows(oracle.pipeline, one, actual.rows.get(name) ?? []),
      ...compareTiles(oracle.pipeline, one, actual.tiles.get(name) ?? []),
      ...compareOnline(oracle.pipeline, one, actual.online.get(name) ?? []),
    ]
  })
  return [...perView, ...compareRejects(oracle, actual.rejects)]
}

type Cells = ReadonlyMap<string, unknown>

function compareRows(
  pipeline: Pipeline,
  { view, rows }: OracleView,
  actual: readonly ActualRow[],
): string[] {
  const place = (row: { entity: readonly Value[]; day: number }): string =>
    `${view.name} table ${dayText(row.day)} ${entityText(pipeline, view.entity, row.entity)}`
  const cells = (row: ActualRow): Cells =>
    new Map<string, unknown>([
      ...row.values,
      ['event_timestamp', row.eventTimestamp],
      ['_max_event_time', row.maxEventTime],
      ['_complete_from', row.completeFrom],
    ])
  return compareMaps(keyed(rows, place, cells), keyed(actual, place, cells))
}

function compareTiles(
  pipeline: Pipeline,
  { view, tiles }: OracleView,
  actual: readonly ActualTile[],
): string[] {
  const place = (tile: { entity: readonly Value[]; day: number }): string =>
    `${view.name} tiles ${dayText(tile.day)} ${entityText(pipeline, view.entity, tile.entity)}`
  const cells = (tile: ActualTile): Cells =>
    new Map<string, unknown>([
      ...tile.values,
      ['_offset', tile.offset],
      ['_max_event_time', tile.maxEventTime],
    ])
  return compareMaps(keyed(tiles, place, cells), keyed(actual, place, cells))
}

/** An absent value is the all-empty one. */
function compareOnline(
  pipeline: Pipeline,
  { view, columns, online }: OracleView,
  actual: readonly ActualOnline[],
): string[] {
  const place = (entity: string): string => `${view.name} online ${entity}`
  const expected = new Map(
    online.map((value) => [place(entityText(pipeline, view.entity, value.entity)), value]),
  )
  const found = keyed(
    actual,
    ({ entity }) => place(entity),
    (value) => onlineCells(value, columns, expected.get(place(value.entity))),
  )
  const wanted = [...expected].filter(([key, value]) => !value.isAllEmpty || found.cells.has(key))
  const cells = new Map(wanted.map(([key, value]) => [key, expectedOnline(value)]))
  return compareMaps({ cells, twice: [] }, found)
}

function expectedOnline(value: OracleOnline): Cells {
  return new Map<string, unknown>([
    ...value.values,
    ['offset of _version', value.offset],
    ['_event_time', value.eventTime],
    ['_next', value.nextDay],
  ])
}

function onlineCells(
  value: ActualOnline,
  columns: readonly OracleColumn[],
  expected: OracleOnline | undefined,
): Cells {
  const isAllEmpty = value.fields.size === 0 && expected?.isAllEmpty === true
  // The same as no value. After a loss it is told at the position of the partition, the state having forgotten the last record; and
  // by an owner that has not come so far at an earlier record, where those before it had nothing to tell any more.
  const isForgotten =
    expected?.isAllEmpty === true && expected.nextDay === undefined && value.eventTime === undefined
  const features = columns.map((column) => {
    const text = value.fields.get(column.name)
    if (isAllEmpty) return [column.name, expected.values.get(column.name)] as const
    return [column.name, text === undefined ? null : parseOnlineText(text, column)] as const
  })
  const unknown = [...value.fields].filter(
    ([name]) => !columns.some((column) => column.name === name),
  )
  return new Map<string, unknown>([
    ...features,
    ...unknown,
    ['offset of _version', isForgotten ? expected.offset : value.offset],
    ['_event_time', value.eventTime],
    ['_next', value.nextDay],
  ])
}

function compareRejects(
  { pipeline, rejects }: OracleResult,
  actual: readonly ActualReject[],
): string[] {
  const place = (one: { partition: number; offset: number }): string =>
    `rejects [${one.partition}]@${one.offset}`
  const entityOf = (view: string, entity: readonly Value[]): string => {
    const fields = pipeline.views.find(({ name }) => name === view)?.entity ?? []
    return entityText(pipeline, fields, entity)
  }
  const expected = keyed(rejects, place, ({ reason, views, late }) =>
    rejectCells(
      reason,
      views,
      late?.day,
      late?.entities.map(({ view, entity }) => `${view} ${entityOf(view, entity)}`),
    ),
  )
  const found = keyed(actual, place, ({ reason, views, late }) =>
    rejectCells(
      reason,
      views,
      late?.day,
      late?.entities.map(({ view, entity }) => `${view} ${entity}`),
    ),
  )
  return compareMaps(expected, found)
}

function rejectCells(
  reason: string,
  views: readonly string[],
  day: number | undefined,
  entities: readonly string[] | undefined,
): Cells {
  return new Map<string, unknown>([
    ['reason', reason],
    ['views', [...views].sort().join(' ')],
    ['late day', day],
    ['late entities', entities && [...entities].sort().join(', ')],
  ])
}

// --- maps of cells -------------------------------------------------------------------------------------------------

interface Keyed {
  readonly cells: ReadonlyMap<string, Cells>
  /** Places that were there more than once. */
  readonly twice: readonly string[]
}

function keyed<Item>(
  items: readonly Item[],
  place: (item: Item) => string,
  cellsOf: (item: Item) => Cells,
): Keyed {
  const cells = new Map<string, Cells>()
  const twice: string[] = []
  for (const item of items) {
    const key = place(item)
    if (cells.has(key)) twice.push(key)
    cells.set(key, cellsOf(item))
  }
  return { cells, twice }
}

function compareMaps(expected: Keyed, actual: Keyed): string[] {
  const twice = actual.twice.map((key) => `${key}: there more than once`)
  const missing = [...expected.cells.keys()]
    .filter((key) => !actual.cells.has(key))
    .map((key) => `${key}: missing`)
  const extra = [...actual.cells.keys()]
    .filter((key) => !expected.cells.has(key))
    .map((key) => `${key}: should not be there`)
  const changed = [...expected.cells].flatMap(([key, cells]) => {
    const found = actual.cells.get(key)
    return found === undefined ? [] : compareCells(key, cells, found)
  })
  return [...twice, ...missing, ...extra, ...changed]
}

function compareCells(place: string, expected: Cells, actual: Cells): string[] {
  const names = new Set([...expected.keys(), ...actual.keys()])
  return [...names].flatMap((name) => {
    const [want, have] = [expected.get(name), actual.get(name)]
    if (isSame(want, have)) return []
    return [`${place}: ${name} expected ${show(want)}, received ${show(have)}`]
  })
}

/** A bigint and a number are the same where they are the same integer; -0 is not 0. */
function isSame(a: unknown, b: unknown): boolean {
  const [left, right] = [a, b].map((value) => (isSafe(value) ? Number(value) : value))
  return Object.is(left, right)
}

function isSafe(value: unknown): value is bigint {
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value))
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

// --- text forms ----------------------------------------------------------------------------------------------------

function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** As in keys: joined by `|`, with `%`, `|` and `:` percent-encoded. */
export function entityText(
  pipeline: Pipeline,
  fields: readonly string[],
  entity: readonly Value[],
): string {
  return entity
    .map((value, index) => {
      const type = pipeline.source.fields.find(({ name }) => name === fields[index])?.type
      return valueText(value, type ?? { kind: 'string' }).replace(/[%|:]/g, encodeURIComponent)
    })
    .join('|')
}

/** As in the online store: what `parseOnlineText` reads. */
export function onlineText(value: Value, { kind, scale }: OracleColumn): string {
  return valueText(value, kind === 'decimal' ? { kind, precision: 38, scale } : { kind })
}

function valueText(value: Value, type: FieldType): string {
  if (type.kind === 'date') return dayText(Number(value))
  if (type.kind === 'timestamp') return new Date(Number(value)).toISOString()
  if (type.kind !== 'decimal' || type.scale === 0) return String(value)
  const digits = String(value)
    .replace('-', '')
    .padStart(type.scale + 1, '0')
  const sign = Number(value) < 0 ? '-' : ''
  return `${sign}${digits.slice(0, -type.scale)}.${digits.slice(-type.scale)}`
}

/** A value that is not in its type's text form stays text, and differs. */
function parseOnlineText(text: string, { kind, scale }: OracleColumn): Value {
  switch (kind) {
    case 'string':
      return text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'int32':
    case 'int64':
      return /^-?\d+$/.test(text) ? BigInt(text) : text
    case 'decimal': {
      const point = scale === 0 ? '' : `\\.\\d{${scale}}`
      return new RegExp(`^-?\\d+${point}$`).test(text) ? BigInt(text.replace('.', '')) : text
    }
    case 'double':
      return String(Number(text)) === text ? Number(text) : text
    case 'timestamp':
      return /Z$/.test(text) && !Number.isNaN(Date.parse(text)) ? Date.parse(text) : text
    case 'date':
      return /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) / DAY_MS : text
  }
}
