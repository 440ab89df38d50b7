import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FeatureTable, SlotChange } from '../../src/engine/ports.ts'
import { compactTable, type CompactResult } from '../../src/table/compact.ts'
import type { DeltaTable } from '../../src/table/delta-table.ts'
import { exportedDays, exportTable } from '../../src/table/export.ts'
import { dayFolder } from '../../src/table/file-name.ts'
import { vacuumTable, type VacuumResult } from '../../src/table/vacuum.ts'
import { describeTable, viewTable } from '../../src/table/view.ts'
import { COLUMNS, specOf, stage, TableFixture, type SlotRows } from '../support/table-fixture.ts'

const DAY = 11_327 // 2001-01-05
const NAME = 'user_activity_v1'
const HOUR_MS = 3_600_000
const SLOTS = 4

let fixture: TableFixture
let table: FeatureTable
let handle: DeltaTable

beforeEach(async () => {
  fixture = await TableFixture.create()
  const store = fixture.store()
  table = await store.open(specOf())
  handle = store.table(NAME)
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

async function commit(changes: readonly SlotChange[], by = table): Promise<number> {
  const { generation } = by.spec
  return (await by.commit({ generation, run: 'test', changes, complete: [] })).applied
}

async function put(change: SlotRows): Promise<number> {
  return commit([await stage(table, change)])
}

function compact(days: readonly number[] = [DAY], generation = 1): Promise<CompactResult> {
  return compactTable(handle, {
    generation,
    partition: 0,
    days,
    slots: SLOTS,
    metadata: specOf().metadata,
  })
}

function vacuum(graceMs = HOUR_MS, logRetentionMs = 1000 * HOUR_MS): Promise<VacuumResult> {
  return vacuumTable(handle, { graceMs, logRetentionMs })
}

async function dataFiles(): Promise<string[]> {
  const names = await readdir(join(fixture.directory, NAME), { recursive: true })
  return names.filter((name) => name.endsWith('.parquet') && !name.includes('_delta_log')).sort()
}

async function fillDay(): Promise<string[]> {
  await put({ slot: 0, position: 10, rows: { ann: 1, eve: 5 } })
  await put({ slot: 1, position: 11, rows: { bob: 2 } })
  await put({ slot: 3, position: 12, rows: { cid: 3, dan: 4 } })
  await put({ slot: 0, partition: 1, position: 5, rows: { zoe: 9 } })
  return fixture.lines()
}

describe('compact', () => {
  test('the files of one partition become one, with the same rows, sorted', async () => {
    const before = await fillDay()
    expect(await compact()).toEqual({ days: 1, filesBefore: 3, filesAfter: 1, rows: 5 })
    expect(await fixture.lines()).toEqual(before)
    const { files } = await viewTable(handle)
    expect(
      files.map(({ partition, slots, position, rows }) => ({ partition, slots, position, rows })),
    ).toEqual([
      { partition: 0, slots: { kind: 'all', count: SLOTS }, position: Infinity, rows: 5 },
      { partition: 1, slots: { kind: 'one', slot: 0 }, position: 5, rows: 1 },
    ])
    const path = join(fixture.directory, NAME, files[0]?.path ?? '')
    const rows = await fixture.database.rows(`SELECT user_id AS u FROM read_parquet('${path}')`)
    expect(rows.map((row) => row['u'])).toEqual(['ann', 'bob', 'cid', 'dan', 'eve'])
    expect(await compact()).toEqual({ days: 0, filesBefore: 0, filesAfter: 0, rows: 0 })
  })

  test.each([0, 2])(
    'T14 a slot of its generation is refused afterwards, one with rows before (0) or without (2): %i',
    async (slot) => {
      const before = await fillDay()
      await compact()
      expect(await put({ slot, position: 1_000_000, rows: { ann: 99 } })).toBe(0)
      expect(await put({ slot, position: 1_000_000, rows: {} })).toBe(0)
      expect(await fixture.lines()).toEqual(before)
    },
  )

  test('a slot that was written meanwhile makes the compaction give way', async () => {
    await fillDay()
    const late = await stage(table, { slot: 1, position: 20, rows: { bob: 7 } })
    const parquet = handle.options.parquet
    const store = fixture.store()
    const slow = {
      ...store.table(NAME),
      options: {
        ...fixture.options,
        parquet: {
          merge: async (...args: Parameters<typeof parquet.merge>) => {
            await parquet.merge(...args)
            await commit([late])
          },
          summarize: parquet.summarize.bind(parquet),
          write: parquet.write.bind(parquet),
          writeJson: parquet.writeJson.bind(parquet),
          readJson: parquet.readJson.bind(parquet),
        },
      },
    }
    const request = { generation: 1, partition: 0, days: [DAY], slots: SLOTS, metadata: {} }
    expect((await compactTable(slow, request)).days).toBe(0)
    expect(await fixture.lines()).toContain('2001-01-05 bob 7')
    expect((await dataFiles()).filter((name) => name.includes('xend'))).toEqual([])
  })

  test('the next generation replaces a compacted day whole, empty slots too, and never in part', async () => {
    await fillDay()
    await compact()
    await handle.log.commit((snapshot) => {
      const metaData = snapshot?.metaData
      if (!metaData) throw new Error('no table')
      const configuration = { ...metaData.configuration, 'tidemark.generation': '2' }
      return {
        operation: 'TEST',
        parameters: {},
        actions: [{ metaData: { ...metaData, configuration } }],
      }
    })
    const next = await fixture.store().open(specOf({ generation: 2 }))
    const part = await stage(next, { slot: 0, position: 3, rows: { ann: 50 } })
    await expect(commit([part], next)).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      details: { missing: [1, 2, 3] },
    })
    const rest = await Promise.all(
      [1, 2, 3].map((slot) =>
        stage(next, { slot, position: 3, rows: slot === 2 ? { fay: 6 } : {} }),
      ),
    )
    expect(await commit([part, ...rest], next)).toBe(4)
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 50',
      '2001-01-05 fay 6',
      '2001-01-05 zoe 9',
    ])
    await expect(compact([DAY], 1)).rejects.toMatchObject({ code: 'GENERATION_CHANGED' })
  })

  test('files from before a column was added are merged with nulls', async () => {
    await fillDay()
    const columns = [...COLUMNS, { name: 'ctr', type: { kind: 'double' } }] as const
    await fixture.store().open(specOf({ columns }))
    await compact()
    const rows = await fixture.read(NAME)
    expect(rows).toHaveLength(6)
    expect(rows.map((row) => row['ctr'])).toEqual([null, null, null, null, null, null])
  })
})

