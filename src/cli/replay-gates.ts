/**
 * The gates of a replay, judged: what the days that it changes would be like in the tables after it is published, counted
 * from the files of both, staged and live, and held against `validate` of their views.
 *
 *     const results = await judgeReplay(replay, views, { live, staged, database })
 *     const failed = results.filter(({ passed }) => !passed)
 */
import type { DayIndex } from '../core/day.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { ViewGates } from '../core/view-gates.ts'
import type { DuckDb } from '../duckdb/database.ts'
import { checkGates } from '../replay/gates.ts'
import type { GateFacts, GateResult } from '../replay/gates.ts'
import type { Replay } from '../replay/records.ts'
import { stagedPlaces } from '../replay/staged.ts'
import type { DeltaTable } from '../table/delta-table.ts'
import { countDays } from './count-days.ts'
import type { CountOptions } from './count-days.ts'
import { tableSide } from './replay-files.ts'
import type { SidedFile, TableSide } from './replay-files.ts'

export interface ReplayTables {
  readonly database: DuckDb
  /** Of the pipeline, by name; `DeltaTableStore` is one. */
  readonly live: { table(name: string): DeltaTable }
  /** Of the replay. */
  readonly staged: { table(name: string): DeltaTable }
}

export interface GateSurroundings extends ReplayTables, CountOptions {}

/** @param views as the pipeline file defines them now: those that the replay staged and that ask for something are judged */
export async function judgeReplay(
  replay: Replay,
  views: readonly ViewPlan[],
  surroundings: GateSurroundings,
): Promise<GateResult[]> {
  const results: GateResult[] = []
  for (const view of views.filter(({ title }) => replay.plan.views.includes(title))) {
    const { gates } = view.definition
    if (gates === undefined) continue
    const facts = await gatherFacts(replay, view.tableName, gates, surroundings)
    results.push(...checkGates(view.title, gates, facts))
  }
  return results
}

async function gatherFacts(
  replay: Replay,
  name: string,
  gates: ViewGates,
  { live, staged, ...counting }: GateSurroundings,
): Promise<GateFacts> {
  const sides = [await tableSide(live.table(name)), await tableSide(staged.table(name))] as const
  const isStaged = stagedPlaces(replay)
  const files = publishedFiles(sides, isStaged)
  const judged = judgedDays(sides, isStaged)
  const [first, last] = [judged[0], judged.at(-1)]
  const firstDay = firstOf(files.map(({ file }) => file.day))
  if (first === undefined || last === undefined) return { judged, firstDay, profiles: new Map() }
  const counted = files.filter(
    ({ file }) => file.day >= first - gates.previousDays && file.day <= last,
  )
  return { judged, firstDay, profiles: await countDays(sides, counted, gates, counting) }
}

type Sides = readonly [live: TableSide, staged: TableSide]

/** The files that the table would have after the replay is published. */
function publishedFiles(
  [live, staged]: Sides,
  isStaged: ReturnType<typeof stagedPlaces>,
): SidedFile[] {
  return [
    ...live.files.filter((file) => !isStaged(file)).map((file) => ({ side: live, file })),
    ...staged.files.filter(isStaged).map((file) => ({ side: staged, file })),
  ]
}

/** Every day between the first and the last that has rows on one side and changes; a day that has none is judged too. */
function judgedDays(sides: Sides, isStaged: ReturnType<typeof stagedPlaces>): DayIndex[] {
  const days = sides.flatMap(({ files }) => files.filter(isStaged).map(({ day }) => day))
  const first = firstOf(days)
  const last = firstOf(days.map((day) => -day))
  if (first === undefined || last === undefined) return []
  return Array.from({ length: -last - first + 1 }, (_, index) => first + index)
}

function firstOf(days: readonly DayIndex[]): DayIndex | undefined {
  return days.length === 0 ? undefined : days.reduce((a, b) => Math.min(a, b))
}
