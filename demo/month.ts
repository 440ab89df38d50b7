/** The fourth step: one airport over a month, out of its table. */
import { formatDay } from '../src/core/day.ts'
import type { DuckDb } from '../src/duckdb/database.ts'
import { chartLines } from './chart.ts'
import { textOf } from './flights.ts'

const DAYS = 30

/** Needs the view `table_airport_delays`. */
export async function monthLines(database: DuckDb): Promise<{ airport: string; lines: string[] }> {
  const rows = await database.rows(`
    WITH days AS (SELECT *, ds::DATE AS day FROM table_airport_delays),
    busiest AS (
      SELECT origin FROM days WHERE day = (SELECT max(day) FROM days) ORDER BY flights_30d DESC, origin LIMIT 1
    )
    SELECT day, origin, flights_1d, avg_delay_1d, late_share_30d, worst_delay_30d FROM days
    SEMI JOIN busiest USING (origin) ORDER BY day DESC LIMIT ${DAYS}`)
  const days = rows.toReversed()
  const [first, last] = [days[0], days.at(-1)]
  if (first === undefined || last === undefined)
    return { airport: 'ORD', lines: ['no day is closed yet'] }
  const airport = textOf(last['origin'])
  const [from, to] = [first, last].map(({ day }) => formatDay(Number(day)))
  const share = Math.round(Number(last['late_share_30d']) * 100)
  const lines = [
    `${airport}, ${from} to ${to}: average delay at arrival of the flights of a day, minutes`,
    ...chartLines(
      days.map((row) => ({
        label: formatDay(Number(row['day'])).slice(-2),
        value: Number(row['avg_delay_1d'] ?? 0),
      })),
    ),
    `of these 30 days: ${share} % late by more than 15 minutes, the worst by ${Number(last['worst_delay_30d'])}`,
  ]
  return { airport, lines }
}
