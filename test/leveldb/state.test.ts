/** The LevelDB state passes the suite of its port, and keeps the rules that LevelDB needs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { restoreState } from '../../src/leveldb/restore.ts'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { MemoryDisk, diskOf } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { maintainAll, shown, stateCommit, tile } from '../conformance/state-fixtures.ts'
import { describePartitionState } from '../conformance/state.ts'

const root = mkdtempSync(path.join(tmpdir(), 'tidemark-state-'))
let stores = 0

function newDirectory(): string {
  stores += 1
  return path.join(root, String(stores))
}

afterAll(() => rmSync(root, { recursive: true, force: true }))

describePartitionState('LevelDB', async () => {
  const directory = newDirectory()
  return {
    open: () => LevelPartitionState.open(directory),
    restored: async (files) => {
      const place = newDirectory()
      await restoreState({ directory: place, files, pipeline: 'shop', partition: 3 })
      return LevelPartitionState.open(place)
    },
  }
})

describePartitionState('memory', async () => {
  const disk = new MemoryDisk()
  return {
    open: () => MemoryPartitionState.open(disk),
    restored: async (files) => MemoryPartitionState.open(await diskOf(files)),
  }
})

test('T14 a state directory has one owner: a second opening is refused and says why', async () => {
  const directory = newDirectory()
  await using first = await LevelPartitionState.open(directory)
  await expect(LevelPartitionState.open(directory)).rejects.toMatchObject({
    code: 'STATE_LOCKED',
    retryable: false,
    message: expect.stringContaining(directory) as string,
  })
  await first.commit(stateCommit(1))
})

test('overlapping calls are a bug, and are told as one', async () => {
  await using state = await LevelPartitionState.open(newDirectory())
  const commit = state.commit(stateCommit(1, { tiles: [tile('a', 1, 0)] }))
  await expect(state.tiles(0, [])).rejects.toThrow('one call at a time: tiles while commit runs')
  await expect(
    state.maintain({ settleBefore: 9, evictBefore: [], forgetIdsBefore: 0, limit: 1 }),
  ).rejects.toThrow('one call at a time')
  await commit
  expect(state.head?.nextOffset).toBe(1)
})

test('disposing waits for the commit under way', async () => {
  const directory = newDirectory()
  const state = await LevelPartitionState.open(directory)
  const tiles = Array.from({ length: 5_000 }, (_, i) => tile(`user:${i}`, 1, i))
  const commit = state.commit(stateCommit(5_000, { tiles }))
  await state[Symbol.asyncDispose]()
  await commit
  await using reopened = await LevelPartitionState.open(directory)
  expect((await reopened.tiles(0, [tile('user:4999', 1, 0)]))[0]).toBeDefined()
})

test('a record of settled tiles goes with its last tile, and with nothing left a pass has nothing to do', async () => {
  await using state = await LevelPartitionState.open(newDirectory())
  const tiles = Array.from({ length: 2_500 }, (_, i) => tile(`user:${i}`, 1 + (i % 3), i))
  await state.commit(stateCommit(2_500, { tiles }))
  const bounds = { settleBefore: 10, evictBefore: [2], forgetIdsBefore: 0, limit: 700 }
  await maintainAll(state, bounds)
  expect((await state.scan(0, 0, undefined, 9_999)).length).toBe(1_666)
  await maintainAll(state, { ...bounds, settleBefore: 20, evictBefore: [10] })
  expect(await state.scan(0, 0, undefined, 9_999)).toEqual([])
  expect(await state.maintain({ ...bounds, settleBefore: 20, evictBefore: [10] })).toBe(false)
})

test('a crash between two pieces of settling leaves a state that reads right and goes on', async () => {
  const directory = newDirectory()
  const tiles = Array.from({ length: 40 }, (_, i) =>
    tile(`user:${i % 10}`, 1 + Math.floor(i / 10), i),
  )
  const bounds = { settleBefore: 4, evictBefore: [0], forgetIdsBefore: 0, limit: 7 }
  {
    await using state = await LevelPartitionState.open(directory)
    await state.commit(stateCommit(40, { tiles }))
  }
  for (let more = true; more;) {
    await using state = await LevelPartitionState.open(directory)
    more = await state.maintain(bounds)
    const found = await state.scan(0, 0, undefined, 99)
    expect(found.length).toBe(10)
    expect(shown(found[3])).toEqual({
      entity: 'user:3',
      offset: 33,
      tiles: [
        [1, '3'],
        [2, '13'],
        [3, '23'],
        [4, '33'],
      ],
    })
  }
})

test('the size of a state is that of its files', async () => {
  await using state = await LevelPartitionState.open(newDirectory())
  const before = await state.size()
  await state.commit(stateCommit(1, { tiles: [tile('a', 1, 0, 'x'.repeat(100_000))] }))
  expect(await state.size()).toBeGreaterThan(before + 100_000)
})
