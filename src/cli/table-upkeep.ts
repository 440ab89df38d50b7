/** Upkeep of the tables: compact, vacuum, export. Each works on the newest version, beside a run, and says what came of it. */
import { hostname } from 'node:os'
import path from 'node:path'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { DURATION_PATTERN, parseDuration } from '../definition/units.ts'
import { TidemarkError } from '../errors.ts'
import { unfinished } from '../replay/finish.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import { StoredExports } from '../storage/exports.ts'
import { StoredReplays } from '../storage/replay-records.ts'
import { compactTable } from '../table/compact.ts'
import type { CompactRequest, CompactResult } from '../table/compact.ts'
import { exportTable } from '../table/export.ts'
import { vacuumTable } from '../table/vacuum.ts'
import { viewTable } from '../table/view.ts'
import type { Call } from './command.ts'
import { OpenedParts, openSource } from './compose.ts'
import { finalDays } from './final-days.ts'
import type { PartitionDays } from './final-days.ts'
import { existingTables, tableOf } from './view-tables.ts'
import type { ViewTable } from './view-tables.ts'
import { bytesWords, countWords, dayOrNull, dayWords, plural } from './words.ts'

interface Compacted extends CompactResult {
  readonly table: string
}

export async function compactTables(call: Call<unknown>, viewName?: string): Promise<void> {
  const pipeline = await call.pipeline()
  using interrupt = call.interrupt()
  await using opened = new OpenedParts()
  const tables = await existingTables(call, pipeline, opened, viewName)
  const { partitions } = await opened.add(openSource(pipeline, call)).topology()
  const states = await finalDays(pipeline, partitions)
  await checkNothingUnfinished(tables, 'compacted')
  using progress = call.progress('compact')
  const results: Compacted[] = []
  for (const [index, each] of tables.entries()) {
    const work = await compactionsOf(pipeline, each, states)
    const sum = { table: each.table.name, days: 0, filesBefore: 0, filesAfter: 0, rows: 0 }
    for (const [done, request] of work.entries()) {
      if (interrupt.signal.aborted) break
      const compacted = await compactTable(each.table, request)
      sum.days += compacted.days
      sum.filesBefore += compacted.filesBefore
      sum.filesAfter += compacted.filesAfter
      sum.rows += compacted.rows
      const words = `${sum.table} ${dayWords(request.days[0])}`
      progress.update(index + done / work.length, tables.length, words)
    }
    results.push(sum)
  }
  tellCompacted(call, results, interrupt.signal.aborted)
}

/**
 * A compacted file holds against all of its generation, so days that a publish is still to swap in would not come in any more; and a vacuum
 * would take files that a rollback is still to bring back. Looked for after the states: one that comes later raises the generation, and
 * what is of theirs is refused.
 */
async function checkNothingUnfinished(
  [first]: readonly ViewTable[],
  what: 'compacted' | 'vacuumed',
): Promise<void> {
  if (first === undefined) return
  const { storage } = first.table.options
  const [left] = await unfinished({
    replays: new StoredReplays(storage),
    generations: new GenerationRecords(storage),
  })
  if (left === undefined) return
  const { did, generation, replay } = left.made
  throw new TidemarkError(
    'REPLAY_REFUSED',
    `the ${did} of replay ${replay} (generation ${generation}) has not come to its end, and nothing is ${what} meanwhile. If nobody is at it, finish it: \`tidemark replay ${did} ${replay}\``,
  )
}

/** One request per partition and final day that has more than one file: a stop loses one day's work. */
async function compactionsOf(
  pipeline: Pipeline,
  { table, kind, view }: ViewTable,
  states: readonly PartitionDays[],
): Promise<CompactRequest[]> {
  const { files } = await viewTable(table)
  const { name, version, hash } = view.definition
  const requests: CompactRequest[] = []
  for (const { partition, generation, finalDay, isDirty } of states) {
    const days = files.filter((file) => file.partition === partition).map(({ day }) => day)
    const split = new Set(days.filter((day, index) => days.indexOf(day) !== index))
    for (const day of split) {
      if (day > finalDay || isDirty({ kind, view: view.title, day })) continue
      requests.push({
        generation,
        partition,
        days: [day],
        slots: pipeline.sinks.offline?.slots ?? 1,
        // As the engine writes it into every file of the table.
        metadata: {
          pipeline: pipeline.name,
          view: name,
          version: String(version),
          definition: hash,
        },
      })
    }
  }
  return requests
}

function tellCompacted(
  { json, out, tell }: Call<unknown>,
  results: readonly Compacted[],
  stopped: boolean,
): void {
  if (json) out.json({ stopped, tables: results })
  else {
    for (const { table, days, filesBefore, filesAfter } of results) {
      out.line(
        days === 0
          ? `${table}: nothing to do`
          : `${table}: ${countWords(filesBefore)} files of ${plural(days, 'day')} became ${countWords(filesAfter)}`,
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
  const tables = await existingTables(call, pipeline, opened, viewName)
  await checkNothingUnfinished(tables, 'vacuumed')
  for (const { table } of tables) {
    const found = await vacuumTable(table, { graceMs, logRetentionMs })
    const { deleted, foreign, logFilesDeleted } = found
    const bytes = deleted.reduce((sum, file) => sum + file.bytes, 0)
    const files = deleted.length
    results.push({ table: table.name, files, bytes, logFiles: logFilesDeleted, foreign })
    for (const path of foreign) call.tell(`${path} was not written by Tidemark and was left alone`)
    if (call.json) continue
    call.out.line(
      `${table.name}: deleted ${plural(files, 'file')} (${bytesWords(bytes)}) and ${plural(logFilesDeleted, 'old log file')}`,
    )
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
  const { view, table } = tableOf(await existingTables(call, pipeline, opened, viewName), 'rows')
  const directory = path.resolve(call.options.to)
  const { partitions } = await opened.add(openSource(pipeline, call)).topology()
  const states = await finalDays(pipeline, partitions)
  const { version, written, kept, removed } = await exportTable(table, {
    directory,
    isFinal: (day) =>
      states.every(
        ({ finalDay, isDirty }) =>
          day <= finalDay && !isDirty({ kind: 'rows', view: view.title, day }),
      ),
  })
  await new StoredExports(table.options.storage).note({
    view: view.title,
    directory,
    host: hostname(),
  })
  const { json, out, options, tell } = call
  if (json) {
    const [added, same, gone] = [written, kept, removed].map((days) => days.map(dayOrNull))
    const days = { written: added, kept: same, removed: gone }
    out.json({ table: table.name, version, directory: options.to, ...days })
  } else {
    out.line(`${options.to}: ${exportWords(written, kept)}`)
    if (removed.length > 0)
      out.line(
        `${plural(removed.length, 'day')} taken away, of which the table has no row any more`,
      )
  }
  if (written.length + kept.length === 0) {
    tell('no day is final yet: records may come until time.allowedLateness after its end')
  }
}

function exportWords(written: readonly DayIndex[], kept: readonly DayIndex[]): string {
  const last = dayWords(Math.max(...written, ...kept))
  return `${plural(written.length, 'day')} written, ${countWords(kept.length)} there already, final to ${last}`
}
