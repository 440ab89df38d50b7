/** The demo on fewer flights, as a user starts it; and its proof, which has to find what is wrong. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadFlights } from '../../demo/flights.ts'
import { prove, withDatabase } from '../../demo/proof.ts'
import { loadPipeline } from '../../src/definition/load.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const DATASET = path.join(ROOT, 'node_modules/vega-datasets/data/flights-3m.parquet')
const LIMIT = 80_000

let place = ''
beforeAll(() => {
  place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-demo-'))
})
afterAll(() => rmSync(place, { recursive: true, force: true }))

function demo(...args: readonly string[]): {
  readonly status: number | null
  readonly stdout: string
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'demo/main.ts', '--limit', String(LIMIT), ...args],
    { cwd: ROOT, encoding: 'utf8', env: { ...process.env, DEMO_DATA: place } },
  )
  expect(status, stderr).toBe(0)
  return { status, stdout }
}

test('the demo proves every row of some 80,000 flights', () => {
  const { stdout } = demo()
  const compared = /^([\d,]+) rows compared, 0 differ/m.exec(stdout)?.[1]
  expect(Number(compared?.replaceAll(',', ''))).toBeGreaterThan(10_000)
  expect(stdout).toMatch(/^rows of route_delays: [\d,]+ compared, 0 differ$/m)
  expect(stdout).toMatch(/^online values of route_delays: [\d,]+ compared, 0 differ$/m)
  expect(stdout).toMatch(/[1-9]\d* flights came after their day was closed/)
})

test('the demo keeps its log, and with --keep also what it has written', () => {
  const { stdout } = demo('--keep')
  expect(stdout).toContain('from the last run')
  expect(stdout).toMatch(/^0 records/m)
  expect(stdout).toMatch(/^[\d,]+ rows compared, 0 differ/m)
})

test('the proof of the demo finds a single flight that is not as the sinks have it', async () => {
  const pipeline = await loadPipeline(path.join(ROOT, 'demo/flights.yaml'), { DEMO_DATA: place })
  const differ: Record<string, number> = {}
  await withDatabase(path.join(place, 'duckdb'), async (database) => {
    await loadFlights(database, { dataset: DATASET, limit: LIMIT })
    await database.run(
      `UPDATE flights SET miles = miles + 1 WHERE row = (SELECT max(row) FROM flights WHERE departed < 991440000000)`,
    )
    await prove(database, pipeline, ({ what, differ: count }) => {
      differ[what] = count
    })
  })
  // Of 2001-06-01: in the rows of 29 closed days of its airport and of its route, and in what is online as of 06-30.
  expect(differ).toEqual({
    'rows of airport_delays': 29,
    'rows of route_delays': 29,
    'online values of airport_delays': 1,
    'online values of route_delays': 1,
    'dead letters': 0,
  })
})
