/** What the loop of a partition and its followers share. */
import type { Calendar, DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { PartitionTime } from '../core/partition-time.ts'
import type { TileCodec } from '../core/tile-codec.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import type { PartitionMeters } from './meters.ts'
import type { TableScope } from './parts.ts'
import type { Clock, Log, PartitionState } from './ports.ts'
import type { Regrouping } from './regrouping.ts'
import type { ReadTurns } from './turns.ts'

export interface PartitionContext {
  readonly partition: number
  readonly pipeline: Pipeline
  readonly views: readonly ViewPlan[]
  /** By view. */
  readonly codecs: readonly TileCodec[]
  readonly calendar: Calendar
  readonly generation: number
  /** Hash slots of a (view, day). */
  readonly slots: number
  /** What of the tables is written; undefined: all. */
  readonly writes: TableScope | undefined
  /**
   * Where the state stood that a hand-over has replaced, or an owner of an earlier generation that has written more than this state
   * knows; -Infinity without one: what it told and wrote is better than what could be said from an earlier position, so the followers
   * wait until the fold has passed it.
   */
  readonly heldUntil: number
  /** Undefined: no partition was ever added. */
  readonly regrouping: Regrouping | undefined
  readonly run: string
  readonly state: PartitionState
  readonly turns: ReadTurns
  readonly clock: Clock
  readonly log: Log
  readonly meters: PartitionMeters
  /** Ends the followers: the partition has left, or the run has failed. */
  readonly signal: AbortSignal
  /** Where the last commit left the partition. */
  readonly committed: Committed
}

/** Replaced as a whole by each commit. */
export interface Committed {
  nextOffset: number
  /** Last closed day; -Infinity before the first event. */
  closedDay: DayIndex
  /**
   * Last day that a table may call complete. Days that only a tick has closed count once the end of the log has been seen: an owner
   * that begins anew takes over ticks of the one before it, and has yet to read what that one knew of these days.
   */
  completeDay: DayIndex
  /** The end of the log has been reached since the partition was opened. */
  sawEnd: boolean
  /** Last day into which no record can come any more. */
  finalDay: DayIndex
  watermark: number
  completeFrom: DayIndex | undefined
  /** Far behind the end of the log: followers save their strength. */
  catchingUp: boolean
}

export function noteCommitted(
  committed: Committed,
  time: PartitionTime,
  at: { readonly nextOffset: number; readonly catchingUp: boolean },
): void {
  committed.nextOffset = at.nextOffset
  committed.catchingUp = at.catchingUp
  committed.closedDay = time.closedDay
  committed.completeDay = committed.sawEnd ? time.closedDay : time.logClosedDay
  committed.finalDay = time.finalDay
  committed.watermark = time.watermark
  committed.completeFrom = time.state.completeFrom
}
