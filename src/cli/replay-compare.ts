/**
 * What a replay staged, held against what is live: each table at one version, the days that the replay closed per partition, piece
 * by piece. Rows that differ go to files of a workspace, which its owner deletes.
 */
import path from 'node:path'
import type { ColumnSpec } from '../core/columns.ts'
import type { DayIndex } from '../core/day.ts'
import { typeName } from '../core/value.ts'
import type { DayFiles } from '../duckdb/day-files.ts'
import { profileDays } from '../duckdb/day-profiles.ts'
import { countDifferences, sampleDifferences, writeDifferences } from '../duckdb/row-differences.ts'
import type { DifferenceCounts } from '../duckdb/row-differences.ts'
import { SampledValues } from '../duckdb/sampled-values.ts'
import type { Quantiles, Side } from '../duckdb/sampled-values.ts'
import { TidemarkError } from '../errors.ts'
import { comparedColumns, isFeature } from '../replay/comparison.ts'
import type {
  ColumnDifference,
  ColumnDistribution,
  ComparedColumns,
  DayDifference,
  ViewDifference,
} from '../replay/comparison.ts'
import { addProfile, mergeProfiles } from '../replay/day-profile.ts'
import type { DayProfile } from '../replay/day-profile.ts'
import type { Replay } from '../replay/records.ts'
import { stagedPlaces } from '../replay/staged.ts'
import { piecesOf, rowsOf, tableSide, withDayFiles } from './replay-files.ts'
import type { SidedFile, TableSide } from './replay-files.ts'
import type { ReplayTables } from './replay-gates.ts'

export interface CompareOptions {
  /** Local directory for rows that differ. */
  readonly workspace: string
  /** Rows of each kind. */
  readonly sampleRows: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number, words: string) => void
}

export interface ComparedView {
  readonly difference: ViewDifference
  /** Files with the rows that differ, in the workspace. */
  readonly paths: readonly string[]
}

interface Sides {
  readonly live: TableSide
  readonly staged: TableSide
  readonly columns: ComparedColumns
  /** Of the days and partitions that are compared. */
  readonly files: readonly SidedFile[]
}

/** @param view title, one of those that the replay staged */
export async function compareView(
  replay: Replay,
  view: string,
  tables: ReplayTables,
  options: CompareOptions,
): Promise<ComparedView> {
  const table = view.replace('@', '_v')
  const sides = await openSides(replay, table, tables)
  const { live, staged, columns } = sides
  await using values = await SampledValues.create(tables.database, {
    entity: columns.entity,
    columns: profiledColumns(columns),
    rows: Math.max(...[live, staged].map((side) => rowsOf(filesOf(sides, side)))),
  })
  const { paths, profiles } = await comparePieces(view, sides, values, { tables, options })
  const { database } = tables
  const counts = paths.length === 0 ? [] : await countDifferences(database, columns, paths)
  const sample =
    paths.length === 0
      ? []
      : await sampleDifferences(database, columns, paths, { rowsMax: options.sampleRows })
  const days = daysOf(profiles, counts, await values.quantiles())
  return {
    difference: {
      view,
      table,
      liveVersion: live.version,
      stagedVersion: staged.version,
      columns,
      ...days,
      sample,
    },
    paths,
  }
}

async function openSides(replay: Replay, table: string, tables: ReplayTables): Promise<Sides> {
  const live = await tableSide(tables.live.table(table))
  const staged = await tableSide(tables.staged.table(table))
  for (const column of staged.columns) checkType(table, column, live.columns)
  const isStaged = stagedPlaces(replay)
  const entity = staged.version === undefined ? live.entity : staged.entity
  return {
    live,
    staged,
    columns: comparedColumns(live.columns, staged.columns, entity),
    files: [live, staged].flatMap((side) =>
      side.files.filter(isStaged).map((file) => ({ side, file })),
    ),
  }
}

function checkType(table: string, { name, type }: ColumnSpec, live: readonly ColumnSpec[]): void {
  const other = live.find((column) => column.name === name)
  if (other === undefined || typeName(other.type) === typeName(type)) return
  throw new TidemarkError(
    'TABLE_REFUSED',
    `table ${table}: column ${name} is ${typeName(other.type)} where it is live, and ${typeName(type)} in the replay; such rows ` +
      `cannot be published into it. Give the view a new version, or the feature another name, and plan the replay again.`,
  )
}

