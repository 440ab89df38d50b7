/**
 * A replay as data: what was asked for and what is going to happen, decided before anything is read. Written once, under the
 * replay's id, and never changed; running it twice does the same.
 *
 *     days whose events are counted anew        range        A ................ B
 *     rows that can change                      staged       A ................ B + longest window
 *     tiles that those rows need                             A - longest window .. B
 *
 * On the last of those days, and of the first tile, hang all-empty rows only: an entity that sent nothing for the longest window has one.
 */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord, Regrouped } from '../core/generation.ts'
import type { TimeState } from '../core/partition-time.ts'
import type { ArchiveSelection } from '../engine/archive-port.ts'

/** 9999-12-31: the last day of a range that has no end. */
export const OPEN_DAY: DayIndex = 2_932_896

export interface DayRange {
  readonly first: DayIndex
  readonly last: DayIndex
}

export interface ReplayPlan {
  readonly format: 1
  /** Sortable by time, unique: `20260105T120000Z-a1b2c3`. */
  readonly id: string
  readonly pipeline: string
  /** The generation that it was planned against. */
  readonly base: number
  /** What the next generation's record will say, but for its number and its hand-over. */
  readonly record: GenerationRecord
  /** As it was typed: for people. */
  readonly request: string
  readonly range: DayRange
  readonly staged: DayRange
  /** Titles (`user_activity@1`) of the views whose rows are staged and published. */
  readonly views: readonly string[]
  readonly source: ReplaySource
  readonly partitions: readonly PartitionReplay[]
  /**
   * The states at its end become those of the owners: days that it changes lie inside today's windows. Else its rows are
   * swapped in, and the owners go on with what they have.
   */
  readonly handsOver: boolean
  /** The source does not reach back far enough, and it was said that this is wanted all the same. */
  readonly incomplete: boolean
  readonly audit: AuditStamp
}

export type ReplaySource = { readonly kind: 'log' } | ArchiveReplaySource

/** Raw events kept elsewhere; see `src/archive`. */
export interface ArchiveReplaySource extends ArchiveSelection {
  readonly kind: 'archive'
  /** The log is read where the archive ends. */
  readonly readsOn: boolean
}

export interface PartitionReplay {
  readonly partition: number
  readonly start: ReplayStart
  /** First offset that is not read; undefined: what is the end of the log when it runs. */
  readonly stop: number | undefined
  /**
   * First day of which it stages rows, where that is not the plan's: a partition that has been idle for long goes far back for itself, not
   * for the others, and one without an event stages whatever comes to it until the replay is run.
   */
  readonly stagedFirst?: DayIndex
  /** Records between start and stop; undefined where the log cannot tell. */
  readonly records: number | undefined
}

/** The state that a partition's replay begins with. `offset`: the first record that is read. */
export type ReplayStart =
  /** An empty one, where the generation began. */
  | { readonly kind: 'origin'; readonly offset: number }
  /** That of a checkpoint, older than the range. `place`: of the states that a regrouping made, which are there. */
  | {
      readonly kind: 'checkpoint'
      readonly offset: number
      readonly checkpoint: string
      readonly place?: string
    }
  /**
   * A copy of the live one, made when the replay runs, and the tiles that it has dropped from the tile tables. The log is not
   * read: the partition stops where the copy stands. `offset`: where it stood when that was planned.
   */
  | { readonly kind: 'live'; readonly offset: number }
  /** That which old partitions leave to it, by entity: partitions were added. `offset`: its origin; nothing is read from there on. */
  | { readonly kind: 'regrouped'; readonly offset: number }
  /** An empty one with the time of a milestone before the first tile that is needed. */
  | (MilestoneStart & { readonly kind: 'milestone' })
  /** The same, with the tiles of these days from the tile tables: the log no longer has their records, or need not be read. */
  | (MilestoneStart & { readonly kind: 'tiles'; readonly tiles: DayRange })

interface MilestoneStart {
  /** At or before the milestone: from here on ids of events are remembered. */
  readonly offset: number
  /** Where the milestone is: from here on records count. */
  readonly countsFrom: number
  /** The partition's time at `countsFrom`. */
  readonly time: TimeState
}

/** Who did something, when, why, and with what. */
export interface AuditStamp {
  readonly atMs: number
  /** OS user and host. */
  readonly by: string
  readonly reason: string
  /** Version of this program. */
  readonly software: string
}

/** What a plan regroups; undefined: nothing. */
export function regroupedBy({ record, partitions }: ReplayPlan): Regrouped | undefined {
  return partitions.some(({ start }) => start.kind === 'regrouped') ? record.regrouped : undefined
}
