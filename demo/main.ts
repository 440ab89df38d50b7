/**
 * `npm run demo`: three million real flights through the whole path, and every row of the result proven with plain SQL.
 *
 *     1 the log     Parquet of the dataset -> demo-data/log, in the order in which the flights arrived
 *     2 the run     tidemark run: log -> LevelDB state -> online store and Delta tables
 *     3 the proof   DuckDB recomputes every sink from the dataset; exit code 1 where anything differs
 *     4 a month     one airport out of its table
 *
 * Options: --limit N (the flights of some airports, about N), --keep (go on from the state that the last run left), --kafka and
 * --redis (a real broker and a real Redis, started for the demo, in place of the embedded log and store).
 */
import { spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/cli/system-clock.ts'
import { createTerminal, startProgress } from '../src/cli/terminal.ts'
import { bytesWords, countWords } from '../src/cli/words.ts'
import type { Pipeline } from '../src/core/definition.ts'
import { loadPipeline } from '../src/definition/load.ts'
import type { DuckDb } from '../src/duckdb/database.ts'
import { countLate } from './expected.ts'
import { FLIGHTS, PARTITIONS, loadFlights, prepareLog } from './flights.ts'
import { monthLines } from './month.ts'
import { prove, withDatabase } from './proof.ts'
import { produceLog, startServers } from './servers.ts'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const DATASET = path.join(ROOT, 'node_modules', 'vega-datasets', 'data', 'flights-3m.parquet')
const PIPELINE_FILE = 'demo/flights.yaml'
const DEFAULT_PLACE = 'demo-data'
const USAGE_EXIT_CODE = 2
const INTERRUPTED_EXIT_CODE = 130

interface DemoOptions {
  readonly limit: number
  readonly keep: boolean
  readonly kafka: boolean
  readonly redis: boolean
}

function readOptions(args: readonly string[]): DemoOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        limit: { type: 'string' },
        keep: { type: 'boolean', default: false },
        kafka: { type: 'boolean', default: false },
        redis: { type: 'boolean', default: false },
      },
    })
    const limit = Number(values.limit ?? FLIGHTS)
    // What servers that are started anew hold does not go with a state that is kept.
    const isPossible = !(values.keep && (values.kafka || values.redis))
    return Number.isInteger(limit) && limit > 0 && isPossible ? { ...values, limit } : undefined
  } catch {
    return undefined
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) {
    process.stderr.write('usage: npm run demo -- [--limit N] [--keep | --kafka --redis]\n')
    return USAGE_EXIT_CODE
  }
  process.chdir(ROOT)
  const startedMs = performance.now()
  const place = path.resolve(process.env['DEMO_DATA'] ?? DEFAULT_PLACE)
  await mkdir(place, { recursive: true })
  await using servers =
    options.kafka || options.redis ? await startServers(place, PIPELINE_FILE, options) : undefined
  const file = servers?.file ?? PIPELINE_FILE
  const pipeline = await loadPipeline(file, { ...process.env, DEMO_DATA: place })
  return await withDatabase(path.join(place, 'duckdb'), async (database) => {
    await loadFlights(database, { dataset: DATASET, limit: options.limit })
    const cached = await stepLog(database, path.join(place, 'log'))
    if (servers?.brokers !== undefined) await stepTopic(servers.brokers, path.join(place, 'log'))
    if (!options.keep || !cached) await forget(place)
    const exitCode = await stepRun(place, file, options)
    if (exitCode !== 0) return exitCode
    const differ = await stepProof(database, pipeline)
    const { airport, lines } = await monthLines(database)
    heading(4, `A month of ${airport}`)
    for (const line of lines) console.log(line)
    console.log(`\nAll of it in ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`)
    if (servers === undefined) console.log(nextCommands(airport, path.relative(ROOT, place) || '.'))
    return differ === 0 ? 0 : 1
  })
}

function heading(step: number, title: string): void {
  console.log(`\n${step}/4  ${title}`)
}

