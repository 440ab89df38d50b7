import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FeatureTable, SlotChange, TableCommit } from '../../src/engine/ports.ts'
import { END, parseDataFilePath } from '../../src/table/file-name.ts'
import { GenerationRecords } from '../../src/storage/generation-records.ts'
import { viewTable } from '../../src/table/view.ts'
import {
  COLUMNS,
  rowsOf,
  specOf,
  stage,
  TableFixture,
  type SlotRows,
} from '../support/table-fixture.ts'

const DAY = 11_327 // 2001-01-05
const NAME = 'user_activity_v1'

let fixture: TableFixture
let table: FeatureTable

beforeEach(async () => {
  fixture = await TableFixture.create()
  table = await fixture.store().open(specOf())
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

function commit(
  changes: readonly SlotChange[],
  parts: {
    generation?: number
    complete?: { partition: number; day: number }[]
    by?: FeatureTable
  } = {},
): Promise<TableCommit> {
  const { generation = 1, complete = [], by = table } = parts
  return by.commit({ generation, run: 'test', changes, complete })
}

async function put(change: SlotRows): Promise<TableCommit> {
  return commit([await stage(table, change)])
}

async function dataFiles(): Promise<string[]> {
  const names = await readdir(join(fixture.directory, NAME), { recursive: true })
  return names.filter((name) => name.endsWith('.parquet') && !name.includes('_delta_log')).sort()
}

async function logVersions(): Promise<string[]> {
  const names = await readdir(join(fixture.directory, NAME, '_delta_log'))
  return names.filter((name) => /^\d{20}\.json$/.test(name))
}

describe('slots', () => {
  test('rows are seen after the transaction, not before', async () => {
    const change = await stage(table, { position: 10, rows: { ann: 1 } })
    expect(await fixture.lines()).toEqual([])
    await commit([change])
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 1'])
  })

  test('a higher position replaces the slot, and only that slot', async () => {
    await put({ slot: 0, position: 10, rows: { ann: 1 } })
    await put({ slot: 1, position: 10, rows: { bob: 1 } })
    await put({ slot: 0, partition: 1, position: 10, rows: { cid: 1 } })
    await put({ slot: 0, position: 11, rows: { ann: 2, dan: 2 } })
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 2',
      '2001-01-05 bob 1',
      '2001-01-05 cid 1',
      '2001-01-05 dan 2',
    ])
  })

  test('T14 a zombie: its lower position is dropped, and its file deleted', async () => {
    const zombies = await stage(table, { position: 10, rows: { ann: 1 } })
    await put({ position: 20, rows: { ann: 2 } })
    const { version, applied, dropped } = await commit([zombies])
    expect({ version, applied, dropped }).toEqual({ version: 1, applied: 0, dropped: 1 })
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 2'])
    expect(await dataFiles()).toHaveLength(1)
  })

  test('of two files of one version the second is dropped, whoever wrote it', async () => {
    const [mine, others] = [
      await stage(table, { position: 10, rows: { ann: 1 } }),
      await stage(table, { position: 10, rows: { ann: 1 } }),
    ]
    expect((await commit([mine])).applied).toBe(1)
    expect(await commit([others])).toEqual({ version: 1, applied: 0, dropped: 1 })
    expect(await dataFiles()).toHaveLength(1)
  })

  test('the same transaction again makes no version and deletes nothing', async () => {
    const changes = [
      await stage(table, { slot: 0, position: 10, rows: { ann: 1 } }),
      await stage(table, { slot: 1, position: 10, rows: {} }),
    ]
    const complete = [{ partition: 0, day: DAY }]
    expect(await commit(changes, { complete })).toEqual({ version: 1, applied: 2, dropped: 0 })
    const again = await fixture.store().open(specOf())
    for (const by of [table, again]) {
      expect(await commit(changes, { complete, by })).toEqual({
        version: 1,
        applied: 0,
        dropped: 2,
      })
    }
    expect(await logVersions()).toHaveLength(2)
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 1'])
  })

  test('repeating a transaction whose file was replaced since keeps the file for older versions', async () => {
    const first = await stage(table, { position: 10, rows: { ann: 1 } })
    await commit([first])
    await put({ position: 20, rows: { ann: 2 } })
    await commit([first])
    expect(await fixture.lines(NAME, 1)).toEqual(['2001-01-05 ann 1'])
  })

  test('an empty slot takes its rows out', async () => {
    await put({ position: 10, rows: { ann: 1 } })
    expect((await put({ position: 20, rows: {} })).applied).toBe(1)
    expect(await fixture.lines()).toEqual([])
  })

  test.each(['after rows', 'at first'])(
    'T14 a zombie cannot refill a slot that was emptied %s',
    async (when) => {
      const zombies = await stage(table, { position: 15, rows: { zed: 9 } })
      if (when === 'after rows') await put({ position: 10, rows: { ann: 1 } })
      await put({ position: 20, rows: {} })
      expect((await commit([zombies])).dropped).toBe(1)
      expect(await fixture.lines()).toEqual([])
      await put({ position: 21, rows: { ann: 3 } })
      expect(await fixture.lines()).toEqual(['2001-01-05 ann 3'])
    },
  )

  test('an emptied slot is remembered through a checkpoint, and forgotten once a file outranks it', async () => {
    await put({ slot: 0, position: 20, rows: {} })
    await put({ slot: 1, position: 20, rows: {} })
    await put({ slot: 1, position: 30, rows: { bob: 1 } })
    await fixture.store().table(NAME).log.checkpoint()
    for (const name of await logVersions()) {
      if (!name.endsWith('3.json'))
        await writeFile(join(fixture.directory, NAME, '_delta_log', name), 'gone')
    }
    const later = await fixture.store().open(specOf())
    const zombies = [
      await stage(later, { slot: 0, position: 15, rows: { zed: 9 } }),
      await stage(later, { slot: 1, position: 15, rows: { zed: 9 } }),
    ]
    expect((await commit(zombies, { by: later })).dropped).toBe(2)
    const remembered = await fixture
      .store()
      .table(NAME)
      .log.latest((snapshot) => [...(snapshot?.transactions() ?? [])])
    expect(remembered.map((txn) => [txn.appId, txn.version])).toEqual([
      [`tidemark/${NAME}/0/2001-01-05/0/g1`, 20],
    ])
  })

  test('a slot twice in one transaction is a bug', async () => {
    const changes = [
      await stage(table, { position: 10, rows: { ann: 1 } }),
      await stage(table, { position: 11, rows: { ann: 2 } }),
    ]
    await expect(commit(changes)).rejects.toThrow('invariant broken')
  })

  test('a file is committed only as what it was written for', async () => {
    const change = await stage(table, { position: 10, rows: { ann: 1 } })
    await expect(commit([{ ...change, position: 11 }])).rejects.toThrow('invariant broken')
    await expect(commit([{ ...change, slot: 3 }])).rejects.toThrow('invariant broken')
  })

  test('rows that come unsorted are sorted in the file', async () => {
    await put({ position: 10, rows: { cid: 1, ann: 2, bob: 3 } })
    const [file] = await dataFiles()
    const path = join(fixture.directory, NAME, file ?? '')
    const rows = await fixture.database.rows(`SELECT user_id AS u FROM read_parquet('${path}')`)
    expect(rows.map((row) => row['u'])).toEqual(['ann', 'bob', 'cid'])
  })
})

