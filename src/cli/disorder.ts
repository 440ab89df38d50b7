/**
 * How far out of order a log is: how far each event lies behind the newest before it, per partition. Pure.
 *
 *     event times   10:00   10:05   09:58   10:06
 *     behind          0       0      7 min    0
 *
 * The watermark should stay behind by as much as nearly all events do (outOfOrderness); the few that come later than that
 * need allowedLateness, counted from the end of their day.
 */
import type { Calendar } from '../core/day.ts'

export interface Disorder {
  readonly events: number
  /** Share of events that are not the newest so far. */
  readonly outOfOrderShare: number
  /** Behind the newest before them, ms, ascending. */
  readonly behindMs: readonly number[]
}

/** @param partitions event times of each partition in the order of its log */
export function measureDisorder(partitions: readonly (readonly number[])[]): Disorder {
  const behind: number[] = []
  for (const times of partitions) {
    let newest = -Infinity
    for (const time of times) {
      newest = Math.max(newest, time)
      behind.push(newest - time)
    }
  }
  const outOfOrder = behind.filter((ms) => ms > 0).length
  return {
    events: behind.length,
    outOfOrderShare: behind.length === 0 ? 0 : outOfOrder / behind.length,
    behindMs: behind.sort((a, b) => a - b),
  }
}

export interface Lateness {
  /** Share of events that came when the watermark had passed the end of their day. */
  readonly lateShare: number
  /** The furthest that it had passed, ms; undefined where no event was late. */
  readonly latestMs: number | undefined
}

/** What becomes of the events with a watermark that stays this far behind. */
export function measureLateness(
  partitions: readonly (readonly number[])[],
  outOfOrdernessMs: number,
  calendar: Calendar,
): Lateness {
  let events = 0
  let late = 0
  let latestMs = -Infinity
  for (const times of partitions) {
    let watermark = -Infinity
    for (const time of times) {
      const passedMs = watermark > time ? watermark - calendar.endOf(calendar.dayOf(time)) : -1
      if (passedMs >= 0) late += 1
      latestMs = Math.max(latestMs, passedMs)
      watermark = Math.max(watermark, time - outOfOrdernessMs)
      events += 1
    }
  }
  return {
    lateShare: events === 0 ? 0 : late / events,
    latestMs: latestMs < 0 ? undefined : latestMs,
  }
}

/** Smallest value that at least this share of the sorted values do not exceed. */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return 0
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
