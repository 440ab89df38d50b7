/** Where a swap's files come from: the staging table of a replay, or the table's own past. */
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import type { AddFile, MetaData } from './delta/actions.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { existing, type DeltaTable } from './delta-table.ts'
import { parseDataFilePath } from './file-name.ts'
import { tableGeneration } from './ownership.ts'
import { statsRows } from './stats.ts'
import { completeDays } from './slots.ts'
import { newestSwap } from './swap-plan.ts'
import type { SourceFile, WantedPlace } from './swap-plan.ts'

export type Covers = (place: { readonly day: DayIndex; readonly partition: number }) => boolean

export interface MissingSource {
  readonly day: DayIndex
  readonly partition: number
  readonly path: string
}

export interface SwapSource {
  readonly files: readonly SourceFile[]
  readonly rows: number
  /** Of the staging table; undefined where columns stay. */
  readonly metaData: MetaData | undefined
  readonly want: (snapshot: Snapshot | undefined) => readonly WantedPlace[]
}

/**
 * What a replay has staged.
 * @param folder of the staging tables, in the place of the live ones
 * @throws TABLE_REFUSED where there is no staging table
 */
export async function stagedSource(
  staged: DeltaTable,
  folder: string,
  covers: Covers,
): Promise<SwapSource> {
  return staged.log.latest((latest) => {
    const snapshot = existing(staged, latest)
    const files = filesOf(snapshot, `${folder}/${staged.name}`).filter(covers)
    return {
      files,
      rows: rowsOf(snapshot, covers),
      metaData: snapshot.metaData,
      want: wanted(staged.name, files, covers),
    }
  })
}

/** No table was there before that generation. */
export type SourceBefore = SwapSource & {
  readonly version: number
  /** Last complete days of then, by partition. */
  readonly complete: ReadonlyMap<number, DayIndex>
}

export interface RestoredPlaces {
  readonly covers: Covers
  /** By partition: the first day that its owner will come to write. */
  readonly writtenFrom?: ReadonlyMap<number, DayIndex>
}

/**
 * What the table said when the first transaction of `generation` came; undefined: it was not there yet.
 * @throws TABLE_REFUSED where the log no longer reaches back
 */
export async function sourceBefore(
  table: DeltaTable,
  generation: number,
  { covers, writtenFrom }: RestoredPlaces,
): Promise<SourceBefore | undefined> {
  const snapshot = await snapshotBefore(table, generation)
  if (snapshot === undefined) return undefined
  const complete = completeDays(table.name, snapshot)
  const swapped = newestSwap(table.name, snapshot)
  const files = filesOf(snapshot, table.name)
    .filter(covers)
    .map((file) => (isBefore(file, swapped) ? { ...file, position: 0 } : file))
  const had = new Set(files.map(placeKey))
  const isWritten: Covers = ({ day, partition }) =>
    day >= (writtenFrom?.get(partition) ?? -Infinity)
  // Days that had not closed then are written by their owners, once those have closed them again.
  const isHad: Covers = (place) =>
    covers(place) &&
    (place.day <= (complete.get(place.partition) ?? -Infinity) ||
      had.has(placeKey(place)) ||
      !isWritten(place))
  return {
    version: snapshot.version,
    complete,
    files,
    rows: rowsOf(snapshot, covers),
    metaData: undefined,
    want: wanted(table.name, files, isHad),
  }
}

/**
 * A file of a generation that was taken back, say, and that the state of then was still to write anew: what it does not say, that state
 * owes, so whatever its owner writes is above it. Files that are true all the same have nothing to fear: no owner comes from before them.
 */
function isBefore({ generation, slots }: SourceFile, swapped: number): boolean {
  return slots.kind === 'one' && generation < swapped
}

/** Files of a source that are gone: a vacuum has taken them. */
export async function missingFiles(
  { options: { storage } }: DeltaTable,
  places: readonly WantedPlace[],
): Promise<MissingSource[]> {
  const missing: MissingSource[] = []
  for (const { day, partition, from } of places.flatMap(({ files }) => files))
    if ((await storage.stat(from)) === undefined) missing.push({ day, partition, path: from })
  return missing
}

/** Places of the table that have files now. */
export function placesOf(
  table: DeltaTable,
  covers: Covers,
): Promise<readonly { readonly day: DayIndex; readonly partition: number }[]> {
  return table.log.latest((snapshot) =>
    [...grouped(snapshot ? filesOf(snapshot, table.name) : []).values()]
      .flatMap(([first]) => first ?? [])
      .filter(covers),
  )
}

/** Generations only rise, so the last version of an earlier one is found by halving. */
async function snapshotBefore(
  table: DeltaTable,
  generation: number,
): Promise<Snapshot | undefined> {
  const newest = await table.log.latest((snapshot) => snapshot?.version)
  if (newest === undefined) return undefined
  let low = -1
  let high = newest + 1
  let found: Snapshot | undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const snapshot = await readable(table, middle)
    if (snapshot !== undefined && tableGeneration(snapshot) >= generation) high = middle
    else {
      low = middle
      found = snapshot
    }
  }
  if (low >= 0 && found === undefined) throw logTrimmed(table, low)
  return found
}

/** Undefined where the log no longer has that version: it is older than all that are there. */
async function readable(table: DeltaTable, version: number): Promise<Snapshot | undefined> {
  try {
    return await table.log.at(version)
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'TABLE_REFUSED') return undefined
    throw error
  }
}

function logTrimmed(table: DeltaTable, version: number): TidemarkError {
  return new TidemarkError(
    'TABLE_REFUSED',
    `table ${table.name}: its log no longer has version ${version}, which a vacuum has taken (--keep-log)`,
  )
}

function filesOf(snapshot: Snapshot, folder: string): SourceFile[] {
  return [...snapshot.files()].flatMap((file: AddFile) => {
    const name = parseDataFilePath(file.path)
    const { path, size, stats } = file
    return name ? [{ ...name, from: `${folder}/${path}`, bytes: size, stats: stats ?? '{}' }] : []
  })
}

function rowsOf(snapshot: Snapshot, covers: Covers): number {
  let rows = 0
  for (const { path, stats } of snapshot.files()) {
    const name = parseDataFilePath(path)
    if (name && covers(name)) rows += statsRows(stats)
  }
  return rows
}

/** Places that are covered and have other files now; those that the source lacks become empty. */
function wanted(
  table: string,
  files: readonly SourceFile[],
  covers: Covers,
): (snapshot: Snapshot | undefined) => readonly WantedPlace[] {
  const bySource = grouped(files)
  return (snapshot) => {
    const now = grouped(snapshot ? filesOf(snapshot, table) : [])
    const places: WantedPlace[] = []
    for (const key of new Set([...bySource.keys(), ...now.keys()])) {
      const [source = [], active = []] = [bySource.get(key), now.get(key)]
      const [first] = [...source, ...active]
      if (first === undefined || !covers(first) || isSame(source, active)) continue
      places.push({ day: first.day, partition: first.partition, files: source })
    }
    return places
  }
}

function isSame(a: readonly SourceFile[], b: readonly SourceFile[]): boolean {
  const paths = new Set(a.map(({ from }) => from))
  return a.length === b.length && b.every(({ from }) => paths.has(from))
}

function grouped(files: readonly SourceFile[]): Map<string, SourceFile[]> {
  const groups = new Map<string, SourceFile[]>()
  for (const file of files) {
    const key = placeKey(file)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [file])
    else group.push(file)
  }
  return groups
}

function placeKey({
  day,
  partition,
}: {
  readonly day: DayIndex
  readonly partition: number
}): string {
  return `${day}/${partition}`
}