describe('names', () => {
  test('slot, generation, position and time of staging are in the name, tags or not', async () => {
    await put({ partition: 3, slot: 2, position: 12_345, rows: { ann: 1 } })
    const [path = ''] = await dataFiles()
    expect(path).toMatch(
      /^ds=2001-01-05\/p0003-s002-g0001-x0000000000000012345-[0-9a-f]{20}\.parquet$/,
    )
    expect(parseDataFilePath(path)).toEqual({
      day: DAY,
      partition: 3,
      slots: { kind: 'one', slot: 2 },
      generation: 1,
      position: 12_345,
      stagedMs: fixture.clock.nowMs,
    })
    const compacted = path.replace('s002', 'all016').replace(/x\d+/, 'xend')
    expect(parseDataFilePath(compacted)).toMatchObject({
      slots: { kind: 'all', count: 16 },
      position: END,
    })
    expect(parseDataFilePath('ds=2001-01-05/part-00000.parquet')).toBeUndefined()
    expect(parseDataFilePath(path.replace('01-05', '02-30'))).toBeUndefined()
  })

  test('a writer that dropped our tags changes no decision', async () => {
    await put({ position: 20, rows: { ann: 2 } })
    const log = join(fixture.directory, NAME, '_delta_log', `${'1'.padStart(20, '0')}.json`)
    const lines = (await readFile(log, 'utf8')).trim().split('\n')
    const without = lines.map((line) => {
      const action = JSON.parse(line) as { add?: { tags?: unknown } }
      if (action.add) delete action.add.tags
      return JSON.stringify(action)
    })
    await writeFile(log, `${without.join('\n')}\n`)
    const later = await fixture.store().open(specOf())
    const zombies = await stage(later, { position: 19, rows: { ann: 1 } })
    expect((await commit([zombies], { by: later })).dropped).toBe(1)
  })
})

