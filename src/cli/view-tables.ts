/** The tables of a pipeline's views: found, described, told. */
import type { Pipeline } from '../core/definition.ts'
import type { SlotKind } from '../core/dirty-slot.ts'
import { typeName } from '../core/value.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { TidemarkError } from '../errors.ts'
import type { DeltaTable } from '../table/delta-table.ts'
import { locationText } from '../storage/location.ts'
import { describeTable } from '../table/view.ts'
import type { TableDescription } from '../table/view.ts'
import type { Call } from './command.ts'
import { OpenedParts, openTables } from './compose.ts'
import { coverageOf, findServedView, pipelineRecords, recordsIn } from './served-views.ts'
import { bytesWords, countWords, dayOrNull, dayWords, plural } from './words.ts'

/** Column -> first day that it holds for, where it was added later. */
type Coverage = ReadonlyMap<string, string>

export interface ViewTable {
  readonly view: ViewPlan
  readonly kind: SlotKind
  readonly table: DeltaTable
}

/** Those that exist, of one view or of all: rows, then tiles. @throws USAGE where there are none */
export async function existingTables(
  call: Call<unknown>,
  pipeline: Pipeline,
  opened: OpenedParts,
  viewName?: string,
): Promise<ViewTable[]> {
  const { offline } = pipeline.sinks
  if (offline === undefined) {
    throw new TidemarkError('USAGE', 'the pipeline has no sinks.offline, so it has no tables')
  }
  const { store, storage } = await openTables(pipeline, offline, opened, call)
  const views =
    viewName === undefined
      ? planViews(pipeline)
      : [await findServedView(pipeline, viewName, recordsIn(storage))]
  const tables = views.flatMap((view): ViewTable[] => [
    { view, kind: 'rows', table: store.table(view.tableName) },
    { view, kind: 'tiles', table: store.table(`${view.tableName}__tiles`) },
  ])
  const made = await Promise.all(
    tables.map(({ table }) => table.log.latest((snapshot) => snapshot !== undefined)),
  )
  const existing = tables.filter((_, index) => made[index] === true)
  if (existing.length > 0) return existing
  throw new TidemarkError(
    'USAGE',
    `there are no tables of ${viewName ?? pipeline.name} in ${locationText(offline.location)} yet. \`tidemark run\` makes them`,
  )
}

/** The one of a kind. @throws USAGE */
export function tableOf(tables: readonly ViewTable[], kind: SlotKind): ViewTable {
  const found = tables.find((each) => each.kind === kind)
  if (found !== undefined) return found
  throw new TidemarkError('USAGE', `there is no table of ${kind} yet. \`tidemark run\` makes it`)
}

export async function listTables(call: Call<unknown>): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened)
  const found = await Promise.all(tables.map(({ table }) => describeTable(table)))
  if (call.json) call.out.json({ tables: found.map((each) => describedData(each)) })
  else {
    call.out.table(
      ['TABLE', 'VERSION', 'COMPLETE TO', 'ROWS', 'FILES', 'SIZE'],
      found.map((each) => [
        each.name,
        String(each.version),
        dayWords(completeDay(each)),
        countWords(each.rows),
        countWords(each.files),
        bytesWords(each.bytes),
      ]),
    )
  }
}

export interface ShowOptions {
  readonly tiles?: true
  readonly at?: string
}

export async function showTable(call: Call<ShowOptions>, viewName: string): Promise<void> {
  const { tiles, at } = call.options
  const version = at === undefined ? undefined : parseVersion(at)
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened, viewName)
  const { table, view } = tableOf(tables, tiles === true ? 'tiles' : 'rows')
  const found = await describeTable(table, version)
  const since = await coverageOf(pipeline, view, pipelineRecords(pipeline, call))
  if (call.json) call.out.json(describedData(found, since))
  else printTable(call, found, since)
}

function parseVersion(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new TidemarkError('USAGE', `--at: expected the number of a version, received ${text}`)
}

function printTable({ out }: Call<unknown>, found: TableDescription, since: Coverage): void {
  const { location, name, version, generation, days } = found
  out.line(`${location}/${name}, version ${version}, generation ${generation}`)
  out.line(
    `${plural(found.rows, 'row')} in ${plural(found.files, 'file')}, ${bytesWords(found.bytes)}, ` +
      `days ${dayWords(days?.first)} to ${dayWords(days?.last)}`,
  )
  for (const { partition, day } of found.complete) {
    out.line(`partition ${partition} is complete to ${dayWords(day)}`)
  }
  out.line()
  out.table(
    ['COLUMN', 'TYPE', 'MEANING'],
    found.columns.map(({ name, type, description = '' }) => {
      const holds = since.has(name) ? `holds from ${since.get(name)} on` : ''
      return [name, typeName(type), [description, holds].filter((part) => part !== '').join('; ')]
    }),
  )
}

/** Last day that is whole in every partition that has written. */
function completeDay({ complete }: TableDescription): number | undefined {
  return complete.length === 0 ? undefined : Math.min(...complete.map(({ day }) => day))
}

function describedData(found: TableDescription, since: Coverage = new Map()): object {
  const { days, complete, columns, ...rest } = found
  return {
    ...rest,
    completeDay: dayOrNull(completeDay(found)),
    days: days ? { first: dayOrNull(days.first), last: dayOrNull(days.last) } : null,
    complete: complete.map(({ partition, day }) => ({ partition, day: dayOrNull(day) })),
    columns: columns.map(({ name, type, description }) => {
      const holds = since.has(name) ? { since: since.get(name) } : {}
      return { name, type: typeName(type), description: description ?? null, ...holds }
    }),
  }
}
