/**
 * The sinks against what was expected of them, every row and every column that is content.
 *
 * The tables are read as any Delta reader does it: the log says which files are active, in one SQL statement.
 */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import type { ViewDefinition } from '../src/core/definition.ts'
import type { Row, DuckDb } from '../src/duckdb/database.ts'
import { quoteReadPath, quoteText, readFilesSql } from '../src/duckdb/sql.ts'
import type { OnlineStore, OnlineValue } from '../src/engine/ports.ts'
import { featureNames } from './expected.ts'
import { textOf } from './flights.ts'

export interface Comparison {
  readonly compared: number
  readonly differ: number
  /** Some that differ, in words. */
  readonly samples: readonly string[]
}

const SAMPLES = 5

/** View `table_<name>`: the rows of the table now. */
export async function readTable(
  database: DuckDb,
  { name, version }: ViewDefinition,
  location: string,
): Promise<void> {
  const directory = path.join(location, `${name}_v${version}`)
  const log = path.join(directory, '_delta_log')
  const commits = (await readdir(log)).filter((file) => /^\d{20}\.json$/.test(file))
  const files = commits.map((file) => quoteReadPath(path.join(log, file)))
  const active = await database.rows(`
    WITH actions AS (
      SELECT * FROM read_json([${files.join(', ')}], format = 'newline_delimited',
        columns = { add: 'STRUCT(path VARCHAR)', remove: 'STRUCT(path VARCHAR)' })
    )
    SELECT add.path AS file FROM actions WHERE add.path IS NOT NULL
      AND add.path NOT IN (SELECT remove.path FROM actions WHERE remove.path IS NOT NULL)`)
  const paths = active.map(({ file }) => path.join(directory, textOf(file)))
  await database.run(`CREATE VIEW table_${name} AS ${readFilesSql(paths).slice(1, -1)}`)
}

/** Rows that only one side has, and rows with any value that is not the same. */
export async function compareRows(database: DuckDb, view: ViewDefinition): Promise<Comparison> {
  const { name, entity } = view
  const places = ['ds', ...entity]
  const columns = ['event_timestamp', ...featureNames(view), '_max_event_time', '_complete_from']
  await database.run(`
    CREATE TABLE differing_${name} AS
    WITH actual AS (
      SELECT * REPLACE (ds::DATE AS ds, event_timestamp::TIMESTAMP AS event_timestamp, _max_event_time::TIMESTAMP AS _max_event_time)
      FROM table_${name}
    )
    SELECT ${places.map((column) => `coalesce(e.${column}, a.${column}) AS ${column}`).join(', ')},
      CASE WHEN e.ds IS NULL THEN 'not expected' WHEN a.ds IS NULL THEN 'missing' ELSE concat_ws(', ',
        ${columns.map(differenceSql).join(', ')},
        CASE WHEN a._definition IS DISTINCT FROM ${quoteText(view.hash)} THEN '_definition' END) END AS problem
    FROM expected_${name} AS e FULL JOIN actual AS a USING (${places.join(', ')})
    WHERE problem <> ''`)
  const [counts] = await database.rows(`
    SELECT (SELECT count(*) FROM expected_${name}) AS expected,
      (SELECT count(*) - count(DISTINCT (${places.join(', ')})) FROM table_${name}) AS repeated,
      (SELECT count(*) FROM differing_${name}) AS differing`)
  const samples = await database.rows(`
    SELECT concat_ws(' ', ${places.join(', ')}) || ': ' || problem AS sample
    FROM differing_${name} ORDER BY ${places.join(', ')} LIMIT ${SAMPLES}`)
  return {
    compared: Number(counts?.['expected']),
    differ: Number(counts?.['differing']) + Number(counts?.['repeated']),
    samples: samples.map(({ sample }) => textOf(sample)),
  }
}

/** `flights_7d expected 12, found 11`, or null where both are the same. */
function differenceSql(column: string): string {
  const [e, a] = [`e.${column}`, `a.${column}`]
  return `CASE WHEN ${e} IS DISTINCT FROM ${a} THEN concat('${column} expected ', ${e}, ', found ', ${a}) END`
}

/** The value of every entity that ever had a flight. */
export async function compareOnline(
  database: DuckDb,
  store: Pick<OnlineStore, 'read'>,
  view: ViewDefinition,
): Promise<Comparison> {
  const features = featureNames(view)
  const samples: string[] = []
  let compared = 0
  let differ = 0
  for await (const rows of database.batches(`SELECT * FROM online_${view.name}`)) {
    for (const row of rows) {
      // Airports have no letters that would have to be written otherwise.
      const entity = view.entity.map((field) => textOf(row[field])).join('|')
      const value = await store.read(`${view.name}:v${view.version}`, entity)
      const problems = value ? differences(features, row, value) : ['missing']
      compared += 1
      if (problems.length === 0) continue
      differ += 1
      if (samples.length < SAMPLES) samples.push(`${entity}: ${problems.join(', ')}`)
    }
  }
  return { compared, differ, samples }
}

function differences(features: readonly string[], expected: Row, value: OnlineValue): string[] {
  const found = new Map(value.fields.map(([name, text]) => [name, Number(text)]))
  const isEmpty = found.size === 0
  return features.flatMap((name) => {
    const wanted = expected[name] ?? null
    // An all-empty value has no fields at all; in any other the counts are there, too.
    const same = isEmpty ? wanted === null || wanted === 0 : (found.get(name) ?? null) === wanted
    return same
      ? []
      : [`${name} expected ${JSON.stringify(wanted)}, found ${String(found.get(name))}`]
  })
}
