/**
 * A backtest, as it runs in CI: a month of events, a run at the end of each day, equals one full replay, equals a rebuild in an
 * empty place, equals plain SQL over the raw events. All views, every row.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Pipeline } from '../../../src/core/definition.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { DuckDb } from '../../../src/duckdb/database.ts'
import type { Row } from '../../../src/duckdb/database.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { runHere } from '../engine/real-world.ts'
import { TableReader } from '../engine/table-reader.ts'
import { appendDay, DAYS, FIRST_MS, PIPELINE, rowsBySql, SQL_VIEWS } from './month-log.ts'

const DAY_MS = 86_400_000

/** By view: rows without provenance, in one order. */
async function tableRows(pipeline: Pipeline, scratch: string): Promise<Record<string, object[]>> {
  await using reader = await TableReader.open(pipeline, scratch)
  const rows: Record<string, object[]> = {}
  for (const { name, version, entity } of pipeline.views) {
    const all = await reader.read(`${name}_v${version}`)
    rows[name] = inOrder(
      all.map(({ ds, event_timestamp: end, ...row }) => {
        const day = Date.parse(ds as string) / DAY_MS
        expect(end).toBe((day + 1) * DAY_MS)
        const features = Object.entries(row).filter(([column]) => !column.startsWith('_'))
        return { day, ...Object.fromEntries(features) }
      }),
      entity,
    )
  }
  return rows
}

function inOrder(rows: readonly object[], entity: readonly string[]): object[] {
  const keyOf = (row: object): string =>
    ['day', ...entity].map((name) => String(Reflect.get(row, name)).padStart(8)).join(' ')
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

async function sqlRows(directory: string, scratch: string): Promise<Record<string, object[]>> {
  await using database = await DuckDb.open({
    memoryMb: 500,
    threads: 2,
    concurrentMax: 1,
    temporaryDirectory: scratch,
  })
  const rows: Record<string, object[]> = {}
  for (const [name, view] of Object.entries(SQL_VIEWS)) {
    const found: Row[] = await rowsBySql(database, directory, view)
    const plain = found.map(({ _day, ...row }) => ({ ...row, day: _day }))
    rows[name] = inOrder(plain, view.entity)
  }
  return rows
}

test('a month day by day equals one full replay, a rebuild, and plain SQL, in every row of every view', async () => {
  using shop = new CliDirectory()
  writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const log = shop.path('log')
  for (let day = 0; day < DAYS; day += 1) {
    appendDay(log, day)
    await runHere(pipeline)
  }
  const live = await tableRows(pipeline, shop.path('scratch'))

  const bySql = await sqlRows(log, shop.path('scratch'))
  const empties = live['user_activity']?.filter((row) => Reflect.get(row, 'views_14d') === 0) ?? []
  expect(empties.length).toBeGreaterThan(0)
  for (const name of Object.keys(live)) {
    expect(live[name]?.length, name).toBeGreaterThan(300)
    expect(live[name], name).toEqual(bySql[name])
  }

  mkdirSync(shop.path('anew'))
  const anew = shop.path('anew', 'pipeline.yaml')
  writeFileSync(
    anew,
    PIPELINE.replace('files: ./log', `files: ${path.relative(shop.path('anew'), log)}`),
  )
  const rebuilt = await loadPipeline(anew)
  await runHere(rebuilt)
  expect(await tableRows(rebuilt, shop.path('scratch'))).toEqual(live)

  const first = new Date(FIRST_MS).toISOString().slice(0, 10)
  const planned = await shop.run(
    'replay',
    'plan',
    '--days',
    `${first}..`,
    '--start',
    'origin',
    '--reason',
    'backtest',
    '--json',
  )
  expect(planned, planned.stderr).toMatchObject({ code: 0 })
  const { id } = JSON.parse(planned.stdout) as { readonly id: string }
  const ran = await shop.run('replay', 'run', id, '--json')
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
  const diff = await shop.run('replay', 'diff', id)
  expect(diff, diff.stdout + diff.stderr).toMatchObject({ code: 0 })
})
