/** What the `table` commands do: each opens the tables, works on the newest version and says what came of it. */
import { planViews } from '../core/view-plan.ts'
import type { Pipeline } from '../core/definition.ts'
import type { SlotKind } from '../core/dirty-slot.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { typeName } from '../core/value.ts'
import { DURATION_PATTERN, parseDuration } from '../definition/units.ts'
import { TidemarkError } from '../errors.ts'
import { compactTable } from '../table/compact.ts'
import type { CompactResult } from '../table/compact.ts'
import type { DeltaTable } from '../table/delta-table.ts'
import { exportTable } from '../table/export.ts'
import { vacuumTable } from '../table/vacuum.ts'
import { describeTable, viewTable } from '../table/view.ts'
import type { TableDescription } from '../table/view.ts'
import type { Call } from './command.ts'
import { OpenedParts, openSource, openTables } from './compose.ts'
import { finalDays } from './final-days.ts'
import { findView } from './view-argument.ts'
import { bytesWords, countWords, dayOrNull, dayWords, plural } from './words.ts'

interface ViewTable {
  readonly view: ViewPlan
  readonly kind: SlotKind
  readonly table: DeltaTable
}

/** Tables that exist, of one view or of all: rows, then tiles. */
async function existingTables(
  call: Call<unknown>,
  pipeline: Pipeline,
  opened: OpenedParts,
  viewName?: string,
): Promise<ViewTable[]> {
  const { offline } = pipeline.sinks
  if (offline === undefined) {
    throw new TidemarkError('USAGE', 'the pipeline has no sinks.offline, so it has no tables')
  }
  const { store } = await openTables(pipeline, offline, opened, call)
  const views = viewName === undefined ? planViews(pipeline) : [findView(pipeline, viewName)]
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
    `there are no tables of ${viewName ?? pipeline.name} in ${offline.location} yet. \`tidemark run\` makes them`,
  )
}

export async function listTables(call: Call<unknown>): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened)
  const found = await Promise.all(tables.map(({ table }) => describeTable(table)))
  if (call.json) call.out.json(found.map(describedData))
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
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const { tiles, at } = call.options
  const version = at === undefined ? undefined : parseVersion(at)
  const tables = await existingTables(call, pipeline, opened, viewName)
  const wanted = tables.find(({ kind }) => kind === (tiles === true ? 'tiles' : 'rows'))
  if (wanted === undefined) throw new TidemarkError('USAGE', `${viewName} has no such table yet`)
  const found = await describeTable(wanted.table, version)
  if (call.json) call.out.json(describedData(found))
  else printTable(call, found)
}

function parseVersion(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new TidemarkError('USAGE', `--at: expected the number of a version, received ${text}`)
}

function printTable({ out }: Call<unknown>, found: TableDescription): void {
  out.line(
    `${found.location}/${found.name}, version ${found.version}, generation ${found.generation}`,
  )
  out.line(
    `${plural(found.rows, 'row')} in ${plural(found.files, 'file')}, ${bytesWords(found.bytes)}, ` +
      `days ${dayWords(found.days?.first)} to ${dayWords(found.days?.last)}`,
  )
  for (const { partition, day } of found.complete) {
    out.line(`partition ${partition} is complete to ${dayWords(day)}`)
  }
  out.line()
  out.table(
    ['COLUMN', 'TYPE', 'MEANING'],
    found.columns.map(({ name, type, description }) => [name, typeName(type), description ?? '']),
  )
}

/** Last day that is whole in every partition that has written. */
function completeDay({ complete }: TableDescription): number | undefined {
  return complete.length === 0 ? undefined : Math.min(...complete.map(({ day }) => day))
}

function describedData(found: TableDescription): object {
  const { days, complete, columns, ...rest } = found
  return {
    ...rest,
    completeDay: dayOrNull(completeDay(found)),
    days: days ? { first: dayOrNull(days.first), last: dayOrNull(days.last) } : null,
    complete: complete.map(({ partition, day }) => ({ partition, day: dayOrNull(day) })),
    columns: columns.map(({ name, type, description }) => {
      return { name, type: typeName(type), description: description ?? null }
    }),
  }
}