describe('generations', () => {
  async function expectRefused(by: FeatureTable, generation: number): Promise<void> {
    const before = await logVersions()
    const change = await stage(by, { day: DAY + 1, position: 10, rows: { ann: 1 } })
    const refusal = { code: 'GENERATION_CHANGED', retryable: false }
    await expect(commit([change], { generation, by })).rejects.toMatchObject(refusal)
    const complete = [{ partition: 0, day: DAY }]
    await expect(commit([], { generation, complete, by })).rejects.toMatchObject(refusal)
    expect(await logVersions()).toEqual(before)
    expect(await fixture.lines()).toEqual([])
  }

  test('a writer of an older generation writes nothing, not even by adding', async () => {
    await expectRefused(await fixture.store().open(specOf({ generation: 0 })), 0)
  })

  test('T14 a writer finds out at its next transaction that the next generation has the table', async () => {
    await put({ position: 1_000, rows: { ann: 1 } })
    const next = await fixture.store().open(specOf({ generation: 2 }))
    const change = await stage(next, { position: 3, rows: {} })
    expect((await commit([change], { generation: 2, by: next })).applied).toBe(1)
    await expectRefused(table, 1)
  })

  test('of two records of one generation the first stays', async () => {
    const [records, others] = [1, 2].map(() => new GenerationRecords(fixture.options.storage))
    expect(await records?.put(1, '{"a":1}')).toBe('{"a":1}')
    expect(await others?.put(1, '{"a":2}')).toBe('{"a":1}')
    await others?.put(2, '{"b":1}')
    expect(await records?.list()).toEqual([
      { generation: 1, record: '{"a":1}' },
      { generation: 2, record: '{"b":1}' },
    ])
  })
})

describe('control', () => {
  test('the last complete day of a partition only goes up', async () => {
    await commit([], {
      complete: [
        { partition: 0, day: DAY },
        { partition: 1, day: DAY - 3 },
      ],
    })
    await commit([], {
      complete: [
        { partition: 0, day: DAY - 1 },
        { partition: 1, day: DAY },
      ],
    })
    expect(await table.complete()).toEqual(
      new Map([
        [0, DAY],
        [1, DAY],
      ]),
    )
    await commit([], { complete: [{ partition: 0, day: DAY - 9 }] })
    expect(await logVersions()).toHaveLength(3)
    expect(await (await fixture.store().open(specOf())).complete()).toEqual(await table.complete())
  })

  test('is not shown to a writer of a generation before: days may go back where the next one begins', async () => {
    await commit([], { complete: [{ partition: 0, day: DAY }] })
    await fixture.store().open(specOf({ generation: 2 }))
    await expect(table.complete()).rejects.toMatchObject({ code: 'GENERATION_CHANGED' })
  })

  test('days and rows of one transaction appear together', async () => {
    const change = await stage(table, { position: 10, rows: { ann: 1 } })
    await commit([change], { complete: [{ partition: 0, day: DAY }] })
    const view = await viewTable(fixture.store().table(NAME))
    expect(view).toMatchObject({ version: 1, generation: 1, complete: new Map([[0, DAY]]) })
    expect(view.files).toHaveLength(1)
    expect((await viewTable(fixture.store().table(NAME), 0)).complete).toEqual(new Map())
  })
})

