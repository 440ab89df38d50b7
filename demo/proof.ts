/** The proof: every sink recomputed by DuckDB straight from the dataset, and compared. */
import { rm } from 'node:fs/promises'
import { openOnlineReader } from '../src/cli/compose.ts'
import { systemClock } from '../src/cli/system-clock.ts'
import type { Pipeline } from '../src/core/definition.ts'
import { DuckDb } from '../src/duckdb/database.ts'
import { invariant } from '../src/errors.ts'
import { readRejects } from '../src/rejects/read-rejects.ts'
import { compareOnline, compareRows, readTable } from './compare.ts'
import type { Comparison } from './compare.ts'
import { computeAccepted, computeOnline, computeRows } from './expected.ts'

export interface Proven extends Comparison {
  readonly what: string
}

/** With as much memory as the window functions want; the command that fills the sinks takes far less. */
export async function withDatabase<T>(
  directory: string,
  work: (database: DuckDb) => Promise<T>,
): Promise<T> {
  const limits = { memoryMb: 3_000, threads: 2, concurrentMax: 1, temporaryDirectory: directory }
  try {
    await using database = await DuckDb.open(limits)
    return await work(database)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Needs the table `flights`. Tells of each sink as soon as it is compared. */
export async function prove(
  database: DuckDb,
  pipeline: Pipeline,
  tell: (proven: Proven) => void,
): Promise<void> {
  const { offline, online } = pipeline.sinks
  invariant(
    offline?.location.kind === 'directory' && online,
    'the pipeline of the demo has both sinks, and its tables in a directory',
  )
  await computeAccepted(database, pipeline)
  for (const view of pipeline.views) {
    await computeRows(database, view)
    await readTable(database, view, offline.location.directory)
    tell({ what: `rows of ${view.name}`, ...(await compareRows(database, view)) })
  }
  const store = await openOnlineReader(pipeline, online, systemClock)
  invariant(store, 'a run has filled the online store')
  try {
    for (const view of pipeline.views) {
      await computeOnline(database, view)
      tell({
        what: `online values of ${view.name}`,
        ...(await compareOnline(database, store, view)),
      })
    }
  } finally {
    await store[Symbol.asyncDispose]()
  }
  tell({ what: 'dead letters', ...(await compareRejects(database, pipeline.rejects.directory)) })
}

/** Nothing is refused but the flights that came too late, each of them once. */
async function compareRejects(database: DuckDb, directory: string): Promise<Comparison> {
  const rows = await database.rows(`
    SELECT partition, arrived, departed, origin, destination, delay, miles FROM judged
    ANTI JOIN accepted USING (row)`)
  const expected = rows.map(({ partition, ...flight }) => flightText(Number(partition), flight))
  const found: string[] = []
  for await (const { partition, reason, value } of readRejects(directory)) {
    const flight = JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>
    found.push(`${flightText(partition, flight)}${reason === 'too_late' ? '' : `: ${reason}`}`)
  }
  const problems = [
    ...without(expected, found).map((text) => `missing: ${text}`),
    ...without(found, expected).map((text) => `not expected: ${text}`),
  ]
  return { compared: expected.length, differ: problems.length, samples: problems.slice(0, 5) }
}

function flightText(partition: number, flight: Readonly<Record<string, unknown>>): string {
  const names = ['origin', 'destination', 'departed', 'arrived', 'delay', 'miles']
  return [partition, ...names.map((name) => String(flight[name]))].join(' ')
}

/** Multisets: two equal flights are two. */
function without(texts: readonly string[], others: readonly string[]): string[] {
  const rest = [...others]
  return texts.filter((text) => {
    const at = rest.indexOf(text)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