export async function compactTables(call: Call<unknown>, viewName?: string): Promise<void> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened, viewName)
  const { partitions } = await openSource(pipeline).topology()
  const days = await finalDays(pipeline, partitions)
  using progress = call.progress('compact')
  const results: (CompactResult & { readonly table: string })[] = []
  for (const [index, each] of tables.entries()) {
    const sum = { table: each.table.name, days: 0, filesBefore: 0, filesAfter: 0, rows: 0 }
    const { files } = await viewTable(each.table)
    const last = files.at(-1)?.day ?? -Infinity
    for (const partition of days) {
      const final: number[] = []
      for (
        let day = files[0]?.day ?? Infinity;
        day <= Math.min(last, partition.finalDay);
        day += 1
      ) {
        if (!partition.isDirty({ kind: each.kind, view: each.view.index, day })) final.push(day)
      }
      for (const [done, day] of final.entries()) {
        if (interrupt.signal.aborted) break
        const compacted = await compactTable(
          each.table,
          compactRequest(pipeline, each.view, partition, day),
        )
        sum.days += compacted.days
        sum.filesBefore += compacted.filesBefore
        sum.filesAfter += compacted.filesAfter
        sum.rows += compacted.rows
        progress.update(
          index + done / final.length,
          tables.length,
          `${each.table.name} ${dayWords(day)}`,
        )
      }
    }
    results.push(sum)
  }
  progress.update(1, 1, '')
  tellCompacted(call, results, interrupt.signal.aborted)
}

function compactRequest(
  pipeline: Pipeline,
  { definition }: ViewPlan,
  { generation, partition }: { readonly generation: number; readonly partition: number },
  day: number,
): Parameters<typeof compactTable>[1] {
  return {
    generation,
    partition,
    days: [day],
    slots: pipeline.sinks.offline?.slots ?? 1,
    // As the engine writes it into every file of the table.
    metadata: {
      pipeline: pipeline.name,
      view: definition.name,
      version: String(definition.version),
      definition: definition.hash,
    },
  }
}

function tellCompacted(
  { json, out, tell }: Call<unknown>,
  results: readonly (CompactResult & { readonly table: string })[],
  stopped: boolean,
): void {
  if (json) out.json({ stopped, tables: results })
  else {
    for (const { table, days, filesBefore, filesAfter } of results) {
      out.line(
        days === 0
          ? `${table}: nothing to do`
          : `${table}: ${plural(days, 'day')}, ${countWords(filesBefore)} files became ${countWords(filesAfter)}`,
      )
    }
  }
  if (stopped) tell('stopped; the same command goes on from here')
}

export interface VacuumOptions {
  readonly grace: string
  readonly keepLog: string
}

export async function vacuumTables(call: Call<VacuumOptions>, viewName?: string): Promise<void> {
  const graceMs = durationOption('--grace', call.options.grace)
  const logRetentionMs = durationOption('--keep-log', call.options.keepLog)
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const results: object[] = []
  for (const { table } of await existingTables(call, pipeline, opened, viewName)) {
    const { deleted, foreign, logFilesDeleted } = await vacuumTable(table, {
      graceMs,
      logRetentionMs,
    })
    const bytes = deleted.reduce((sum, file) => sum + file.bytes, 0)
    results.push({
      table: table.name,
      files: deleted.length,
      bytes,
      logFiles: logFilesDeleted,
      foreign,
    })
    if (call.json) continue
    call.out.line(
      `${table.name}: deleted ${plural(deleted.length, 'file')} (${bytesWords(bytes)}) and ${plural(logFilesDeleted, 'old log file')}`,
    )
    for (const path of foreign) call.tell(`${path} was not written by Tidemark and was left alone`)
  }
  if (call.json) call.out.json({ tables: results })
}

function durationOption(option: string, text: string): number {
  if (DURATION_PATTERN.test(text)) return parseDuration(text)
  throw new TidemarkError(
    'USAGE',
    `${option}: expected a duration such as 7d or 24h, received ${text}`,
  )
}

export interface ExportOptions {
  readonly to: string
}

export async function exportView(call: Call<ExportOptions>, viewName: string): Promise<void> {
  const pipeline = await call.pipeline()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened, viewName)
  const wanted = tables.find(({ kind }) => kind === 'rows')
  if (wanted === undefined) throw new TidemarkError('USAGE', `${viewName} has no table yet`)
  const { partitions } = await openSource(pipeline).topology()
  const states = await finalDays(pipeline, partitions)
  const { view, table } = wanted
  const { version, written, kept } = await exportTable(table, {
    directory: call.options.to,
    isFinal: (day) =>
      states.every(
        ({ finalDay, isDirty }) =>
          day <= finalDay && !isDirty({ kind: 'rows', view: view.index, day }),
      ),
  })
  const last = Math.max(...written, ...kept)
  if (call.json) {
    call.out.json({
      table: table.name,
      version,
      directory: call.options.to,
      written: written.map(dayOrNull),
      kept: kept.map(dayOrNull),
    })
  } else {
    call.out.line(
      `${call.options.to}: ${plural(written.length, 'day')} written, ${countWords(kept.length)} kept, final to ${dayWords(last)}`,
    )
    if (written.length + kept.length === 0) {
      call.tell(
        'no day is final yet: a day is when no record can come into it any more (its end + time.allowedLateness)',
      )
    }
  }
}
