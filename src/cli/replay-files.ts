/**
 * Files of a view's live table and of a replay's staged one, each at one version, opened piece by piece: what compares or counts
 * them sees so many days at once that their files fit a disk and their rows a database of bounded memory.
 */
import type { ColumnSpec } from '../core/columns.ts'
import type { DayFiles } from '../duckdb/day-files.ts'
import { sortedBy } from '../table/ownership.ts'
import type { DeltaTable } from '../table/delta-table.ts'
import { viewTable, withLocalFiles } from '../table/view.ts'
import type { DataFile } from '../table/view.ts'

/** A table at one version; a table that is not there has no files. */
export interface TableSide {
  readonly table: DeltaTable
  /** Undefined: there is no such table. */
  readonly version: number | undefined
  readonly columns: readonly ColumnSpec[]
  /** Names of those that tell its rows apart within a day and partition. */
  readonly entity: readonly string[]
  readonly files: readonly DataFile[]
}

export async function tableSide(table: DeltaTable): Promise<TableSide> {
  const found = await table.log.latest((snapshot) => snapshot && { entity: sortedBy(snapshot) })
  if (found === undefined) return { table, version: undefined, columns: [], entity: [], files: [] }
  const { version, columns, files } = await viewTable(table)
  return { table, version, columns, entity: found.entity, files }
}

/** A file, and the side that has it. */
export interface SidedFile {
  readonly side: TableSide
  readonly file: DataFile
}

/** A piece of work is one (day, partition) at least, and so many as stay below all three. */
const PIECE_ROWS_MAX = 400_000
/** Each open file takes a quarter of a MiB, however small it is. */
const PIECE_FILES_MAX = 128
const PIECE_BYTES_MAX = 256 * 2 ** 20

/** Files of one day and partition are never parted. Ascending. */
export function piecesOf(files: readonly SidedFile[]): SidedFile[][] {
  const groups = new Map<string, SidedFile[]>()
  for (const each of files.toSorted((a, b) => placeOrder(a.file, b.file))) {
    const key = `${each.file.day} ${each.file.partition}`
    const group = groups.get(key)
    if (group) group.push(each)
    else groups.set(key, [each])
  }
  const pieces: SidedFile[][] = []
  let rows = Infinity
  let bytes = Infinity
  for (const group of groups.values()) {
    const groupRows = sum(group, (file) => file.rows)
    const groupBytes = sum(group, (file) => file.bytes)
    const piece = pieces.at(-1)
    rows += groupRows
    bytes += groupBytes
    const fits = rows <= PIECE_ROWS_MAX && bytes <= PIECE_BYTES_MAX
    if (piece !== undefined && fits && piece.length + group.length <= PIECE_FILES_MAX) {
      piece.push(...group)
    } else {
      pieces.push([...group])
      rows = groupRows
      bytes = groupBytes
    }
  }
  return pieces
}

function placeOrder(a: DataFile, b: DataFile): number {
  return a.day - b.day || a.partition - b.partition
}

export function rowsOf(files: readonly SidedFile[]): number {
  return sum(files, (file) => file.rows)
}

function sum(files: readonly SidedFile[], of: (file: DataFile) => number): number {
  return files.reduce((total, { file }) => total + of(file), 0)
}

/** The files of each of `sides`, by day and partition; valid until the work ends. */
export async function withDayFiles<T>(
  sides: readonly TableSide[],
  piece: readonly SidedFile[],
  work: (files: readonly DayFiles[][]) => Promise<T>,
): Promise<T> {
  const [side, ...others] = sides
  if (side === undefined) return work([])
  const files = piece.filter((each) => each.side === side).map(({ file }) => file)
  return withLocalFiles(side.table, files, (paths) =>
    withDayFiles(others, piece, (rest) => work([byPlace(files, paths), ...rest])),
  )
}

function byPlace(files: readonly DataFile[], paths: readonly string[]): DayFiles[] {
  const places = new Map<string, DayFiles & { readonly paths: string[] }>()
  files.forEach(({ day, partition }, index) => {
    const key = `${day} ${partition}`
    const place = places.get(key) ?? { day, partition, paths: [] }
    place.paths.push(paths[index] ?? '')
    places.set(key, place)
  })
  return [...places.values()]
}