describe('vacuum', () => {
  test('files of replaced versions go after the grace time, not before', async () => {
    await put({ position: 10, rows: { ann: 1 } })
    fixture.clock.nowMs += 10 * HOUR_MS
    await put({ position: 20, rows: { ann: 2 } })
    fixture.clock.nowMs += HOUR_MS / 2
    expect((await vacuum()).deleted).toEqual([])
    expect(await fixture.lines(NAME, 1)).toEqual(['2001-01-05 ann 1'])
    fixture.clock.nowMs += HOUR_MS
    expect((await vacuum()).deleted).toHaveLength(1)
    expect(await dataFiles()).toHaveLength(1)
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 2'])
  })

  test('staged files that were never committed go by the time of their staging', async () => {
    await stage(table, { slot: 1, position: 10, rows: { old: 1 } })
    fixture.clock.nowMs += 2 * HOUR_MS
    const young = await stage(table, { slot: 2, position: 10, rows: { young: 1 } })
    await put({ position: 10, rows: { ann: 1 } })
    expect((await vacuum()).deleted).toHaveLength(1)
    expect(await commit([young])).toBe(1)
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 1', '2001-01-05 young 1'])
  })

  test('a transaction with files older than the cut-off is refused and writes them anew', async () => {
    const change = { position: 10, rows: { ann: 1 } }
    const old = await stage(table, change)
    fixture.clock.nowMs += 2 * HOUR_MS
    const { cutoffMs } = await vacuum()
    expect(cutoffMs).toBe(fixture.clock.nowMs - HOUR_MS)
    await expect(commit([old])).rejects.toMatchObject({
      code: 'STAGED_FILES_EXPIRED',
      retryable: false,
    })
    const other = await fixture.store().open(specOf())
    await expect(commit([old], other)).rejects.toMatchObject({ code: 'STAGED_FILES_EXPIRED' })
    expect(await fixture.lines()).toEqual([])
    expect(await put(change)).toBe(1)
  })

  test('a committed transaction can be repeated after any vacuum: it changes nothing', async () => {
    const change = await stage(table, { position: 10, rows: { ann: 1 } })
    await commit([change])
    fixture.clock.nowMs += 5 * HOUR_MS
    await vacuum()
    expect(await commit([change])).toBe(0)
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 1'])
  })

  test('the cut-off never goes back', async () => {
    fixture.clock.nowMs += 10 * HOUR_MS
    const first = await vacuum(HOUR_MS)
    const second = await vacuum(5 * HOUR_MS)
    expect(second.cutoffMs).toBe(first.cutoffMs)
    expect((await viewTable(handle)).vacuumCutoffMs).toBe(first.cutoffMs)
  })

  test('compacted days are whole after their slot files are gone', async () => {
    const before = await fillDay()
    await compact()
    fixture.clock.nowMs += 2 * HOUR_MS
    expect((await vacuum()).deleted).toHaveLength(3)
    expect(await fixture.lines()).toEqual(before)
  })

  test('files that are not named by us are told, never touched; leftovers of crashes go', async () => {
    await put({ position: 10, rows: { ann: 1 } })
    await writeFile(join(fixture.directory, NAME, 'ds=2001-01-05', 'mine.parquet'), 'x')
    const leftover = join(await handle.options.storage.staging(), 'crashed.parquet.tmp')
    await writeFile(leftover, 'half a file')
    await utimes(leftover, 0, 0)
    fixture.clock.nowMs += 2 * HOUR_MS
    const { foreign, deleted } = await vacuum()
    expect(foreign).toEqual([`${NAME}/ds=2001-01-05/mine.parquet`])
    expect(deleted.map((file) => file.path)).toEqual(['_tidemark/staging/crashed.parquet.tmp'])
  })

  test('the log is cut where a checkpoint holds what goes', async () => {
    await fillDay()
    const before = await fixture.lines()
    // Files of the log have the times of the real clock.
    fixture.clock.nowMs = Date.now() + 1000 * HOUR_MS
    expect((await vacuum(HOUR_MS, 2000 * HOUR_MS)).logFilesDeleted).toBe(0)
    expect((await vacuum(HOUR_MS, HOUR_MS)).logFilesDeleted).toBeGreaterThan(4)
    expect(await fixture.lines()).toEqual(before)
    await expect(fixture.lines(NAME, 1)).rejects.toMatchObject({ code: 'TABLE_REFUSED' })
    expect(await put({ slot: 0, position: 99, rows: { ann: 7 } })).toBe(1)
  })

  test('a grace time that would take files from running readers is refused', async () => {
    await expect(vacuum(0)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(vacuum(Number.NaN)).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('export', () => {
  const directory = (): string => join(fixture.directory, 'plain')

  test('final days become a directory that a glob reads right, others do not', async () => {
    await fillDay()
    await put({ slot: 0, position: 20, rows: { ann: 7 } })
    await put({ day: DAY + 1, position: 20, rows: { ann: 8 } })
    const result = await exportTable(handle, {
      directory: directory(),
      isFinal: (day) => day <= DAY,
    })
    expect(result).toEqual({ version: 6, written: [DAY], kept: [], removed: [] })
    const rows = await fixture.database.rows(
      `SELECT concat_ws(' ', ds::VARCHAR, user_id, clicks_1d) AS line FROM read_parquet('${directory()}/**/*.parquet', hive_partitioning = true)`,
    )
    const lines = rows.map((row) => row['line']).sort()
    expect(lines).toEqual([
      '2001-01-05 ann 7',
      '2001-01-05 bob 2',
      '2001-01-05 cid 3',
      '2001-01-05 dan 4',
      '2001-01-05 zoe 9',
    ])
  })

  test('exporting again keeps the days that are there and leaves nothing else behind', async () => {
    await fillDay()
    const all = { directory: directory(), isFinal: () => true }
    await exportTable(handle, all)
    const before = await stat(join(directory(), 'ds=2001-01-05'))
    expect(await exportTable(handle, all)).toMatchObject({ written: [], kept: [DAY] })
    expect((await stat(join(directory(), 'ds=2001-01-05'))).ino).toBe(before.ino)
    await compact()
    expect(await exportTable(handle, all)).toMatchObject({ written: [DAY], kept: [] })
    expect(await readdir(join(directory(), 'ds=2001-01-05'))).toHaveLength(2)
    const beside = await readdir(fixture.directory)
    expect(beside.filter((name) => name.includes('.tmp-'))).toEqual([])
  })

  test('a day of which the table has no row any more is taken away; days that are not final are left', async () => {
    await fillDay()
    await exportTable(handle, { directory: directory(), isFinal: () => true })
    for (const gone of [DAY - 1, DAY - 2]) await mkdir(join(directory(), dayFolder(gone)))
    const isFinal = (day: number): boolean => day >= DAY - 1
    expect(await exportTable(handle, { directory: directory(), isFinal })).toMatchObject({
      kept: [DAY],
      removed: [DAY - 1],
    })
    expect(await exportedDays(directory())).toEqual([DAY - 2, DAY])
  })

  test('exported files outlive the vacuum of the table', async () => {
    await fillDay()
    await exportTable(handle, { directory: directory(), isFinal: () => true })
    await compact()
    fixture.clock.nowMs += 2 * HOUR_MS
    await vacuum()
    const rows = await fixture.database.rows(
      `SELECT count(*) AS n FROM read_parquet('${directory()}/**/*.parquet')`,
    )
    expect(rows).toEqual([{ n: 6 }])
  })

  test('a target that cannot be a directory is refused in words', async () => {
    await fillDay()
    await mkdir(directory())
    await writeFile(join(directory(), 'ds=2001-01-05'), 'a file')
    await expect(
      exportTable(handle, { directory: directory(), isFinal: () => true }),
    ).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
    })
  })
})

describe('describe', () => {
  test('tells versions, files, rows, bytes, complete days and columns', async () => {
    await fillDay()
    await table.commit({
      generation: 1,
      run: 'test',
      changes: [],
      complete: [{ partition: 0, day: DAY }],
    })
    const description = await describeTable(handle)
    expect(description).toMatchObject({
      name: NAME,
      location: fixture.directory,
      version: 5,
      generation: 1,
      files: 4,
      rows: 6,
      days: { first: DAY, last: DAY },
      complete: [{ partition: 0, day: DAY }],
      columns: COLUMNS,
      vacuumCutoffMs: 0,
    })
    expect(description.bytes).toBeGreaterThan(1000)
    expect(await describeTable(handle, 0)).toMatchObject({
      version: 0,
      files: 0,
      rows: 0,
      days: undefined,
    })
  })

  test('a table that is not there is refused with its place', async () => {
    await expect(describeTable(fixture.store().table('nowhere_v1'))).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining(fixture.directory) as string,
    })
  })
})
