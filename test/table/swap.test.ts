import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FeatureTable } from '../../src/engine/ports.ts'
import { FolderStorage } from '../../src/storage/folder-storage.ts'
import { compactTable } from '../../src/table/compact.ts'
import { DeltaTableStore } from '../../src/table/delta-table.ts'
import { TableSwap } from '../../src/table/swap.ts'
import type { SwapResult } from '../../src/table/swap.ts'
import type { SwapRequest } from '../../src/table/swap-plan.ts'
import { missingFiles, sourceBefore, stagedSource } from '../../src/table/swap-sources.ts'
import type { Covers } from '../../src/table/swap-sources.ts'
import { vacuumTable } from '../../src/table/vacuum.ts'
import { viewTable } from '../../src/table/view.ts'
import { COLUMNS, specOf, stage, TableFixture, type SlotRows } from '../support/table-fixture.ts'

const DAY = 11_327 // 2001-01-05
const NAME = 'user_activity_v1'
const FOLDER = '_tidemark/replays/r1'
const SLOTS = 4

let fixture: TableFixture
let live: FeatureTable
let staged: FeatureTable

beforeEach(async () => {
  fixture = await TableFixture.create()
  live = await fixture.store().open(specOf())
  staged = await stagedStore().open(specOf({ generation: 2 }))
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

function stagedStore(): DeltaTableStore {
  const storage = new FolderStorage(fixture.options.storage, FOLDER)
  return new DeltaTableStore({ ...fixture.options, storage })
}

async function put(table: FeatureTable, ...slots: SlotRows[]): Promise<void> {
  const changes = []
  for (const slot of slots) changes.push(await stage(table, slot))
  await table.commit({ generation: table.spec.generation, run: 'test', changes, complete: [] })
}

function uptoDay({ day }: Parameters<Covers>[0]): boolean {
  return day >= DAY && day <= DAY + 1
}

async function publication(
  generation: number,
  covers: Covers = uptoDay,
  parts: Partial<SwapRequest> = {},
): Promise<TableSwap> {
  const { want, metaData } = await stagedSource(stagedStore().table(NAME), FOLDER, covers)
  const request = { generation, slots: SLOTS, replay: 'r1', metaData, want } as const
  const table = fixture.store().table(NAME)
  return new TableSwap(table, { ...request, operation: 'REPLAY PUBLISH', ...parts })
}

async function restoration(generation: number, before: number): Promise<TableSwap> {
  const table = fixture.store().table(NAME)
  const source = await sourceBefore(table, before, { covers: () => true })
  if (!source) throw new Error('there was no table')
  const request = { generation, slots: SLOTS, replay: 'r1', ...source } as const
  return new TableSwap(table, { ...request, operation: 'REPLAY ROLLBACK' })
}

async function publish(generation: number, covers?: Covers): Promise<SwapResult> {
  const swap = await publication(generation, covers)
  await swap.prepare()
  return swap.commit()
}

async function generationNow(): Promise<number> {
  return (await viewTable(fixture.store().table(NAME))).generation
}

async function dataFiles(): Promise<string[]> {
  const files = await fixture.options.storage.list(`${NAME}/ds=`)
  return files.map(({ path }) => path)
}

describe('publish', () => {
  beforeEach(async () => {
    await put(
      live,
      { slot: 0, position: 10, rows: { ann: 1 } },
      { slot: 1, position: 10, rows: { bob: 1 } },
      { day: DAY + 1, position: 10, rows: { ann: 1 } },
      { day: DAY + 2, position: 10, rows: { ann: 1 } },
      { partition: 1, position: 10, rows: { cid: 1 } },
    )
    await put(
      staged,
      { slot: 0, position: 5, rows: { ann: 7 } },
      { slot: 2, position: 5, rows: { eve: 7 } },
      { day: DAY + 1, slot: 3, position: 5, rows: {} },
      { day: DAY + 2, position: 5, rows: { ann: 7 } },
    )
  })

  test('every slot of the days comes from the replay, empty ones too, in one version; other days and partitions stay', async () => {
    const { version } = await viewTable(fixture.store().table(NAME))
    expect(await live.swapped()).toBe(0)
    const result = await publish(2, (place) => uptoDay(place) && place.partition === 0)
    expect(await live.swapped()).toBe(2)
    const begun = await fixture.store().open(specOf({ name: NAME, generation: 2 }))
    expect(await begun.left(0, DAY)).toEqual([{ day: DAY + 2, slot: 0, position: 10 }])
    expect(await begun.left(0, DAY + 2)).toEqual([])
    expect(result).toEqual({
      version: version + 1,
      filesIn: 2,
      filesOut: 3,
      kept: 0,
      isRepeated: false,
    })
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 7',
      '2001-01-05 cid 1',
      '2001-01-05 eve 7',
      '2001-01-07 ann 1',
    ])
    const { files, generation } = await viewTable(fixture.store().table(NAME))
    expect(generation).toBe(2)
    expect(files.map((file) => [file.generation, file.position])).toEqual([
      [2, 5],
      [2, 5],
      [1, 10],
      [1, 10],
    ])
    expect(await fixture.lines(NAME, version)).toHaveLength(5)
  })

  test('the control table does not move', async () => {
    await live.commit({
      generation: 1,
      run: 'test',
      changes: [],
      complete: [{ partition: 0, day: DAY + 2 }],
    })
    await publish(2)
    const { complete } = await viewTable(fixture.store().table(NAME))
    expect([...complete]).toEqual([[0, DAY + 2]])
  })

  test('of a partition that has closed no day any more it says none, not the last one before 1970', async () => {
    const complete = [{ partition: 0, day: DAY + 2 }]
    await live.commit({ generation: 1, run: 'test', changes: [], complete })
    const swap = await publication(2, uptoDay, { complete: new Map([[0, -1]]) })
    await swap.prepare()
    await swap.commit()
    const owner = await fixture.store().open(specOf({ generation: 2 }))
    expect([...(await owner.complete())]).toEqual([])
  })

  test('again it changes nothing, and leaves no file behind', async () => {
    await publish(2)
    const [lines, files] = [await fixture.lines(), await dataFiles()]
    expect(await publish(2)).toMatchObject({ filesIn: 0, filesOut: 0, isRepeated: true })
    expect([await fixture.lines(), await dataFiles()]).toEqual([lines, files])
  })

  test('one that comes after a later one changes nothing, whatever slots were emptied since', async () => {
    const late = await publication(2)
    await late.prepare()
    await put(staged, { slot: 2, position: 6, rows: {} })
    await publish(3)
    await fixture.store().table(NAME).log.checkpoint()
    const lines = await fixture.lines()
    expect(await late.commit()).toMatchObject({ isRepeated: true })
    expect(await fixture.lines()).toEqual(lines)
    expect(await generationNow()).toBe(3)
  })

  test('prepared and not committed, nothing is seen, and what is given up is deleted', async () => {
    const [lines, files] = [await fixture.lines(), await dataFiles()]
    const swap = await publication(2)
    await swap.prepare()
    expect(await fixture.lines()).toEqual(lines)
    expect((await dataFiles()).length).toBeGreaterThan(files.length)
    await swap.discard()
    expect(await dataFiles()).toEqual(files)
  })

  test('T14 a live writer of the old generation writes nothing any more', async () => {
    const change = await stage(live, { position: 99, rows: { ann: 9 } })
    await publish(2)
    await expect(
      live.commit({ generation: 1, run: 'test', changes: [change], complete: [] }),
    ).rejects.toMatchObject({ code: 'GENERATION_CHANGED' })
    expect(await fixture.lines()).toContain('2001-01-05 ann 7')
  })

  test('what owners of the new generation have written or emptied meanwhile they know better', async () => {
    const swap = await publication(2)
    await swap.prepare()
    const owner = await fixture.store().open(specOf({ generation: 2 }))
    await put(
      owner,
      { slot: 0, position: 20, rows: { ann: 20 } },
      { slot: 2, position: 20, rows: {} },
      { slot: 3, position: 20, rows: { dan: 20 } },
    )
    expect(await swap.commit()).toMatchObject({ filesIn: 0, kept: 2 })
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 20',
      '2001-01-05 dan 20',
      '2001-01-07 ann 1',
    ])
    expect(await fixture.options.storage.list(`${NAME}/ds=2001-01-05/p0000-s002-g0002`)).toEqual([])
  })

  test('also owners of a generation after it, which came before it was carried out', async () => {
    const swap = await publication(2)
    await swap.prepare()
    const owner = await fixture.store().open(specOf({ generation: 3 }))
    await put(
      owner,
      { slot: 0, position: 20, rows: { ann: 20 } },
      { slot: 2, position: 20, rows: {} },
    )
    expect(await swap.commit()).toMatchObject({ filesIn: 0, kept: 2 })
    expect(await fixture.lines()).toEqual(['2001-01-05 ann 20', '2001-01-07 ann 1'])
  })

  test('a writer that commits in between is seen: nothing is lost and nothing decided on what was', async () => {
    const swap = await publication(2)
    await swap.prepare()
    await put(live, { day: DAY + 2, slot: 1, position: 30, rows: { fay: 30 } })
    await put(live, { slot: 3, position: 30, rows: { gil: 30 } })
    await swap.commit()
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 7',
      '2001-01-05 eve 7',
      '2001-01-07 ann 1',
      '2001-01-07 fay 30',
    ])
  })

  test('a compacted day is replaced as a whole', async () => {
    const metadata = { pipeline: 'shop' }
    const request = { generation: 1, partition: 0, days: [DAY], slots: SLOTS, metadata }
    expect((await compactTable(fixture.store().table(NAME), request)).days).toBe(1)
    await publish(2)
    expect(await fixture.lines()).toEqual([
      '2001-01-05 ann 7',
      '2001-01-05 eve 7',
      '2001-01-07 ann 1',
    ])
  })

  test('copies that a vacuum may have taken are made anew', async () => {
    const swap = await publication(2)
    await swap.prepare()
    fixture.clock.nowMs += 3_600_000
    await vacuumTable(fixture.store().table(NAME), { graceMs: 60_000, logRetentionMs: 3_600_000 })
    await swap.commit()
    expect(await fixture.lines()).toContain('2001-01-05 ann 7')
  })

  test('columns that only the replay has are added', async () => {
    const columns = [...COLUMNS, { name: 'clicks_7d', type: { kind: 'int64' } as const }]
    await stagedStore().open(specOf({ generation: 2, columns }))
    await publish(2)
    const { columns: now } = await viewTable(fixture.store().table(NAME))
    expect(now.map(({ name }) => name)).toEqual(['user_id', 'clicks_1d', 'clicks_7d'])
    const rows = await fixture.read(NAME)
    expect(rows.map((row) => row['clicks_7d'])).toEqual([null, null, null])
  })

  test('a column of another type is refused before anything is copied', async () => {
    const other = stagedStore()
    const columns = [{ name: 'clicks_1d', type: { kind: 'double' } as const }]
    await other.open(specOf({ name: 'other_v1', generation: 2, columns }))
    const { want, metaData } = await stagedSource(other.table('other_v1'), FOLDER, uptoDay)
    const swap = await publication(2, uptoDay, { want, metaData })
    await expect(swap.prepare()).rejects.toMatchObject({ code: 'TABLE_REFUSED' })
  })

  test('a table that is not there yet is made with the days in it', async () => {
    const name = 'user_activity_v2'
    const next = await stagedStore().open(specOf({ name, generation: 2 }))
    await put(next, { position: 5, rows: { ann: 7 } })
    const source = await stagedSource(stagedStore().table(name), FOLDER, uptoDay)
    const request = { generation: 2, slots: SLOTS, replay: 'r1', ...source } as const
    const make = (): TableSwap =>
      new TableSwap(fixture.store().table(name), { ...request, operation: 'REPLAY PUBLISH' })
    const swap = make()
    await swap.prepare()
    expect(await swap.commit()).toMatchObject({ version: 0, filesIn: 1, isRepeated: false })
    expect(await fixture.lines(name)).toEqual(['2001-01-05 ann 7'])
    expect(await make().commit()).toMatchObject({ isRepeated: true })
    const owner = await fixture.store().open(specOf({ name, generation: 2 }))
    await put(owner, { position: 6, rows: { ann: 8 } })
    expect(await fixture.lines(name)).toEqual(['2001-01-05 ann 8'])
  })
})