describe('the log', () => {
  test('a checkpoint every 50 commits carries the whole table when older commits are gone', async () => {
    for (let i = 0; i < 52; i++) await put({ day: DAY + i, position: i, rows: { ann: i } })
    await commit([], { complete: [{ partition: 0, day: DAY + 51 }] })
    const expected = await fixture.lines()
    expect(expected).toHaveLength(52)
    const folder = join(fixture.directory, NAME, '_delta_log')
    const files = await readdir(folder)
    expect(files.filter((name) => name.endsWith('.checkpoint.parquet'))).toEqual([
      `${'50'.padStart(20, '0')}.checkpoint.parquet`,
    ])
    for (const name of await logVersions()) {
      if (Number(name.slice(0, 20)) < 50) await rm(join(folder, name))
    }
    expect(await fixture.lines()).toEqual(expected)
    expect((await fixture.store().open(specOf())).spec.name).toBe(NAME)
    // The pointer is a hint only.
    await writeFile(join(folder, '_last_checkpoint'), 'not json')
    expect(await fixture.lines()).toEqual(expected)
    expect(fixture.logged).toEqual([])
  })

  test('a writer whose version was cleaned up while it slept does not write into the gap', async () => {
    const sleeper = await fixture.store().open(specOf())
    await commit([], { by: sleeper, complete: [{ partition: 9, day: DAY }] })
    for (let i = 0; i < 50; i++) await put({ day: DAY + i, position: i, rows: { ann: i } })
    for (const name of await logVersions()) {
      if (Number(name.slice(0, 20)) < 50)
        await rm(join(fixture.directory, NAME, '_delta_log', name))
    }
    const change = await stage(sleeper, { day: DAY, position: 99, rows: { ann: 99 } })
    expect((await commit([change], { by: sleeper })).version).toBe(52)
    expect(await fixture.lines()).toContain('2001-01-05 ann 99')
    expect(await fixture.lines()).toHaveLength(50)
  })

  test('old versions can be read; one that is not there is refused by its number', async () => {
    await put({ position: 10, rows: { ann: 1 } })
    await put({ position: 20, rows: { ann: 2 } })
    expect(await fixture.lines(NAME, 0)).toEqual([])
    expect(await fixture.lines(NAME, 1)).toEqual(['2001-01-05 ann 1'])
    expect(await fixture.lines(NAME, 2)).toEqual(['2001-01-05 ann 2'])
    await expect(fixture.lines(NAME, 7)).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining('version 7') as string,
    })
  })

  test('writers with snapshots of their own lose nothing', async () => {
    const writers = await Promise.all(
      Array.from({ length: 6 }, () => fixture.store().open(specOf())),
    )
    await Promise.all(
      writers.map(async (by, partition) => {
        for (let i = 0; i < 8; i++) {
          const change = await stage(by, {
            partition,
            day: DAY + i,
            position: i,
            rows: { [`u${partition}`]: i },
          })
          await commit([change], { by })
        }
      }),
    )
    expect(await fixture.lines()).toHaveLength(48)
    expect(await logVersions()).toHaveLength(49)
  })

  test('a log that lost its beginning is refused, not begun again', async () => {
    await put({ position: 10, rows: { ann: 1 } })
    await rm(join(fixture.directory, NAME, '_delta_log', `${'0'.repeat(20)}.json`))
    await expect(fixture.store().open(specOf())).rejects.toMatchObject({ code: 'TABLE_REFUSED' })
  })

  test('a commit that is no JSON is refused by its name', async () => {
    await writeFile(
      join(fixture.directory, NAME, '_delta_log', `${'1'.padStart(20, '0')}.json`),
      '{"add":',
    )
    await expect(put({ position: 10, rows: { ann: 1 } })).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining('00000000000000000001.json') as string,
    })
  })
})

