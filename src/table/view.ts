/** A version of a table as readers see it: which files, which days are complete, which columns. */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { existing, type DeltaTable } from './delta-table.ts'
import { compareVersions, parseDataFilePath, type DataFileName } from './file-name.ts'
import { checkOwned, tableGeneration, vacuumCutoff } from './ownership.ts'
import { parseSchema } from './schema.ts'
import type { LocalFile } from '../storage/object-storage.ts'
import { completeDays } from './slots.ts'
import { statsRows } from './stats.ts'

export interface TableView {
  readonly name: string
  readonly version: number
  readonly generation: number
  readonly columns: readonly ColumnSpec[]
  /** Partition -> the last day whose every slot is in. */
  readonly complete: ReadonlyMap<number, DayIndex>
  /** By day, partition and slot. */
  readonly files: readonly DataFile[]
  /** Ms; 0 before the first vacuum. */
  readonly vacuumCutoffMs: number
}

export interface DataFile extends DataFileName {
  /** Relative to the table's folder. */
  readonly path: string
  readonly rows: number
  readonly bytes: number
}

/** The newest version, or that one. @throws TABLE_REFUSED where there is no such table or version, or it is not ours */
export async function viewTable(table: DeltaTable, version?: number): Promise<TableView> {
  if (version !== undefined) return viewOf(table.name, await table.log.at(version))
  return table.log.latest((snapshot) => viewOf(table.name, existing(table, snapshot)))
}

/** What `tidemark table show` tells. */
export interface TableDescription {
  readonly name: string
  readonly location: string
  readonly version: number
  readonly generation: number
  readonly files: number
  readonly rows: number
  readonly bytes: number
  readonly days: { readonly first: DayIndex; readonly last: DayIndex } | undefined
  readonly complete: readonly { readonly partition: number; readonly day: DayIndex }[]
  readonly columns: readonly ColumnSpec[]
  readonly vacuumCutoffMs: number
}

export async function describeTable(
  table: DeltaTable,
  version?: number,
): Promise<TableDescription> {
  const view = await viewTable(table, version)
  const sum = (of: (file: DataFile) => number): number =>
    view.files.reduce((total, file) => total + of(file), 0)
  const [first, last] = [view.files[0], view.files.at(-1)]
  return {
    name: view.name,
    location: table.options.storage.location,
    version: view.version,
    generation: view.generation,
    files: view.files.length,
    rows: sum((file) => file.rows),
    bytes: sum((file) => file.bytes),
    days: first && last && { first: first.day, last: last.day },
    complete: [...view.complete].map(([partition, day]) => ({ partition, day })),
    columns: view.columns,
    vacuumCutoffMs: view.vacuumCutoffMs,
  }
}

/** From a bucket each is a download. */
const OPENED_AT_ONCE = 8

/** Runs `work` with local paths of the files, in their order; they are valid until it ends. */
export async function withLocalFiles<T>(
  table: DeltaTable,
  files: readonly { readonly path: string }[],
  work: (paths: readonly string[]) => Promise<T>,
): Promise<T> {
  const { storage } = table.options
  const opened: LocalFile[] = []
  let next = 0
  const openOn = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      opened[index] = await storage.open(`${table.name}/${files[index]?.path ?? ''}`)
    }
  }
  try {
    const openings = await Promise.allSettled(Array.from({ length: OPENED_AT_ONCE }, openOn))
    for (const each of openings) if (each.status === 'rejected') throw each.reason
    return await work(opened.map((file) => file.path))
  } finally {
    for (const file of opened.filter(Boolean)) await file[Symbol.asyncDispose]()
  }
}

function viewOf(table: string, snapshot: Snapshot): TableView {
  checkOwned(table, snapshot)
  const files: DataFile[] = []
  for (const { path, size, stats } of snapshot.files()) {
    const name = parseDataFilePath(path)
    if (!name) throw foreign(table, path)
    files.push({ ...name, path, rows: statsRows(stats), bytes: size })
  }
  return {
    name: table,
    version: snapshot.version,
    generation: tableGeneration(snapshot),
    columns: parseSchema(table, snapshot.metaData.schemaString),
    complete: completeDays(table, snapshot),
    files: files.sort(byPlace),
    vacuumCutoffMs: vacuumCutoff(snapshot),
  }
}

function foreign(table: string, path: string): TidemarkError {
  return new TidemarkError(
    'TABLE_REFUSED',
    `table ${table}: ${path} was not written by Tidemark; another program has rewritten the table. Restore the version ` +
      `before it.`,
  )
}

function byPlace(a: DataFile, b: DataFile): number {
  if (a.day !== b.day) return a.day - b.day
  if (a.partition !== b.partition) return a.partition - b.partition
  const [x, y] = [a, b].map(({ slots }) => (slots.kind === 'one' ? slots.slot : 0)) as [
    number,
    number,
  ]
  return x - y || compareVersions(a, b)
}
