/** The fold with the Delta tables: every closed day of every entity a row, and the day's tiles. */
import path from 'node:path'
import { DuckDb } from '../src/duckdb/database.ts'
import { quoteText } from '../src/duckdb/sql.ts'
import type { Bench, BenchOptions } from './bench.ts'
import { inPlace, measureEngine } from './engine.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

export const table: Bench = {
  about: 'read, decode, fold, commit, and write the tables (Parquet under a Delta log)',
  unit: 'events',
  events: 6_000_000,
  cases: [
    { name: 'DuckDB: COPY of ready columns, a row per event', isLimit: true, run: measureCopy },
    ...(['json', 'avro'] as const).map((encoding) => ({
      name: `${encoding}: fold + tables`,
      run: ({ events }: BenchOptions) =>
        measureEngine({ encoding, sinks: ['offline'] as const, events }),
    })),
  ],
}

/** Rows as wide as those of the view: an entity, fifteen numbers, what comes with them. */
function measureCopy({ events }: BenchOptions): Promise<Measured> {
  return inPlace(async (place) => {
    const temporaryDirectory = path.join(place, 'duckdb')
    await using database = await DuckDb.open({
      memoryMb: 2_000,
      threads: 2,
      concurrentMax: 1,
      temporaryDirectory,
    })
    const numbers = Array.from(
      { length: 15 },
      (_, i) => `(hash(n * ${i + 1}) % 20)::BIGINT AS feature_${i}`,
    )
    await database.run(`
      CREATE TABLE ready AS
      SELECT 'u' || n AS user_id, make_timestamp(1767225600000000) AS event_timestamp, ${numbers.join(', ')},
        make_timestamp(1767225600000000 + n) AS newest, 'definition' AS definition
      FROM range(${events}) AS numbers(n)`)
    return await measure(async () => {
      const file = quoteText(path.join(place, 'ready.parquet'))
      await database.run(`COPY ready TO ${file} (FORMAT parquet, COMPRESSION zstd)`)
      return { count: events }
    })
  })
}
