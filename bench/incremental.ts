/**
 * One new day after a long history: what the incremental step costs, and what a full refresh costs that computes every row anew
 * from all raw events, as a batch job does. The refresh is SQL in DuckDB over Parquet, each event once, all cores: as good as it gets.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { DuckDb } from '../src/duckdb/database.ts'
import { quoteText } from '../src/duckdb/sql.ts'
import { invariant } from '../src/errors.ts'
import type { BenchCase, BenchOptions } from './bench.ts'
import { appendDays, dailyPipeline, FIRST_DAY, openDay } from './daily.ts'
import type { DailyLog } from './daily.ts'
import { inPlace, notesOf, runToEnd } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

const WINDOW = 30
const HISTORIES = [90, 180, 360]
const USERS_PER_EVENT = 0.5
/** The events of the default size are those of the longest history and the day after it. */
const DAYS_MAX = 361
/** Below so many events there are fewer days instead of fewer events on each. */
const EVENTS_WHOLE = 100_000

export const incrementalCases: readonly BenchCase[] = HISTORIES.map((days) => ({
  name: `one day after ${days} days, windows of ${WINDOW}: the incremental step`,
  run: (options: BenchOptions) => measureStep(options, days),
}))

/** Counts the records of the new day; what the refresh takes in the same run is among the notes. */
function measureStep({ events }: BenchOptions, history: number): Promise<Measured> {
  const share = Math.min(1, events / EVENTS_WHOLE)
  const days = Math.ceil(history * share)
  return inPlace(async (place) => {
    const eventsPerDay = Math.ceil(events / (DAYS_MAX * share))
    const directory = path.join(place, 'log')
    const users = Math.ceil(eventsPerDay * USERS_PER_EVENT)
    const log: DailyLog = { directory, eventsPerDay, users }
    const pipeline = await dailyPipeline({ log, place, window: WINDOW })
    const { offline } = pipeline.sinks
    const tablesOnly = { ...pipeline, sinks: offline ? { offline } : {} }
    const newDay = FIRST_DAY + days
    await appendDays(log, { from: FIRST_DAY, to: newDay - 1 })
    await openDay(log, newDay)
    await runToEnd(tablesOnly)
    await appendDays(log, { from: newDay, to: newDay })
    await openDay(log, newDay + 1)
    const step = await measure(async () => {
      const summary = await runToEnd(tablesOnly)
      const records = summary.partitions.reduce((sum, each) => sum + each.records, 0)
      return { count: records, notes: notesOf(summary) }
    })
    const refresh = await measureRefresh(place, directory)
    return {
      ...step,
      notes: {
        rows: step.notes['rows'] ?? 0,
        'full refresh rows': refresh.count,
        'full refresh seconds': refresh.seconds,
        'full refresh CPU s': refresh.cpuSeconds,
        'step CPU s': step.cpuSeconds,
        'refresh / step': refresh.seconds / step.seconds,
      },
    }
  })
}

async function measureRefresh(place: string, log: string): Promise<Measured> {
  const scratch = path.join(place, 'refresh')
  await mkdir(scratch, { recursive: true })
  await using database = await DuckDb.open({
    memoryMb: 4_000,
    threads: 2,
    concurrentMax: 1,
    temporaryDirectory: path.join(scratch, 'duckdb'),
  })
  const events = quoteText(path.join(scratch, 'events.parquet'))
  const rows = quoteText(path.join(scratch, 'rows.parquet'))
  await database.run(
    `COPY (SELECT * FROM read_json(${quoteText(`${log}/*.jsonl`)}, format = 'newline_delimited', columns = {
       user_id: 'VARCHAR', event_ts: 'BIGINT', event_type: 'VARCHAR', amount: 'DECIMAL(18,2)' }))
     TO ${events} (FORMAT parquet, COMPRESSION zstd)`,
  )
  return await measure(async () => {
    await database.run(`COPY (${refreshSql(events)}) TO ${rows} (FORMAT parquet, COMPRESSION zstd)`)
    const [found] = await database.rows(`SELECT count(*)::INTEGER AS n FROM read_parquet(${rows})`)
    const count = found?.['n']
    invariant(typeof count === 'number' && count > 0, 'the refresh has rows')
    return { count }
  })
}

/** A row per user and day with a non-empty longest window. */
function refreshSql(events: string): string {
  const columns = ['impressions', 'clicks', 'amount'].flatMap((name) =>
    [1, WINDOW].map(
      (days) =>
        `coalesce(sum(${name}) OVER (PARTITION BY user_id ORDER BY day RANGE BETWEEN ${days - 1} PRECEDING AND CURRENT ROW), 0) AS ${name}_${days}d`,
    ),
  )
  return `
    WITH tiles AS (
      SELECT user_id, event_ts // 86400000 AS day,
             count(*) FILTER (event_type = 'impression') AS impressions,
             count(*) FILTER (event_type = 'click') AS clicks, sum(amount) AS amount
      FROM read_parquet(${events}) GROUP BY ALL),
    last AS (SELECT max(day) - 1 AS day FROM tiles),
    spine AS (
      SELECT DISTINCT user_id, day + i AS day FROM tiles, range(${WINDOW}) AS steps(i)
      WHERE day + i <= (SELECT day FROM last)),
    filled AS (SELECT * FROM spine LEFT JOIN tiles USING (user_id, day))
    SELECT user_id, day, ${columns.join(', ')} FROM filled ORDER BY day, user_id`
}