function filesOf({ files }: Sides, side: TableSide): SidedFile[] {
  return files.filter((each) => each.side === side)
}

function profiledColumns({ common, onlyLive, onlyStaged }: ComparedColumns): ColumnSpec[] {
  return [...common, ...onlyLive, ...onlyStaged].filter(isFeature)
}

type Profiles = Readonly<Record<Side, Map<DayIndex, DayProfile>>>

async function comparePieces(
  view: string,
  sides: Sides,
  values: SampledValues,
  { tables, options }: { readonly tables: ReplayTables; readonly options: CompareOptions },
): Promise<{ readonly paths: readonly string[]; readonly profiles: Profiles }> {
  const { live, staged, columns, files } = sides
  const { database } = tables
  const profiles: Profiles = { before: new Map(), after: new Map() }
  const paths: string[] = []
  const total = rowsOf(files)
  let done = 0
  const profile = async (side: Side, of: readonly DayFiles[], has: TableSide): Promise<void> => {
    if (of.length === 0) return
    const known = profiledColumns(columns).filter(({ name }) =>
      has.columns.some((column) => column.name === name),
    )
    for (const each of await profileDays(database, of, known)) addProfile(profiles[side], each)
    await values.add(side, of)
  }
  for (const [index, piece] of piecesOf(files).entries()) {
    options.signal?.throwIfAborted()
    const file = path.join(options.workspace, `${view}-${index}.rows`)
    await withDayFiles([live, staged], piece, async ([before = [], after = []]) => {
      await profile('before', before, live)
      await profile('after', after, staged)
      await writeDifferences(database, columns, { live: before, staged: after }, file)
    })
    paths.push(file)
    done += rowsOf(piece)
    options.onProgress?.(done, total, view)
  }
  return { paths, profiles }
}

type QuantilesOf = (side: Side, day?: DayIndex) => Readonly<Record<string, Quantiles>>

function daysOf(
  profiles: Profiles,
  counts: readonly DifferenceCounts[],
  quantilesOf: QuantilesOf,
): Pick<ViewDifference, 'total' | 'days'> {
  const allDays = [...new Set([...profiles.before.keys(), ...profiles.after.keys()])]
  const difference = (day: DayIndex | undefined): DayDifference => {
    const found = counts.find((each) => each.day === day)
    const side = (name: Side): SideOfDay => ({
      profile: day === undefined ? mergedProfile(profiles[name]) : profiles[name].get(day),
      quantiles: quantilesOf(name, day),
    })
    return dayDifference(found, { before: side('before'), after: side('after') })
  }
  return {
    total: difference(undefined),
    days: allDays.sort((a, b) => a - b).map((day) => ({ day, ...difference(day) })),
  }
}

interface SideOfDay {
  readonly profile: DayProfile | undefined
  readonly quantiles: Readonly<Record<string, Quantiles>>
}

function mergedProfile(profiles: ReadonlyMap<DayIndex, DayProfile>): DayProfile | undefined {
  const [first, ...others] = profiles.values()
  return first && others.reduce(mergeProfiles, first)
}

const NOTHING_DIFFERS = { added: 0, removed: 0, changed: 0, changedFeatures: 0, columns: {} }

function dayDifference(
  found: Omit<DifferenceCounts, 'day'> = NOTHING_DIFFERS,
  { before, after }: Readonly<Record<Side, SideOfDay>>,
): DayDifference {
  const { added, removed, changed, changedFeatures } = found
  const names = [found, before.profile, after.profile].flatMap((each) =>
    Object.keys(each?.columns ?? {}),
  )
  const columns: Record<string, ColumnDifference> = {}
  for (const name of new Set(names)) {
    const [was, is] = [distribution(before, name), distribution(after, name)]
    columns[name] = {
      ...(found.columns[name] ?? { changed: 0, filled: 0, nulled: 0 }),
      ...(was && { before: was }),
      ...(is && { after: is }),
    }
  }
  const [live, staged] = [before.profile?.rows ?? 0, after.profile?.rows ?? 0]
  return { live, staged, added, removed, changed, changedFeatures, columns }
}

function distribution(
  { profile, quantiles }: SideOfDay,
  name: string,
): ColumnDistribution | undefined {
  const column = profile?.columns[name]
  if (profile === undefined || column === undefined) return undefined
  return { ...column, rows: profile.rows, quantiles: quantiles[name] ?? [] }
}
