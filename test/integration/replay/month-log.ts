/** A month of a shop's events, as JSON lines in two partitions, a day at a time; and what plain SQL makes of all of them. */
import { appendFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import type { DuckDb, Row } from '../../../src/duckdb/database.ts'
import { quoteText } from '../../../src/duckdb/sql.ts'
import { partitionOf } from '../../../bench/workload.ts'
import { createRandom } from '../../../bench/random.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
export const FIRST_MS = Date.UTC(2026, 0, 1)
export const DAYS = 31
const EVENTS_PER_DAY = 90
/** Of which some are seen on a few days only: their windows run empty. */
const USERS = 24
const PARTITIONS = 2
const TYPES = ['view', 'view', 'view', 'click', 'buy'] as const

export const PIPELINE = `name: shop
source:
  files: ./log
  format: json
  key: user_id
  fields:
    user_id: string
    item_id: int64
    event_type: string
    amount: decimal(18,2)
    rating: double
  event: { time: { field: event_ts, format: ms } }
time: { zone: UTC, outOfOrderness: 30m, allowedLateness: 24h }
views:
  user_activity:
    entity: user_id
    windows: [1d, 7d, 14d]
    features:
      clicks: { count: "*", where: { event_type: click } }
      views: { count: "*", where: { event_type: view } }
      spend: { sum: amount, where: { event_type: buy } }
      average: { avg: amount }
      smallest: { min: amount, windows: [7d] }
      best: { max: rating, windows: [14d] }
      newest_item: { last: item_id }
    derived:
      ctr: clicks / nullif(views, 0)
  user_item:
    entity: [user_id, item_id]
    where: { event_type: { not: view } }
    windows: [3d, 30d]
    features:
      n: { count: "*" }
      spend: { sum: amount }
sinks:
  online: { leveldb: ./online }
  offline: { delta: ./features, slots: 2 }
state: ./state
`

/** Appends the events of a day: one in ten up to half an hour back, one in fifty up to 20 hours; none comes too late. */
export function appendDay(directory: string, day: number): void {
  mkdirSync(directory, { recursive: true })
  const random = createRandom(1_000 + day)
  const lines: string[][] = Array.from({ length: PARTITIONS }, () => [])
  for (let i = 0; i < EVENTS_PER_DAY; i += 1) {
    const user = drawUser(day, random.below(USERS))
    const order = random.below(100)
    const backMs =
      order < 10 ? random.below(30 * MINUTE_MS) : order < 12 ? random.below(1_200 * MINUTE_MS) : 0
    const writtenMs = FIRST_MS + day * DAY_MS + Math.floor((i / EVENTS_PER_DAY) * DAY_MS)
    const type = TYPES[random.below(TYPES.length)] ?? 'view'
    const event = {
      sequence: day * EVENTS_PER_DAY + i,
      user_id: user,
      item_id: random.below(6),
      event_type: type,
      // Nothing is before the log.
      event_ts: Math.max(FIRST_MS, writtenMs - backMs),
      ...(type === 'buy' ? { amount: (random.below(10_000) / 100).toFixed(2) } : {}),
      ...(random.below(3) === 0 ? { rating: random.below(50) / 10 } : {}),
    }
    lines[partitionOf(user) % PARTITIONS]?.push(JSON.stringify(event))
  }
  lines.forEach((ofPartition, partition) => {
    appendFileSync(path.join(directory, `${partition}.jsonl`), `${ofPartition.join('\n')}\n`)
  })
}

/** The last third of the users comes on every eleventh day only. */
function drawUser(day: number, drawn: number): string {
  const isRare = drawn >= (USERS * 2) / 3
  return isRare && day % 11 !== 3 ? `u${drawn % 8}` : `u${drawn}`
}

interface SqlView {
  readonly entity: readonly string[]
  readonly where: string
  readonly longest: number
  /** Column -> its expression over the events of a window, with the days of the window. */
  readonly columns: Readonly<Record<string, readonly [days: number, sql: string]>>
  /** Column -> an expression over the columns. */
  readonly derived: Readonly<Record<string, string>>
}

function windows(days: readonly number[], name: string, sql: string): SqlView['columns'] {
  return Object.fromEntries(days.map((each) => [`${name}_${each}d`, [each, sql] as const]))
}

const COUNT = 'count(*)'

/** The same, written by hand from the definitions. */
export const SQL_VIEWS: Readonly<Record<string, SqlView>> = {
  user_activity: {
    entity: ['user_id'],
    where: 'true',
    longest: 14,
    columns: {
      ...windows([1, 7, 14], 'clicks', `${COUNT} FILTER (event_type = 'click')`),
      ...windows([1, 7, 14], 'views', `${COUNT} FILTER (event_type = 'view')`),
      ...windows(
        [1, 7, 14],
        'spend',
        `coalesce(sum(amount) FILTER (event_type = 'buy'), 0)::DECIMAL(38,2)`,
      ),
      ...windows([1, 7, 14], 'average', 'sum(amount)::DOUBLE / count(amount)'),
      ...windows([7], 'smallest', 'min(amount)'),
      ...windows([14], 'best', 'max(rating)'),
      ...windows([1, 7, 14], 'newest_item', 'arg_max(item_id, (event_ts, sequence))'),
    },
    derived: Object.fromEntries(
      [1, 7, 14].map((d) => [`ctr_${d}d`, `clicks_${d}d::DOUBLE / nullif(views_${d}d, 0)`]),
    ),
  },
  user_item: {
    entity: ['user_id', 'item_id'],
    where: `event_type <> 'view'`,
    longest: 30,
    columns: {
      ...windows([3, 30], 'n', COUNT),
      ...windows([3, 30], 'spend', 'coalesce(sum(amount), 0)::DECIMAL(38,2)'),
    },
    derived: {},
  },
}

/** Every row of every closed day, one window after the other over the raw events. */
export async function rowsBySql(
  database: DuckDb,
  directory: string,
  { entity, where, longest, columns, derived }: SqlView,
): Promise<Row[]> {
  const key = entity.join(', ')
  const features = Object.entries(columns).map(
    ([name, [days, sql]]) =>
      `(SELECT ${sql} FROM events AS e WHERE ${entity.map((f) => `e.${f} = spine.${f}`).join(' AND ')}
        AND e.day BETWEEN spine.day - ${days - 1} AND spine.day) AS ${name}`,
  )
  const expressions = [
    'day AS _day',
    ...Object.entries(derived).map(([name, sql]) => `${sql} AS ${name}`),
  ]
  return database.rows(`
    WITH raw AS (
      SELECT *, event_ts // 86400000 AS day, filename FROM read_json(${quoteText(`${directory}/*.jsonl`)},
        format = 'newline_delimited', filename = true, columns = { sequence: 'BIGINT', user_id: 'VARCHAR', item_id: 'BIGINT',
        event_type: 'VARCHAR', event_ts: 'BIGINT', amount: 'DECIMAL(18,2)', rating: 'DOUBLE' })),
    closed AS (SELECT filename, (max(event_ts) - 1800000) // 86400000 - 1 AS last FROM raw GROUP BY filename),
    events AS MATERIALIZED (SELECT * FROM raw WHERE ${where}),
    -- A row while the longest window has an event, and one more when it has run empty.
    spine AS (
      SELECT DISTINCT ${key}, day + i AS day FROM events JOIN closed USING (filename), range(${longest + 1}) AS steps(i)
      WHERE day + i <= last),
    features AS (SELECT *, ${features.join(',\n')} FROM spine)
    SELECT * EXCLUDE (day), ${expressions.join(', ')}
    FROM features ORDER BY _day, ${key}`)
}
