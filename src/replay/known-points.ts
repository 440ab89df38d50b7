/** Offsets at which the time of a partition is known exactly, and which of them a replay can begin at. Pure. */
import type { Calendar, DayIndex } from '../core/day.ts'
import { NO_TIME } from '../core/partition-time.ts'
import type { TimeState } from '../core/partition-time.ts'
import type { KnownState } from './knowledge.ts'

/** Where the partition's time is known exactly: at its milestones, and where the state stands. */
export interface Point {
  readonly offset: number
  readonly watermark: number
  readonly maxEventTime: number
  /** Offset of the record that set it. */
  readonly maxEventOffset: number
  readonly newestIdDay: DayIndex
}

interface PointNeeds {
  readonly outOfOrdernessMs: number
  /** What a record at or after it did is not to be counted on. */
  readonly changesFrom: number
}

export function pointsOf(
  { milestones, head }: KnownState,
  { changesFrom, outOfOrdernessMs }: PointNeeds,
): Point[] {
  const { maxEventTime, maxEventOffset, newestIdDay = -Infinity } = head.time
  const points: Point[] = milestones.map((each) => ({ ...each, maxEventOffset: each.offset - 1 }))
  if (maxEventTime !== undefined && maxEventOffset !== undefined) {
    const watermark = maxEventTime - outOfOrdernessMs
    points.push({ offset: head.nextOffset, watermark, maxEventTime, maxEventOffset, newestIdDay })
  }
  return points.filter(({ offset }) => offset <= changesFrom)
}

/** The last one at which no record of `timeMs` or later has been. */
export function latestBefore(points: readonly Point[], timeMs: number): Point | undefined {
  return latestOf(
    points.filter(({ maxEventTime }) => maxEventTime < timeMs),
    ({ offset }) => offset,
  )
}

interface IdNeeds {
  readonly calendar: Calendar
  /** Undefined: events have no ids. */
  readonly duplicatesWithinMs: number | undefined
}

/** The last point before `counts` (or itself) up to which no id matters any more at `counts`. */
export function rememberingFrom(
  points: readonly Point[],
  counts: Point,
  { calendar, duplicatesWithinMs }: IdNeeds,
): Point | undefined {
  if (duplicatesWithinMs === undefined) return counts
  const forgotten = points.filter(
    ({ offset, newestIdDay }) =>
      offset <= counts.offset &&
      (newestIdDay === -Infinity ||
        calendar.endOf(newestIdDay) + duplicatesWithinMs <= counts.watermark),
  )
  return latestOf(forgotten, ({ offset }) => offset)
}

/** The partition's time at a milestone, as the log alone gives it. */
export function timeAt(
  { maxEventTime, maxEventOffset, watermark, newestIdDay }: Point,
  { head }: KnownState,
  calendar: Calendar,
): TimeState {
  return {
    ...NO_TIME,
    maxEventTime,
    maxEventOffset,
    closedDay: calendar.dayOf(watermark) - 1,
    completeFrom: head.time.completeFrom,
    ...(newestIdDay === -Infinity ? {} : { newestIdDay }),
  }
}

export function latestOf<T>(all: readonly T[], offsetOf: (each: T) => number): T | undefined {
  return all.reduce<T | undefined>(
    (a, b) => (a === undefined || offsetOf(b) >= offsetOf(a) ? b : a),
    undefined,
  )
}
