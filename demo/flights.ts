/**
 * The flights of the demo as rows of DuckDB, and as the embedded log that a pipeline reads.
 *
 * `data/flights-3m.parquet` of the npm package vega-datasets: three million flights between airports of the United
 * States, January to June 2001, drawn from the on-time statistics of the Bureau of Transportation Statistics. Its columns:
 *
 *     date      when the flight really departed, in the local time of its airport; here taken as UTC
 *     delay     minutes behind the timetable at arrival; negative where it was early
 *     distance  miles
 *     origin, destination
 *
 * A flight becomes a record at its departure plus its delay, so lateness in the log is the lateness of flights. An early one
 * becomes a record at its departure: nothing is known of a flight before it.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { slotOf } from '../src/core/slot.ts'
import type { Cell } from '../src/duckdb/cell.ts'
import type { DuckDb } from '../src/duckdb/database.ts'
import { quoteReadPath, quoteText } from '../src/duckdb/sql.ts'
import { invariant } from '../src/errors.ts'

export const FLIGHTS = 3_000_000
/** A partition is folded by itself, so two of them show that nothing depends on their interleaving. */
export const PARTITIONS = 2

export interface FlightFile {
  /** The Parquet file. */
  readonly dataset: string
  /** About so many flights: those of some airports, whole. */
  readonly limit: number
}

/** Table `flights`: a row per record of the log. `row` is the place in the dataset, which orders equal arrivals. */
export async function loadFlights(database: DuckDb, { dataset, limit }: FlightFile): Promise<void> {
  const file = `read_parquet(${quoteReadPath(dataset)}, file_row_number = true)`
  const airports = await database.rows(`
    SELECT origin FROM (
      SELECT origin, coalesce(sum(count(*)) OVER (ORDER BY md5(origin) ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW), 0) AS before
      FROM ${file} GROUP BY origin
    ) WHERE before < ${limit}`)
  const places = airports.map(({ origin }) => {
    const airport = textOf(origin)
    return `(${quoteText(airport)}, ${partitionOf(airport)})`
  })
  await database.run(
    `CREATE TABLE airports AS SELECT * FROM (VALUES ${places.join(', ')}) AS places(origin, partition)`,
  )
  await database.run(`
    CREATE TABLE flights AS
    SELECT file_row_number AS row, partition, origin, destination, delay, distance AS miles,
      epoch_ms(date) AS departed,
      epoch_ms(date) + 60000 * greatest(delay, 0) AS arrived
    FROM ${file} JOIN airports USING (origin)`)
}

/** By a hash of the key, as a producer would; another one than the hash slots inside a partition have. */
function partitionOf(airport: string): number {
  return slotOf(`airport ${airport}`, PARTITIONS)
}

export interface PreparedLog {
  readonly records: number
  readonly bytes: number
  /** Whether it was there already. */
  readonly cached: boolean
}

/** Writes `0.jsonl`, `1.jsonl`, each in the order of arrival, unless an earlier run has left the same ones. */
export async function prepareLog(
  database: DuckDb,
  directory: string,
  onProgress: (done: number, total: number) => void,
): Promise<PreparedLog> {
  const [counted] = await database.rows(
    'SELECT count(*) AS records, sum(arrived) AS arrived FROM flights',
  )
  const records = Number(counted?.['records'])
  const contents = JSON.stringify({ format: 1, partitions: PARTITIONS, ...counted }, bigintAsText)
  const marker = path.join(directory, 'contents.json')
  if ((await readFile(marker, 'utf8').catch(() => '')) === contents) {
    return { records, bytes: await bytesOf(directory), cached: true }
  }
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    onProgress(partition, PARTITIONS)
    await writePartition(database, partition, path.join(directory, `${partition}.jsonl`))
  }
  onProgress(PARTITIONS, PARTITIONS)
  await writeFile(marker, contents)
  return { records, bytes: await bytesOf(directory), cached: false }
}

async function writePartition(database: DuckDb, partition: number, file: string): Promise<void> {
  await database.run(`
    COPY (
      SELECT departed, arrived, origin, destination, delay, miles FROM flights
      WHERE partition = ${partition} ORDER BY arrived, row
    ) TO ${quoteText(`${file}.tmp`)} (FORMAT json)`)
  await rename(`${file}.tmp`, file)
}

async function bytesOf(directory: string): Promise<number> {
  let bytes = 0
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    bytes += (await stat(path.join(directory, `${partition}.jsonl`))).size
  }
  return bytes
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

/** A cell of a column of texts. */
export function textOf(cell: Cell | undefined): string {
  invariant(typeof cell === 'string', `expected a text, found ${JSON.stringify(cell)}`)
  return cell
}
