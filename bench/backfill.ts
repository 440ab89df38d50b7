/**
 * A backfill of a year: what it reads with windows of 180 days beside what reading each window anew would, and what a record and a row
 * cost beside windows of 7 days.
 */
import path from 'node:path'
import type { Pipeline } from '../src/core/definition.ts'
import type { BenchCase, BenchOptions } from './bench.ts'
import { appendDays, dailyPipeline, FIRST_DAY } from './daily.ts'
import { inPlace, runToEnd } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { replayed } from './replay-run.ts'

const RANGE_DAYS = 365
const LONG = 180
const SHORT = 7
/** Below so many events there are fewer days instead of fewer events on each. */
const EVENTS_WHOLE = 200_000
/** Of which the backfill needs nothing: before its first tile, and after its last day. */
const BEFORE_DAYS = 30
const AFTER_DAYS = 5
const USERS_PER_EVENT = 0.5

export const backfillCases: readonly BenchCase[] = [
  {
    name: `${RANGE_DAYS} days, windows of ${LONG}`,
    run: (options) => measureBackfill(options),
  },
]

function measureBackfill({ events }: BenchOptions): Promise<Measured> {
  const share = Math.min(1, events / EVENTS_WHOLE)
  const rangeDays = Math.ceil(RANGE_DAYS * share)
  const longDays = Math.max(SHORT + 1, Math.ceil(LONG * share))
  const days = BEFORE_DAYS + longDays + rangeDays + AFTER_DAYS
  return inPlace(async (place) => {
    const eventsPerDay = Math.ceil(events / 4 / days)
    const users = Math.ceil(eventsPerDay * USERS_PER_EVENT)
    const log = { directory: path.join(place, 'log'), eventsPerDay, users }
    await appendDays(log, { from: FIRST_DAY, to: FIRST_DAY + days - 1 })
    const first = FIRST_DAY + BEFORE_DAYS + longDays
    const range = { kind: 'days', range: { first, last: first + rangeDays - 1 } } as const
    const backfill = async (window: number): Promise<Measured> => {
      const pipeline = await dailyPipeline({ log, place: path.join(place, `${window}`), window })
      await runToEnd(withTables(pipeline))
      return measure(async () => {
        const wanted = { range, onlyRange: true, start: 'milestone' } as const
        const { records, rows } = await replayed(withTables(pipeline), wanted)
        return { count: records, notes: { rows } }
      })
    }
    const short = await backfill(SHORT)
    const long = await backfill(longDays)
    const unit = ({ count, notes, cpuSeconds }: Measured): number =>
      (cpuSeconds / (count + (notes['rows'] ?? 0))) * 1e6
    return {
      ...long,
      notes: {
        'days read': Math.round(long.count / eventsPerDay),
        'day scans without carried-over state': longDays * rangeDays,
        rows: long.notes['rows'] ?? 0,
        'CPU us per record and row': unit(long),
        [`CPU us per record and row, windows of ${SHORT}`]: unit(short),
        ratio: unit(long) / unit(short),
      },
    }
  })
}

function withTables({ sinks: { offline }, ...pipeline }: Pipeline): Pipeline {
  return { ...pipeline, sinks: offline ? { offline } : {} }
}
