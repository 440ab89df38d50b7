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
  readonly medianMs: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** The latest that a day was reached after the watermark had passed its end, ms; 0 where none was. */
  readonly latenessMs: (outOfOrdernessMs: number) => number
}

/** @param partitions event times of each partition in the order of its log */
export function measureDisorder(
  partitions: readonly (readonly number[])[],
  calendar: Calendar,
): Disorder {
  const behind: number[] = []
  for (const times of partitions) {
    let newest = -Infinity
    for (const time of times) {
      newest = Math.max(newest, time)
      behind.push(newest - time)
    }
  }
  behind.sort((a, b) => a - b)
  return {
    events: behind.length,
    outOfOrderShare: behind.length === 0 ? 0 : behind.filter((ms) => ms > 0).length / behind.length,
    medianMs: quantile(behind, 0.5),
    p99Ms: quantile(behind, 0.99),
    p999Ms: quantile(behind, 0.999),
    maxMs: behind.at(-1) ?? 0,
    latenessMs: (outOfOrdernessMs) => {
      let latest = 0
      for (const times of partitions) {
        let watermark = -Infinity
        for (const time of times) {
          if (watermark > time) {
            latest = Math.max(latest, watermark - calendar.endOf(calendar.dayOf(time)))
          }
          watermark = Math.max(watermark, time - outOfOrdernessMs)
        }
      }
      return latest
    },
  }
}

/** Smallest value that at least this share of the sorted values do not exceed. */
function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return 0
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
