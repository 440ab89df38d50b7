/**
 * Days that a publish or a rollback has left as they were, since files of theirs were gone: they say what no generation says that stands
 * now, until a replay has counted them again. Nothing that is computed may start from them.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { DayRange } from './plan.ts'
import type { Replay } from './records.ts'
import { stagedDays } from './staged.ts'
import { allMade, isFinished, standingGenerations } from './standing.ts'
import type { Made } from './standing.ts'
import { isOfTiles, tablesOf } from './table-names.ts'

export interface LeftDays extends DayRange {
  readonly table: string
  readonly by: Made
}

export function leftDays(
  replays: readonly Replay[],
  records: readonly GenerationRecord[],
): LeftDays[] {
  return allMade(records).flatMap((by) => {
    const trail = replays.find(({ plan }) => plan.id === by.replay)?.trail ?? []
    const done = trail.findLast(
      ({ did, generation, details }) =>
        did === by.did && generation === by.generation && details['phase'] === 'done',
    )
    const tables = (done?.details['tables'] ?? []) as readonly LeftTable[]
    return tables
      .flatMap(({ table, left }) => (left ? { table, first: left.first, last: left.last, by } : []))
      .filter((days) => !isCountedAgain(days, replays, records))
  })
}

/** The first day whose stored tiles are not, or not yet, what the newest generation says; undefined: there is none. */
export function wrongTilesFrom(
  replays: readonly Replay[],
  records: readonly GenerationRecord[],
): DayIndex | undefined {
  const left = leftDays(replays, records).filter(({ table }) => isOfTiles(table))
  const unfinished = allMade(records).flatMap((made) => {
    const replay = replays.find(({ plan }) => plan.id === made.replay)
    return replay && !isFinished(replay, made) ? [replay.plan.staged] : []
  })
  const first = Math.min(...[...left, ...unfinished].map((days) => days.first))
  return first === Infinity ? undefined : first
}

/** Of an entry in the trail. */
interface LeftTable {
  readonly table: string
  readonly left?: DayRange
}

function isCountedAgain(
  { table, first, last, by }: LeftDays,
  replays: readonly Replay[],
  records: readonly GenerationRecord[],
): boolean {
  return standingGenerations(records).some(({ made }) => {
    if (made?.did !== 'publish' || made.generation <= by.generation) return false
    const replay = replays.find(({ plan }) => plan.id === made.replay)
    if (replay === undefined || !isFinished(replay, made)) return false
    const { plan } = replay
    const isOf = plan.views.some((title) => tablesOf(title).includes(table))
    const isWhole = plan.partitions.every(({ partition }) => {
      const days = stagedDays(plan, partition)
      return days.first <= first && days.last >= last
    })
    return isOf && isWhole
  })
}