describe('columns', () => {
  const wider = [
    ...COLUMNS,
    { name: 'spend_7d', type: { kind: 'decimal', precision: 38, scale: 2 } },
  ] as const

  test('a new column is null in older files', async () => {
    await put({ slot: 0, position: 10, rows: { ann: 1 } })
    const later = await fixture.store().open(specOf({ columns: wider }))
    const key = { day: DAY, partition: 0, slot: 1 }
    const file = await later.write(key, 10, rowsOf(wider, [['bob', 2, 1234]]))
    await commit([{ ...key, position: 10, file }], { by: later })
    expect(await fixture.read(NAME)).toEqual([
      { user_id: 'ann', clicks_1d: 1, spend_7d: null, ds: '2001-01-05' },
      { user_id: 'bob', clicks_1d: 2, spend_7d: 1234, ds: '2001-01-05' },
    ])
    // The older writer goes on: its files lack the column.
    await put({ slot: 2, position: 11, rows: { cid: 3 } })
    expect(await fixture.read(NAME)).toHaveLength(3)
    const view = await viewTable(fixture.store().table(NAME))
    expect(view.columns).toEqual(wider)
  })

  test('opening again with the same columns writes nothing', async () => {
    await fixture.store().open(specOf())
    expect(await logVersions()).toHaveLength(1)
  })

  test('another type for a column is refused with both types', async () => {
    const columns = [COLUMNS[0], { name: 'clicks_1d', type: { kind: 'double' } }] as typeof COLUMNS
    await expect(fixture.store().open(specOf({ columns }))).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringMatching(/clicks_1d is int64.*as double/) as string,
    })
  })

  test('an older generation adds no columns', async () => {
    await expect(
      fixture.store().open(specOf({ columns: wider, generation: 0 })),
    ).rejects.toMatchObject({
      code: 'GENERATION_CHANGED',
    })
  })
})

describe('tables of others', () => {
  async function rewriteFirst(change: (text: string) => string): Promise<void> {
    const path = join(fixture.directory, NAME, '_delta_log', `${'0'.repeat(20)}.json`)
    await writeFile(path, change(await readFile(path, 'utf8')))
  }

  test.each([
    [
      'a higher writer version',
      (text: string) => text.replace('"minWriterVersion":2', '"minWriterVersion":7'),
      '(1, 7)',
    ],
    [
      'a higher reader version',
      (text: string) => text.replace('"minReaderVersion":1', '"minReaderVersion":3'),
      '(3, 2)',
    ],
    [
      'an append-only table',
      (text: string) =>
        text.replace('"tidemark.generation"', '"delta.appendOnly":"true","tidemark.generation"'),
      'append-only',
    ],
    [
      'no mark of ours',
      (text: string) => text.replace('tidemark.pipeline', 'someone.else'),
      'another program',
    ],
    [
      'another pipeline',
      (text: string) => text.replace('"tidemark.pipeline":"shop"', '"tidemark.pipeline":"market"'),
      'the pipeline market',
    ],
  ])('%s is refused with that reason', async (_what, change, reason) => {
    await rewriteFirst(change)
    await expect(fixture.store().open(specOf())).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining(reason) as string,
    })
  })

  test('a protocol that rises while we write stops the next transaction', async () => {
    const path = join(fixture.directory, NAME, '_delta_log', `${'1'.padStart(20, '0')}.json`)
    await writeFile(
      path,
      '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}\n',
    )
    await expect(put({ position: 10, rows: { ann: 1 } })).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
    })
  })

  test('a file that another program put into our day is refused by its name', async () => {
    const add = {
      path: 'ds=2001-01-05/part-0.parquet',
      partitionValues: { ds: '2001-01-05' },
      size: 1,
      modificationTime: 1,
      dataChange: true,
    }
    const path = join(fixture.directory, NAME, '_delta_log', `${'1'.padStart(20, '0')}.json`)
    await writeFile(path, `${JSON.stringify({ add })}\n`)
    await expect(put({ position: 10, rows: { ann: 1 } })).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining('part-0.parquet') as string,
    })
  })
})
