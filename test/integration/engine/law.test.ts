/**
 * The law on the real adapters: files with both framings, LevelDB for state and online store, Delta tables through DuckDB,
 * rejects in files. As many random scenarios as a fixed time allows; all sinks are what the oracle recomputes.
 */
import avsc from 'avsc'
import { appendFile } from 'node:fs/promises'
import path from 'node:path'
import process from 'node:process'
import { expect, test } from 'vitest'
import { expectSinksEqual } from '../../support/expect-sinks.ts'
import { recompute } from '../../support/oracle.ts'
import { pipelineText, scenarios, type Scenario } from '../../support/random-log.ts'
import type { RawPartition } from '../../support/raw-record.ts'
import { readIndependently } from '../../support/table-processes.ts'
import { RealWorld } from './real-world.ts'
import { fc } from '../../support/properties.ts'
import { SEED } from '../../support/seed.ts'

const BUDGET_MS = 20_000
const SCENARIOS_MIN = 3
const SCENARIOS_MAX = 20

/** No limit on rejects: a random log is mostly poison at times. */
function textOf(scenario: Scenario): string {
  const document = JSON.parse(pipelineText(scenario)) as object
  return JSON.stringify({ ...document, rejects: { limit: '100%' } })
}

/** A part of each log, a run, the rest, a run: the second process goes on where the first one ended. */
async function runInTwo(world: RealWorld, scenario: Scenario): Promise<RawPartition[]> {
  const { partitions, framing } = scenario
  const parts = [0, 1].map((half) =>
    partitions.map(({ partition, records }) => {
      const middle = Math.floor(records.length / 2)
      return { partition, records: half === 0 ? records.slice(0, middle) : records.slice(middle) }
    }),
  )
  const log: RawPartition[] = partitions.map(({ partition }) => ({ partition, records: [] }))
  for (const half of parts) {
    const written = await world.write(half, framing)
    written.forEach(({ records }, i) => {
      log[i] = { partition: i, records: [...(log[i]?.records ?? []), ...records] }
    })
    await world.run()
  }
  return log
}

test('every sink of the real adapters is what the log says', async () => {
  const endMs = performance.now() + BUDGET_MS
  const samples = fc.sample(scenarios({ recordsMax: 30 }), { seed: SEED, numRuns: SCENARIOS_MAX })
  let done = 0
  for (const scenario of samples) {
    if (performance.now() > endMs && done >= SCENARIOS_MIN) break
    await using world = await RealWorld.create(textOf(scenario))
    const log = await runInTwo(world, scenario)
    try {
      expectSinksEqual(recompute(world.pipeline, log), await world.sinks(log.length))
    } catch (error) {
      throw new Error(`seed ${SEED}, scenario ${done}`, { cause: error })
    }
    done += 1
  }
  process.stdout.write(`law on real adapters: ${done} scenarios, seed ${SEED}\n`)
  expect(done).toBeGreaterThanOrEqual(SCENARIOS_MIN)
})

const AVRO_SCHEMA = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'user', type: 'string' },
    { name: 'id', type: ['null', 'string'], default: null },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'points', type: ['null', 'long'], default: null },
    { name: 'weight', type: 'double' },
  ],
}

const AVRO_PIPELINE = {
  name: 'avro',
  source: {
    files: './log',
    avro: 'event.avsc',
    key: 'user',
    event: { id: 'id', time: { field: 'at' } },
  },
  time: { outOfOrderness: '1h', allowedLateness: '24h' },
  views: {
    activity: {
      entity: 'user',
      windows: ['1d', '3d'],
      features: {
        n: { count: '*' },
        points: { sum: 'points' },
        weight: { avg: 'weight' },
        last: { last: 'points' },
      },
    },
  },
  sinks: { online: { leveldb: './online' }, offline: { delta: './features', slots: 2 } },
  state: './state',
}

test('Avro, both sinks, read back by two readers that are not ours', async () => {
  const beside = { 'event.avsc': JSON.stringify(AVRO_SCHEMA) }
  await using world = await RealWorld.create(JSON.stringify(AVRO_PIPELINE), beside)
  const type = avsc.Type.forSchema(AVRO_SCHEMA as avsc.Schema)
  const first = Date.UTC(2024, 2, 4, 10)
  const events = Array.from({ length: 400 }, (_, i) => ({
    user: `u${(i * 7) % 11}`,
    id: i % 50 === 49 ? `e${i - 3}` : `e${i}`,
    at: first + i * 1_800_000 - (i % 9 === 0 ? 20 * 3_600_000 : 0),
    points: i % 4 === 0 ? null : i * 1_000,
    weight: i / 8,
  }))
  const avro = {
    partition: 0,
    records: events.map((event, offset) => {
      return {
        offset,
        timestamp: event.at,
        key: event.user,
        value: new Uint8Array(type.toBuffer(event)),
      }
    }),
  }
  const [written] = await world.write([avro], 'frames')
  await world.run()
  // The oracle reads JSON: the same events, at the same offsets.
  const asJson = events.map((event, i) => {
    const record = written?.records[i]
    if (record === undefined) throw new Error('every event was written')
    return { ...record, value: JSON.stringify(event) }
  })
  const oracle = recompute(world.pipeline, [{ partition: 0, records: asJson }])
  expectSinksEqual(oracle, await world.sinks(1))

  const rows = oracle.views[0]?.rows ?? []
  const table = path.join(world.directory, 'features', 'activity_v1')
  const sql = 'select count(*), sum(n_1d), sum(points_3d) from t'
  const reports = await readIndependently(table, ['--keys', 'user,ds', '--sql', sql])
  const sum = (name: string): number =>
    rows.reduce((total, { values }) => total + Number(values.get(name)), 0)
  expect(reports).toHaveLength(2)
  for (const { reader, duplicates, result } of reports) {
    expect({ reader, duplicates }).toEqual({ reader, duplicates: 0 })
    expect(result[0]?.map(Number)).toEqual([rows.length, sum('n_1d'), sum('points_3d')])
  }
})

test.each([
  ['a framed log without a record', 'log', []],
  ['lines that end in blank ones', 'jsonl', ['{"user":"u","at":1709546400000}', '', '   ', '']],
  ['nothing but blank lines', 'jsonl', ['', '']],
])('a run to the end of %s ends', async (_, extension, lines) => {
  const source = {
    files: './log',
    format: 'json',
    key: 'user',
    fields: { user: 'string' },
    event: { time: { field: 'at', format: 'ms' } },
  }
  const views = {
    activity: { entity: 'user', windows: ['1d'], features: { n: { count: '*' } } },
  }
  const { sinks, state } = AVRO_PIPELINE
  const files = extension === 'jsonl' ? { directory: './log', timestamp: 'at' } : './log'
  const text = JSON.stringify({ name: 'end', source: { ...source, files }, views, sinks, state })
  await using world = await RealWorld.create(text)
  await world.write([{ partition: 0, records: [] }], extension === 'log' ? 'frames' : 'lines')
  await appendFile(
    path.join(world.logDirectory, `0.${extension}`),
    lines.map((line) => `${line}\n`).join(''),
  )
  await world.run()
  expect(await world.online(1)).toHaveLength(lines.some((line) => line.startsWith('{')) ? 1 : 0)
})