describe('rollback', () => {
  beforeEach(async () => {
    await put(live, { slot: 0, position: 10, rows: { ann: 1 } })
    await put(live, { slot: 1, position: 11, rows: { bob: 1 } })
    await put(live, { day: DAY - 1, position: 10, rows: { ann: 0 } })
    const complete = [{ partition: 0, day: DAY }]
    await live.commit({ generation: 1, run: 'test', changes: [], complete })
    await put(
      staged,
      { slot: 0, position: 5, rows: { ann: 7 } },
      { slot: 2, position: 5, rows: { eve: 7 } },
    )
  })

  test('the days say again what they said before, under the next generation; days that closed since wait for their owners', async () => {
    await publish(2)
    const owner = await fixture.store().open(specOf({ generation: 2 }))
    await put(owner, { slot: 3, position: 30, rows: { dan: 30 } })
    await put(owner, { day: DAY + 1, position: 30, rows: { dan: 30 } })
    const swap = await restoration(3, 2)
    await swap.prepare()
    expect(await swap.commit()).toMatchObject({ filesIn: 2, filesOut: 3, kept: 0 })
    expect(await fixture.lines()).toEqual([
      '2001-01-04 ann 0',
      '2001-01-05 ann 1',
      '2001-01-05 bob 1',
      '2001-01-06 dan 30',
    ])
    expect(await generationNow()).toBe(3)
    expect(await swap.commit()).toMatchObject({ isRepeated: true })
  })

  test('what a generation had left that was taken back itself, its owners may write anew from where they stand', async () => {
    await publish(2)
    const between = await fixture.store().open(specOf({ generation: 2 }))
    await put(between, { day: DAY + 1, position: 30, rows: { dan: 30 } })
    for (const [generation, before] of [
      [3, 2],
      [5, 4],
    ] as const) {
      if (generation === 5) await publish(4)
      const back = await restoration(generation, before)
      await back.prepare()
      await back.commit()
    }
    expect(await fixture.lines()).toContain('2001-01-06 dan 30')
    const owner = await fixture.store().open(specOf({ generation: 5 }))
    await put(owner, { day: DAY + 1, position: 30, rows: { dan: 29 } })
    expect(await fixture.lines()).toContain('2001-01-06 dan 29')
  })

  test('what owners of the old generation wrote after the record, and before the table was taken over, comes back', async () => {
    const swap = await publication(2)
    await swap.prepare()
    await put(live, { slot: 0, position: 12, rows: { ann: 2 } })
    await swap.commit()
    const back = await restoration(3, 2)
    await back.prepare()
    await back.commit()
    expect(await fixture.lines()).toEqual([
      '2001-01-04 ann 0',
      '2001-01-05 ann 2',
      '2001-01-05 bob 1',
    ])
  })

  test('what the generation in between writes until the last moment is taken back too', async () => {
    await publish(2)
    const owner = await fixture.store().open(specOf({ generation: 2 }))
    const swap = await restoration(3, 2)
    await swap.prepare()
    await put(owner, { day: DAY - 1, position: 40, rows: { ann: 40 } })
    await swap.commit()
    expect(await fixture.lines()).toEqual([
      '2001-01-04 ann 0',
      '2001-01-05 ann 1',
      '2001-01-05 bob 1',
    ])
  })

  test('files that a vacuum has taken are found to be missing', async () => {
    await publish(2)
    fixture.clock.nowMs += 3_600_000
    const table = fixture.store().table(NAME)
    await vacuumTable(table, { graceMs: 60_000, logRetentionMs: 3_600_000 * 24 })
    const source = await sourceBefore(table, 2, { covers: () => true })
    const places = await table.log.latest((snapshot) => source?.want(snapshot) ?? [])
    expect(await missingFiles(table, places)).toHaveLength(2)
  })

  test('a table that was made by the publish has no past', async () => {
    expect(
      await sourceBefore(fixture.store().table(NAME), 1, { covers: () => true }),
    ).toBeUndefined()
  })
})
