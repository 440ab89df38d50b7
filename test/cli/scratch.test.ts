import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openScratch } from '../../src/cli/scratch.ts'
import { DuckDb } from '../../src/duckdb/database.ts'

let state: string
beforeEach(() => (state = mkdtempSync(path.join(os.tmpdir(), 'tidemark-scratch-'))))
afterEach(() => rmSync(state, { recursive: true }))

function left(): string[] {
  return readdirSync(path.join(state, 'tidemark-duckdb'))
}

test('each process has a directory of its own, which goes with it', async () => {
  {
    await using one = await openScratch({ state })
    await using other = await openScratch({ state })
    writeFileSync(path.join(one.directory, 'spilled'), '')
    expect(other.directory).not.toBe(one.directory)
    expect(left()).toHaveLength(2)
  }
  expect(left()).toEqual([])
})

test('what a killed process left is cleared away, and what shows itself in use is not', async () => {
  const killed = await openScratch({ state })
  await using used = await openScratch({ state })
  const old = new Date(Date.now() - 25 * 3_600_000)
  utimesSync(killed.directory, old, old)
  await using next = await openScratch({ state })
  expect(left().sort()).toEqual(
    [used, next].map(({ directory }) => path.basename(directory)).sort(),
  )
})

test('two databases that spill at the same time do not touch each other', async () => {
  await using one = await openScratch({ state })
  await using other = await openScratch({ state })
  const sums = await Promise.all(
    [one, other].map(async ({ directory }) => {
      const limits = { memoryMb: 40, threads: 1, concurrentMax: 1 }
      await using database = await DuckDb.open({ ...limits, temporaryDirectory: directory })
      const sorted = `SELECT i, row_number() OVER (ORDER BY hash(i)) AS n FROM range(2000000) t(i)`
      return await database.rows(`SELECT sum(i)::VARCHAR AS total FROM (${sorted}) WHERE n > 0`)
    }),
  )
  expect(sums).toEqual([[{ total: '1999999000000' }], [{ total: '1999999000000' }]])
})
