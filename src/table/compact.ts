/**
 * Compaction: the slot files of one partition's final day become one file, as version (generation, end).
 *
 * Above every position of its generation, so that a zombie's older slot is refused afterwards although the slot's own file
 * is gone. The caller promises that the day is final and none of its slots is dirty, hence only the owner may ask for it.
 * Rows do not change (`dataChange: false`): a reader of changes sees nothing.
 */
import { basename, join } from 'node:path'
import type { DayIndex } from '../core/day.ts'
import { removalOf, type Action } from './delta/actions.ts'
import type { Proposal } from './delta/log.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { existing, type DeltaTable } from './delta-table.ts'
import { guarded } from './failure.ts'
import { dataFilePath, END } from './file-name.ts'
import { checkGeneration, checkOwned, sortedBy } from './ownership.ts'
import { activeFiles, addOf, checkStaged } from './slots.ts'
import { statsJson } from './stats.ts'
import { viewTable, withLocalFiles, type DataFile, type TableView } from './view.ts'

export interface CompactRequest {
  /** The owner's; the table must be at it. */
  readonly generation: number
  readonly partition: number
  /** Final days without a dirty slot. Days with fewer than two files are left as they are. */
  readonly days: readonly DayIndex[]
  /** Hash slots per day in this generation. */
  readonly slots: number
  /** Key-value metadata of the new files, as of the table's others. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface CompactResult {
  readonly days: number
  readonly filesBefore: number
  readonly filesAfter: number
  readonly rows: number
}

interface Merged {
  readonly day: DayIndex
  readonly inputs: readonly DataFile[]
  readonly path: string
  readonly file: { readonly rows: number; readonly bytes: number; readonly stats: string }
}

/** One transaction per day, so that a stop loses at most one day's work. @throws GENERATION_CHANGED, STAGED_FILES_EXPIRED */
export async function compactTable(
  table: DeltaTable,
  request: CompactRequest,
): Promise<CompactResult> {
  const view = await viewTable(table)
  const result = { days: 0, filesBefore: 0, filesAfter: 0, rows: 0 }
  for (const day of new Set(request.days)) {
    const inputs = view.files.filter(
      (file) => file.day === day && file.partition === request.partition,
    )
    if (inputs.length < 2) continue
    const merged = await merge(table, view, request, inputs)
    if (!(await commitMerged(table, request, merged))) continue
    result.days++
    result.filesBefore += inputs.length
    result.filesAfter++
    result.rows += merged.file.rows
  }
  return result
}

async function merge(
  table: DeltaTable,
  view: TableView,
  request: CompactRequest,
  inputs: readonly DataFile[],
): Promise<Merged> {
  const { storage, parquet, clock, newId } = table.options
  const [{ day }] = inputs as [DataFile]
  const path = dataFilePath(
    {
      day,
      partition: request.partition,
      slots: { kind: 'all', count: request.slots },
      generation: request.generation,
      position: END,
      stagedMs: clock.wallMs(),
    },
    newId(),
  )
  const { columns } = view
  const sort = await table.log.latest((snapshot) => sortedBy(existing(table, snapshot)))
  const temporary = join(await storage.staging(), `${basename(path)}.tmp`)
  return guarded(`table ${table.name}: cannot compact ${path}`, async () => {
    try {
      const { metadata } = request
      await withLocalFiles(table, inputs, (paths) =>
        parquet.merge({ path: temporary, columns, metadata }, paths, sort),
      )
      const summary = await parquet.summarize(temporary, columns)
      const { bytes } = await storage.moveIn(temporary, `${table.name}/${path}`)
      const stats = statsJson(columns, summary)
      return { day, inputs, path, file: { rows: summary.rows, bytes, stats } }
    } finally {
      await storage.discard(temporary)
    }
  })
}

/** False where the day's files changed since they were read: the work is thrown away, the rows are safe. */
async function commitMerged(
  table: DeltaTable,
  request: CompactRequest,
  merged: Merged,
): Promise<boolean> {
  const { written } = await table.log.commit((current) => {
    const snapshot = existing(table, current)
    checkOwned(table.name, snapshot)
    checkGeneration(table.name, snapshot, request.generation)
    return proposal(table, snapshot, { request, merged })
  })
  if (!written) await table.options.storage.delete(`${table.name}/${merged.path}`)
  return written
}

function proposal(
  table: DeltaTable,
  snapshot: Snapshot,
  { request, merged }: { readonly request: CompactRequest; readonly merged: Merged },
): Proposal {
  const nowMs = table.options.clock.wallMs()
  const context = { table: table.name, snapshot, nowMs }
  const active = activeFiles(context, merged.day, request.partition)
  const read = new Set(merged.inputs.map(({ path }) => path))
  const same = active.length === read.size && active.every(({ file }) => read.has(file.path))
  if (same) checkStaged(context, merged.path)
  const actions: Action[] = same
    ? [
        ...active.map(({ file }) => ({ remove: removalOf(file, nowMs, false) })),
        { add: addOf(merged.path, merged.file, false) },
      ]
    : []
  return {
    operation: 'OPTIMIZE',
    parameters: { partition: String(request.partition), files: String(active.length) },
    actions,
  }
}
