/** What we write, read by delta-rs and by DuckDB's delta extension: neither shares a line with us. */
import { spawn } from 'node:child_process'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ColumnSpec } from '../../../src/core/columns.ts'
import type { Value } from '../../../src/core/value.ts'
import type { FeatureTable } from '../../../src/engine/ports.ts'
import { compactTable } from '../../../src/table/compact.ts'
import { vacuumTable } from '../../../src/table/vacuum.ts'
import {
  COLUMNS,
  rowsOf,
  specOf,
  stage,
  TableFixture,
  type SlotRows,
} from '../../support/table-fixture.ts'
import { finish, readIndependently } from '../../support/table-processes.ts'

const DAY = 11_327 // 2001-01-05
const NAME = 'user_activity_v1'

let fixture: TableFixture
let path: string

beforeEach(async () => {
  fixture = await TableFixture.create()
  path = join(fixture.directory, NAME)
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

async function put(table: FeatureTable, change: SlotRows): Promise<void> {
  const { spec } = table
  await table.commit({
    generation: spec.generation,
    run: 'test',
    changes: [await stage(table, change)],
    complete: [],
  })
}

const ALL = 'select ds, user_id, clicks_1d from t order by ds, user_id'

test('T28 every type is exact for both readers: decimals, instants, nulls, integers beyond 2^53', async () => {
  const columns: ColumnSpec[] = [
    { name: 'user_id', type: { kind: 'string' } },
    { name: 'n', type: { kind: 'int64' } },
    { name: 'i', type: { kind: 'int32' } },
    { name: 'd', type: { kind: 'double' } },
    { name: 'b', type: { kind: 'boolean' } },
    { name: 'money', type: { kind: 'decimal', precision: 38, scale: 2 } },
    { name: 'price', type: { kind: 'decimal', precision: 9, scale: 3 } },
    { name: 'event_timestamp', type: { kind: 'timestamp' } },
    { name: 'born', type: { kind: 'date' } },
    { name: 'sketch', type: { kind: 'binary' } },
  ]
  const rows: (Value | Uint8Array)[][] = [
    [
      'ä😀',
      9_007_199_254_740_993n,
      -5,
      0.1,
      true,
      10n ** 37n + 7n,
      -1,
      978_739_200_001,
      -1,
      new Uint8Array([0, 255]),
    ],
    ['b', -(2n ** 63n), 5, -1e300, false, -5, 999_999_999, -1, 11_327, new Uint8Array(0)],
    ['c', null, null, null, null, null, null, null, null, null],
  ]
  const table = await fixture.store().open(specOf({ columns }))
  const key = { day: DAY, partition: 0, slot: 0 }
  const file = await table.write(key, 10, rowsOf(columns, rows))
  await table.commit({
    generation: 1,
    run: 'test',
    changes: [{ ...key, position: 10, file }],
    complete: [{ partition: 0, day: DAY }],
  })
  const sql = 'select * from t order by user_id desc'
  const reports = await readIndependently(path, ['--sql', sql, '--txn', `tidemark/${NAME}/0`])
  expect(reports).toHaveLength(2)
  for (const { result } of reports) {
    expect(result).toEqual([
      [
        'ä😀',
        '9007199254740993',
        -5,
        0.1,
        true,
        `1${'0'.repeat(35)}.07`,
        '-0.001',
        '2001-01-06T00:00:00.001000+00:00',
        '1969-12-31',
        '00ff',
        '2001-01-05',
      ],
      ['c', null, null, null, null, null, null, null, null, null, '2001-01-05'],
      [
        'b',
        '-9223372036854775808',
        5,
        -1e300,
        false,
        '-0.05',
        '999999.999',
        '1969-12-31T23:59:59.999000+00:00',
        '2001-01-05',
        '',
        '2001-01-05',
      ],
    ])
  }
  expect(reports[0]?.txns).toEqual({ [`tidemark/${NAME}/0`]: DAY })
  expect(reports[0]?.columns?.map(([name, type]) => `${name} ${type}`)).toEqual([
    'user_id string',
    'n long',
    'i integer',
    'd double',
    'b boolean',
    'money decimal(38,2)',
    'price decimal(9,3)',
    'event_timestamp timestamp',
    'born date',
    'sketch binary',
    'ds string',
  ])
  // Bounds in the log must not hide a row from a filter.
  const filters = [
    `n = 9007199254740993`,
    `n = -9223372036854775808`,
    `money = cast('1${'0'.repeat(35)}.07' as decimal(38, 2))`,
    `price = cast(999999.999 as decimal(9, 3))`,
    `event_timestamp = timestamp '2001-01-06 00:00:00.001'`,
    `born = date '1969-12-31'`,
    `d = 0.1`,
    `user_id = 'ä😀'`,
    `n is null`,
    `ds = '2001-01-05' and i = 5`,
  ]
  for (const filter of filters) {
    const found = await readIndependently(path, [
      '--sql',
      `select count(*) as n from t where ${filter}`,
    ])
    expect({ filter, n: found.map(({ result }) => result[0]?.[0]) }).toEqual({ filter, n: [1, 1] })
  }
})

test('replaced, emptied and compacted slots, an added column and old versions read the same everywhere', async () => {
  const store = fixture.store()
  const table = await store.open(specOf())
  await put(table, { slot: 0, position: 10, rows: { ann: 1 } })
  await put(table, { slot: 1, position: 10, rows: { bob: 2 } })
  await put(table, { slot: 0, position: 20, rows: { ann: 3, cid: 4 } })
  await put(table, { slot: 2, position: 10, rows: { dan: 5 } })
  await put(table, { slot: 2, position: 20, rows: {} })
  const widened = [...COLUMNS, { name: 'ctr', type: { kind: 'double' } }] as const
  await store.open(specOf({ columns: widened }))
  await compactTable(store.table(NAME), {
    generation: 1,
    partition: 0,
    days: [DAY],
    slots: 4,
    metadata: {},
  })
  const now = [
    ['2001-01-05', 'ann', 3],
    ['2001-01-05', 'bob', 2],
    ['2001-01-05', 'cid', 4],
  ]
  for (const { result, files } of await readIndependently(path, ['--sql', ALL])) {
    expect(result).toEqual(now)
    expect([1, null]).toContain(files)
  }
  for (const { result } of await readIndependently(path, [
    '--sql',
    'select count(*) as a, count(ctr) as b from t',
  ])) {
    expect(result).toEqual([[3, 0]])
  }
  for (const { result } of await readIndependently(path, ['--sql', ALL, '--version', '2'])) {
    expect(result).toEqual([
      ['2001-01-05', 'ann', 1],
      ['2001-01-05', 'bob', 2],
    ])
  }
  fixture.clock.nowMs += 3_600_000 * 2
  await vacuumTable(store.table(NAME), { graceMs: 3_600_000, logRetentionMs: 3_600_000 })
  for (const { result } of await readIndependently(path, ['--sql', ALL]))
    expect(result).toEqual(now)
})

test('our checkpoint alone is enough for them, and theirs for us', async () => {
  const table = await fixture.store().open(specOf())
  for (let i = 0; i < 53; i++)
    await put(table, { day: DAY + i, position: i, rows: { ann: i, bob: -i } })
  await table.commit({
    generation: 1,
    run: 'test',
    changes: [],
    complete: [{ partition: 0, day: DAY + 52 }],
  })
  const folder = join(path, '_delta_log')
  for (const name of await readdir(folder)) {
    if (name.endsWith('.json') && Number(name.slice(0, 20)) < 50) await rm(join(folder, name))
  }
  const args = [
    '--keys',
    'user_id,ds',
    '--sql',
    'select count(*) as n, sum(clicks_1d) as s, max(ds) as d from t',
    '--txn',
    `tidemark/${NAME}/0`,
  ]
  const reports = await readIndependently(path, args)
  for (const { result, duplicates } of reports) {
    expect({ result, duplicates }).toEqual({ result: [[106, 0, '2001-02-26']], duplicates: 0 })
  }
  expect(reports[0]?.txns).toEqual({ [`tidemark/${NAME}/0`]: DAY + 52 })

  const python = join(import.meta.dirname, '../../../.cache/venv/bin/python')
  const script = 'import sys, deltalake; deltalake.DeltaTable(sys.argv[1]).create_checkpoint()'
  const { code, stderr } = await finish(
    spawn(python, ['-c', script, path], { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const name of await readdir(folder)) {
    if (name.endsWith('.json') && Number(name.slice(0, 20)) < 54) await rm(join(folder, name))
  }
  const later = await fixture.store().open(specOf())
  expect(await later.complete()).toEqual(new Map([[0, DAY + 52]]))
  expect(await fixture.lines()).toHaveLength(106)
  const zombies = await stage(later, { day: DAY + 3, position: 2, rows: { zed: 1 } })
  expect(
    await later.commit({ generation: 1, run: 'test', changes: [zombies], complete: [] }),
  ).toMatchObject({ dropped: 1 })
  await put(later, { day: DAY + 3, position: 100, rows: { ann: 7 } })
  for (const { rows } of await readIndependently(path, [])) expect(rows).toBe(105)
})

test('sums beyond what a double holds are exact, with nulls left out', async () => {
  const columns: ColumnSpec[] = [
    { name: 'user_id', type: { kind: 'string' } },
    { name: 'spend_30d', type: { kind: 'decimal', precision: 38, scale: 4 } },
  ]
  const table = await fixture.store().open(specOf({ columns }))
  const key = { day: DAY, partition: 0, slot: 0 }
  const rows = Array.from({ length: 5_000 }, (_, i) => [
    `u${String(i).padStart(5, '0')}`,
    i % 7 === 0 ? null : 2n ** 70n + BigInt(i),
  ])
  const file = await table.write(key, 1, rowsOf(columns, rows))
  await table.commit({
    generation: 1,
    run: 'test',
    changes: [{ ...key, position: 1, file }],
    complete: [],
  })
  const values = rows.map(([, value]) => value).filter((value) => typeof value === 'bigint')
  const [min, max] = [values[0], values.at(-1)].map(
    (value) => `${String(value).slice(0, -4)}.${String(value).slice(-4)}`,
  )
  const sql =
    'select count(*) as n, count(spend_30d) as k, min(spend_30d) as a, max(spend_30d) as b from t'
  for (const { result } of await readIndependently(path, ['--sql', sql])) {
    expect(result).toEqual([[5_000, values.length, min, max]])
  }
})
