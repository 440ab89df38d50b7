/**
 * What the sinks must hold, recomputed in plain SQL straight from the dataset: the rules of the product written a second
 * time, in another language, sharing nothing with the engine but the definitions in `flights.yaml`.
 *
 *     flights -> accepted (who came too late)  -> daily (a day of a route) -> expected rows, expected online values
 *
 * Integers and sums are exact, an average is double(sum) / count, so values are compared for equality and not nearly.
 */
import type { Pipeline, ViewDefinition } from '../src/core/definition.ts'
import type { DuckDb } from '../src/duckdb/database.ts'

const DAY_MS = 86_400_000

/**
 * Table `accepted`. The watermark before a record is the largest event time so far in its partition, less the out of
 * orderness; records that are too late lie behind that largest one, so they may be counted in. Table `clocks`: where each
 * partition stands at the end of its log.
 */
export async function computeAccepted(database: DuckDb, { time }: Pipeline): Promise<void> {
  await database.run(`
    CREATE TABLE judged AS
    SELECT *, departed // ${DAY_MS} AS day,
      max(departed) OVER (
        PARTITION BY partition ORDER BY arrived, row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
      ) - ${time.outOfOrdernessMs} AS watermark
    FROM flights`)
  await database.run(`
    CREATE TABLE accepted AS
    SELECT * FROM judged
    WHERE watermark IS NULL OR (day + 1) * ${DAY_MS} + ${time.allowedLatenessMs} > watermark`)
  await database.run(`
    CREATE TABLE clocks AS
    SELECT partition, (max(departed) - ${time.outOfOrdernessMs}) // ${DAY_MS} - 1 AS closed_day,
      arg_min(day, (arrived, row)) AS complete_from
    FROM accepted GROUP BY partition`)
  await database.run(`
    CREATE TABLE daily AS
    SELECT partition, origin, destination, day, count(*) AS flights,
      count(*) FILTER (delay > 15) AS late, sum(delay)::BIGINT AS delays, max(delay) AS worst_delay,
      sum(miles)::BIGINT AS miles, max(departed) AS newest
    FROM accepted GROUP BY ALL`)
}

/** Late ones that were accepted, and those that came too late. */
export async function countLate(database: DuckDb): Promise<{ late: number; tooLate: number }> {
  const [row] = await database.rows(`
    SELECT count(*) FILTER ((day + 1) * ${DAY_MS} <= watermark) AS late,
      (SELECT count(*) FROM judged) - count(*) AS too_late
    FROM accepted`)
  return { late: Number(row?.['late']), tooLate: Number(row?.['too_late']) }
}

/** Table `expected_<view>`: a row for every closed day on which the longest window has a flight, or ceased to have one. */
export async function computeRows(database: DuckDb, view: ViewDefinition): Promise<void> {
  const keys = view.entity.join(', ')
  const longest = Math.max(...view.windows)
  await database.run(`
    CREATE TABLE expected_${view.name} AS
    WITH tiles AS (${tilesSql(view)}),
    spine AS (
      SELECT ${keys}, partition, complete_from, unnest(generate_series(min(day), closed_day)) AS day
      FROM tiles JOIN clocks USING (partition) GROUP BY ${keys}, partition, closed_day, complete_from
    ),
    merged AS (
      SELECT ${keys}, day, complete_from, ${view.windows.map(windowSumsSql).join(', ')}
      FROM spine LEFT JOIN tiles USING (${keys}, day)
      WINDOW ${view.windows.map((days) => windowSql(keys, days)).join(', ')}
    )
    SELECT ${keys}, make_date(1970, 1, 1) + day::INTEGER AS ds,
      make_timestamp((day + 1) * ${DAY_MS * 1000}) AS event_timestamp,
      ${view.windows.map(featuresSql).join(', ')},
      make_timestamp(newest_${longest}d * 1000) AS _max_event_time,
      make_date(1970, 1, 1) + complete_from::INTEGER AS _complete_from
    FROM merged
    QUALIFY flights_${longest}d > 0
      OR lag(flights_${longest}d) OVER (PARTITION BY ${keys} ORDER BY day) > 0`)
}

/**
 * Table `online_<view>`: the value of each entity as of the day of its newest flight or the day after the last closed one,
 * whichever is later.
 */
export async function computeOnline(database: DuckDb, view: ViewDefinition): Promise<void> {
  const keys = view.entity.join(', ')
  await database.run(`
    CREATE TABLE online_${view.name} AS
    WITH tiles AS (${tilesSql(view)}),
    ends AS (
      SELECT ${keys}, greatest(max(day), max(closed_day) + 1) AS as_of
      FROM tiles JOIN clocks USING (partition) GROUP BY ${keys}
    ),
    merged AS (
      SELECT ${keys}, as_of, ${view.windows.map(filteredSumsSql).join(', ')}
      FROM tiles JOIN ends USING (${keys}) GROUP BY ${keys}, as_of
    )
    SELECT ${keys}, as_of, ${view.windows.map(featuresSql).join(', ')} FROM merged`)
}

export function featureNames({ windows }: ViewDefinition): string[] {
  const names = ['flights', 'late', 'avg_delay', 'worst_delay', 'miles', 'late_share']
  return windows.flatMap((days) => names.map((name) => `${name}_${days}d`))
}

function tilesSql({ entity }: ViewDefinition): string {
  return `
    SELECT partition, ${entity.join(', ')}, day, sum(flights) AS flights, sum(late) AS late,
      sum(delays) AS delays, max(worst_delay) AS worst_delay, sum(miles) AS miles, max(newest) AS newest
    FROM daily GROUP BY ALL`
}

function windowSql(keys: string, days: number): string {
  return `w${days} AS (PARTITION BY ${keys} ORDER BY day ROWS BETWEEN ${days - 1} PRECEDING AND CURRENT ROW)`
}

function windowSumsSql(days: number): string {
  return sumsSql(days, `OVER w${days}`)
}

function filteredSumsSql(days: number): string {
  return sumsSql(days, `FILTER (day > as_of - ${days})`)
}

function sumsSql(days: number, over: string): string {
  return `
    coalesce(sum(flights) ${over}, 0)::BIGINT AS flights_${days}d,
    coalesce(sum(late) ${over}, 0)::BIGINT AS late_${days}d,
    coalesce(sum(delays) ${over}, 0)::BIGINT AS delays_${days}d,
    max(worst_delay) ${over} AS worst_delay_${days}d,
    coalesce(sum(miles) ${over}, 0)::BIGINT AS miles_${days}d,
    max(newest) ${over} AS newest_${days}d`
}

function featuresSql(days: number): string {
  return `
    flights_${days}d, late_${days}d,
    delays_${days}d::DOUBLE / nullif(flights_${days}d, 0)::DOUBLE AS avg_delay_${days}d,
    worst_delay_${days}d, miles_${days}d,
    late_${days}d::DOUBLE / nullif(flights_${days}d, 0)::DOUBLE AS late_share_${days}d,
    newest_${days}d`
}