/** Returns whether the log of an earlier run could be taken. */
async function stepLog(database: DuckDb, directory: string): Promise<boolean> {
  heading(1, 'The log: flights in the order in which they arrived')
  const startedMs = performance.now()
  const terminal = createTerminal(process.stderr)
  using progress = startProgress('log', { terminal, clock: systemClock, tell: console.error })
  const { records, bytes, cached } = await prepareLog(database, directory, (done, total) => {
    progress.update(done, total, `${done} of ${total} partitions`)
  })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(
    `${countWords(records)} records in ${PARTITIONS} partitions, ${bytesWords(bytes)}, ` +
      (cached ? 'from the last run' : `written in ${seconds} s`),
  )
  return cached
}

async function stepTopic(brokers: string, directory: string): Promise<void> {
  const startedMs = performance.now()
  const terminal = createTerminal(process.stderr)
  using progress = startProgress('topic', { terminal, clock: systemClock, tell: console.error })
  const records = await produceLog(brokers, directory, (done) => {
    progress.update(done, FLIGHTS, `${countWords(done)} records produced`)
  })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${countWords(records)} records produced to Kafka at ${brokers} in ${seconds} s`)
}

async function forget(place: string): Promise<void> {
  for (const name of ['state', 'online', 'features']) {
    await rm(path.join(place, name), { recursive: true, force: true })
  }
}

/** The very command that one would type, in a process of its own. */
async function stepRun(
  place: string,
  file: string,
  { kafka, redis }: DemoOptions,
): Promise<number> {
  const log = kafka ? 'the log in Kafka, ' : ''
  heading(
    2,
    `The run: ${log}state in LevelDB, values in ${redis ? 'Redis' : 'LevelDB'}, tables in Delta`,
  )
  console.log(`$ tidemark run -f ${path.relative(ROOT, file)} --until-end`)
  const args = [
    '--max-semi-space-size=32',
    '--import',
    'tsx',
    'src/cli/main.ts',
    'run',
    '-f',
    file,
    '--until-end',
  ]
  const interrupts: NodeJS.Signals[] = []
  // The terminal sends Ctrl-C to the run as well, which commits and leaves; this process waits for it.
  const onInterrupt = (name: NodeJS.Signals): void => {
    interrupts.push(name)
  }
  process.on('SIGINT', onInterrupt)
  try {
    const code = await exitOf(args, { ...process.env, DEMO_DATA: place })
    if (interrupts.length === 0) return code
    console.log('\nStopped. `npm run demo -- --keep` goes on.')
    return INTERRUPTED_EXIT_CODE
  } finally {
    process.off('SIGINT', onInterrupt)
  }
}

function exitOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit', env })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** Returns how many rows and values differ. */
async function stepProof(database: DuckDb, pipeline: Pipeline): Promise<number> {
  heading(3, 'The proof: all of it recomputed with plain SQL in DuckDB, straight from the dataset')
  const startedMs = performance.now()
  let compared = 0
  let differ = 0
  await prove(database, pipeline, (proven) => {
    compared += proven.compared
    differ += proven.differ
    console.log(
      `${proven.what}: ${countWords(proven.compared)} compared, ${countWords(proven.differ)} differ`,
    )
    for (const sample of proven.samples) console.log(`    ${sample}`)
  })
  const { late, tooLate } = await countLate(database)
  console.log(
    `${countWords(late)} flights came after their day was closed and corrected it, ${countWords(tooLate)} came too late.`,
  )
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${countWords(compared)} rows compared, ${countWords(differ)} differ (${seconds} s)`)
  return differ
}

function nextCommands(airport: string, place: string): string {
  const route = `${place}/features/route_delays_v1`
  const tidemark = (words: string): string => `npx tidemark ${words} -f ${PIPELINE_FILE}`
  return `Next${place === DEFAULT_PLACE ? '' : ` (after export DEMO_DATA=${path.resolve(place)})`}:
  ${tidemark('status')}
  ${tidemark(`get airport_delays origin=${airport}`)}
  ${tidemark(`get airport_delays origin=${airport} --offline 2001-02-14`)}
  ${tidemark('late list')}
  ${tidemark('table list')}
  duckdb -c "SELECT origin, destination, flights_30d, avg_delay_30d FROM delta_scan('${route}') WHERE ds = '2001-02-28' ORDER BY avg_delay_30d DESC LIMIT 10"
  python -c "from deltalake import DeltaTable; print(DeltaTable('${route}').to_pandas().tail())"`
}

process.exitCode = await main()
