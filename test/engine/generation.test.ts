/** What may change between two runs: nothing that would give other content, columns that need no replay, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { ViewDefinition } from '../../src/core/definition.ts'
import type { TableTransaction } from '../../src/engine/ports.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { MemoryTables } from '../../src/memory/tables.ts'
import { COUNT, day, viewOf } from '../support/builders.ts'
import { Rig } from './rig.ts'

const LAST = { name: 'newest', aggregate: 'last', field: 'user' } as const

async function ranOnce(view: ViewDefinition): Promise<Rig> {
  const rig = new Rig({ views: [view] })
  rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-06 10:00'])
  await rig.runToEnd()
  return rig
}

function change(rig: Rig, view: ViewDefinition): void {
  rig.pipeline = { ...rig.pipeline, views: [{ ...view, hash: `${view.hash}, changed` }] }
}

async function generations(rig: Rig): Promise<number> {
  return (await rig.generations.list()).length
}

test('the next generation takes over a value whose entity the state has forgotten, above all that it has read: which records count may be others', async () => {
  const rig = new Rig({ views: [viewOf([1, 2], [COUNT])] })
  rig.append([{ at: '2024-03-04 10:00', user: 'quiet' }])
  for (let date = 4; date <= 9; date += 1) {
    rig.append([{ at: `2024-03-0${date} 11:00`, user: 'busy' }])
    await rig.runToEnd()
  }
  const [first] = await rig.generations.list()
  const record = JSON.parse(first?.record ?? '') as object
  await rig.generations.put(2, JSON.stringify({ ...record, generation: 2 }))
  await rig.runToEnd()
  const taken = await rig.online.read('activity:v1', 'quiet')
  expect(taken?.version).toMatchObject({ generation: 2, offset: 6 })
  await rig.expectTheLaw()
})

test('an owner that comes into it with an older state writes no table before it has read as far as these have: no row is gone meanwhile', async () => {
  const rig = new Rig({ fetch: 1 })
  rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
  await rig.runToEnd()
  const older = Object.assign(new MemoryDisk(), structuredClone(rig.disks[0]))
  rig.append(['2024-03-06 10:00', '2024-03-07 10:00', '2024-03-08 10:00'])
  await rig.runToEnd()
  rig.disks[0] = older
  const [first] = await rig.generations.list()
  const record = JSON.parse(first?.record ?? '') as object
  await rig.generations.put(2, JSON.stringify({ ...record, generation: 2 }))
  rig.append(['2024-03-09 10:00'])
  // A commit for each record, and time for a flush between two of them.
  const { commit, sinks } = rig.pipeline
  const offline = sinks.offline && { ...sinks.offline, correctionsEveryMs: 100 }
  rig.pipeline = {
    ...rig.pipeline,
    commit: { ...commit, recordsMax: 1 },
    sinks: { ...sinks, ...(offline && { offline }) },
  }
  rig.fetchMs = 3_000
  const at: number[] = []
  rig.hooks.set('table commit', (detail) => {
    at.push(...(detail as TableTransaction).changes.map(({ position }) => position))
  })
  await rig.runToEnd()
  expect(Math.min(...at)).toBeGreaterThanOrEqual(5)
  expect(at.length).toBeGreaterThan(0)
  await rig.expectTheLaw()
})

test('a record that is gone from beside its state is written again, the same', async () => {
  const rig = await ranOnce(viewOf([1, 3], [COUNT]))
  const [before] = await rig.generations.list()
  rig.generations = new MemoryGenerations()
  await rig.runToEnd()
  expect(await rig.generations.list()).toEqual([before])
  await rig.expectTheLaw()
})

describe('columns that are added', () => {
  test('a window that stored tiles answer needs no backfill: earlier rows have null, later ones the value', async () => {
    // day     03-04  03-05 | 03-06   (the first two are closed when the column comes)
    // n_2d     -      -    |  2
    const rig = await ranOnce(viewOf([1, 3], [{ ...COUNT, windows: [1, 3] }]))
    change(rig, { ...viewOf([1, 2, 3], [COUNT]) })
    rig.append(['2024-03-07 10:00'])
    await rig.runToEnd()
    expect(await generations(rig)).toBe(2)
    const rows = rig.tables
      .rows('activity_v1')
      .map(({ day: at, row }) => [at, row.get('n_2d') ?? null])
    expect(rows.sort()).toEqual([
      [day('2024-03-04'), null],
      [day('2024-03-05'), null],
      [day('2024-03-06'), 2],
    ])
  })

  test('in the partition that is behind, a value changes by itself on the day from which the column holds', async () => {
    const rig = new Rig({ partitions: 2, views: [viewOf([1, 10], [COUNT])] })
    rig.append([{ at: '2024-03-04 10:00', user: 'ann' }], 0)
    rig.append(
      [
        { at: '2024-03-04 10:00', user: 'zed' },
        { at: '2024-03-09 10:00', user: 'zed' },
      ],
      1,
    )
    await rig.runToEnd()
    change(rig, viewOf([1, 7, 10], [COUNT]))
    const run = rig.start()
    await rig.clock.advance(2_000)
    expect(await rig.served('ann')).toBe('2024-03-04 n_1d=1 n_10d=1 (next 2024-03-05)')
    rig.append([{ at: '2024-03-06 10:00', user: 'bob' }], 0)
    await rig.clock.advance(2_000)
    expect(await rig.served('ann')).toBe('2024-03-06 n_1d=0 n_10d=1 (next 2024-03-09)')
    rig.append([{ at: '2024-03-09 10:00', user: 'bob' }], 0)
    await rig.clock.advance(2_000)
    expect(await rig.served('ann')).toBe('2024-03-09 n_1d=0 n_7d=1 n_10d=1 (next 2024-03-11)')
    await run.stop()
  })

  test('a feature that tiles do not hold is refused, with the first day that it may begin on', async () => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    change(rig, viewOf([1, 3], [COUNT, LAST]))
    await expect(rig.runToEnd()).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      message: expect.stringContaining('`since: 2024-03-07` or later') as unknown,
    })
    expect(await generations(rig)).toBe(1)
  })

  test('with that day it counts the records of that day and later', async () => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    change(rig, viewOf([1, 3], [COUNT, { ...COUNT, name: 'm', since: day('2024-03-07') }]))
    rig.append(['2024-03-06 11:00', '2024-03-07 10:00', '2024-03-08 10:00'])
    await rig.runToEnd()
    const rows = rig.tables
      .rows('activity_v1')
      .map(({ day: at, row }) => [at, row.get('m_3d') ?? null])
    expect(rows.sort()).toEqual([
      [day('2024-03-04'), null],
      [day('2024-03-05'), null],
      [day('2024-03-06'), null],
      [day('2024-03-07'), 1],
    ])
  })

  test('rows of days that were closed before keep the hash of the definition that was in force', async () => {
    const rig = await ranOnce(viewOf([1, 3], [{ ...COUNT, windows: [1] }]))
    const before = rig.pipeline.views[0]?.hash ?? ''
    change(rig, viewOf([1, 3], [COUNT]))
    // A late record corrects 03-05, whose slot is then written again.
    rig.append(['2024-03-05 12:00', '2024-03-07 10:00'])
    await rig.runToEnd()
    const rows = rig.tables
      .rows('activity_v1')
      .map(({ day: at, row }) => [at, row.get('_definition')])
    expect(rows.sort()).toEqual([
      [day('2024-03-04'), before],
      [day('2024-03-05'), before],
      [day('2024-03-06'), rig.pipeline.views[0]?.hash],
    ])
  })
})

describe('what is refused, before anything is written', () => {
  test.each([
    { what: 'a shorter longest window', view: viewOf([1], [COUNT]) },
    { what: 'a longer longest window', view: viewOf([1, 3, 4], [COUNT]) },
    { what: 'a column that is gone', view: viewOf([1, 3], [{ ...COUNT, windows: [1] }]) },
    { what: 'a column that means something else', view: viewOf([1, 3], [{ ...LAST, name: 'n' }]) },
    { what: 'a view of another version', view: { ...viewOf([1, 3], [COUNT]), version: 2 } },
  ])('$what', async ({ view }) => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    change(rig, view)
    const before = rig.effects.length
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' })
    expect(rig.effects.length).toBe(before)
  })

  test('other views, where the record of the generation is gone from beside the state', async () => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    rig.generations = new MemoryGenerations()
    change(rig, viewOf([1, 3], [{ ...COUNT, name: 'other' }]))
    await expect(rig.runToEnd()).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      message: expect.stringMatching(
        /generation 1, whose record is missing.*Bring the record back/,
      ) as unknown,
    })
    expect(await generations(rig)).toBe(0)
  })

  test('a state of a later generation whose record is gone', async () => {
    const rig = await ranOnce(viewOf([1, 3], [{ ...COUNT, windows: [1, 3] }]))
    change(rig, viewOf([1, 2, 3], [COUNT]))
    rig.append(['2024-03-07 10:00'])
    await rig.runToEnd()
    rig.generations = new MemoryGenerations()
    await expect(rig.runToEnd()).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      message: expect.stringContaining('of generation 2, whose record is missing') as unknown,
    })
  })

  test('a table that was deleted beside its state', async () => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    rig.tables = new MemoryTables()
    await expect(rig.runToEnd()).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringContaining('the state has written it up to 2024-03-05') as unknown,
    })
  })

  test('a table that is an older copy, though it has the same days', async () => {
    const rig = await ranOnce(viewOf([1, 3], [COUNT]))
    const older = rig.tables.copy()
    rig.append(['2024-03-05 12:00'])
    await rig.runToEnd()
    rig.tables = older
    await expect(rig.runToEnd()).rejects.toMatchObject({
      code: 'TABLE_REFUSED',
      message: expect.stringMatching(
        /the table activity_v1 is at version \d, but the state has written version \d of it/,
      ) as unknown,
    })
  })
})
