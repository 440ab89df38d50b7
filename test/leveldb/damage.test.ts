/**
 * Files that lost a piece. LevelDB itself opens such a store without a word and goes on with what is left; ours must not.
 */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LevelOnlineStore } from '../../src/leveldb/online-store.ts'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { onlineValue } from '../conformance/online-store.ts'
import type { Marker } from '../../src/engine/ports.ts'
import { stateCommit, tile } from '../conformance/state-fixtures.ts'

const root = mkdtempSync(path.join(tmpdir(), 'tidemark-damage-'))
let copies = 0
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A copy of a closed store with `length` bytes of its log set to zero at `share` of it. */
function damagedCopy(directory: string, share: number, length: number): string {
  copies += 1
  const copy = path.join(root, `copy-${copies}`)
  cpSync(directory, copy, { recursive: true })
  const log = path.join(copy, logOf(copy))
  const bytes = readFileSync(log)
  const at = Math.floor(bytes.length * share)
  writeFileSync(log, bytes.fill(0, at, Math.min(bytes.length, at + length)))
  return copy
}

async function putMarker(store: LevelOnlineStore, marker: Marker): Promise<void> {
  const { incarnation } = store
  await store.advanceMarker(0, marker, { marker: undefined, incarnation })
}

function logOf(directory: string): string {
  const [log] = readdirSync(directory).filter((name) => name.endsWith('.log'))
  if (log === undefined) throw new Error(`no log in ${directory}`)
  return log
}

describe('a state whose log lost bytes', () => {
  const COMMITS = 400
  const directory = path.join(root, 'state')

  beforeAll(async () => {
    await using state = await LevelPartitionState.open(directory)
    for (let i = 0; i < COMMITS; i += 1) {
      const tiles = Array.from({ length: 20 }, (_, n) => tile(`user:${n}`, 1, i, `${i} `.repeat(9)))
      await state.commit(stateCommit(i + 1, { tiles }))
    }
  })

  test('opens where nothing is missing', async () => {
    await using state = await LevelPartitionState.open(damagedCopy(directory, 1, 0))
    expect(state.head?.nextOffset).toBe(COMMITS)
  })

  for (const share of [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97]) {
    test(`is refused: 64 zero bytes at ${share * 100} % of it, however many commits ago`, async () => {
      const copy = damagedCopy(directory, share, 64)
      await expect(LevelPartitionState.open(copy)).rejects.toMatchObject({
        code: 'STATE_DAMAGED',
        retryable: false,
        message: expect.stringMatching(
          /missing.*move the directory away and start again/,
        ) as string,
      })
    })
  }

  test('is refused again at the next attempt: looking changes nothing', async () => {
    const copy = damagedCopy(directory, 0.5, 64)
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(LevelPartitionState.open(copy)).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
    }
  })

  test('is an earlier commit, whole, where its end was cut off', async () => {
    for (const share of [0.2, 0.55, 0.999]) {
      await using state = await LevelPartitionState.open(damagedCopy(directory, share, 10 ** 9))
      const offset = (state.head?.nextOffset ?? 0) - 1
      expect(offset).toBeGreaterThan(COMMITS * share - 30)
      const found = await state.scan(0, 0, undefined, 99)
      expect(found.map((entity) => entity.offset)).toEqual(Array(20).fill(offset))
    }
  })
})

test('the numbers of batches that no log can hold any more are forgotten', async () => {
  const directory = path.join(root, 'numbers')
  const open = (): Promise<LevelPartitionState> =>
    LevelPartitionState.open(directory, { writeBufferBytes: 2 ** 16 })
  for (let session = 0; session < 3; session += 1) {
    await using state = await open()
    for (let i = 0; i < 200; i += 1) {
      await state.commit(stateCommit(i, { tiles: [tile('a', 1, i, 'x'.repeat(4_000))] }))
    }
  }
  const level = new ClassicLevel(directory)
  const numbers = await level.keys({ gte: '!chain/', lt: '!chain0' }).all()
  await level.close()
  expect(numbers.length).toBeGreaterThanOrEqual(64)
  expect(numbers.length).toBeLessThan(80)
})

test('a state whose CURRENT is gone is refused, not begun anew', async () => {
  const directory = path.join(root, 'no-current')
  {
    await using state = await LevelPartitionState.open(directory)
    await state.commit(stateCommit(1))
  }
  rmSync(path.join(directory, 'CURRENT'))
  await expect(LevelPartitionState.open(directory)).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
})

test('a state whose tables are gone is refused', async () => {
  const directory = path.join(root, 'no-tables')
  for (let i = 0; i < 3; i += 1) {
    // Each opening empties the log into a table.
    await using state = await LevelPartitionState.open(directory)
    await state.commit(stateCommit(i + 1, { tiles: [tile('a', 1, i)] }))
  }
  for (const name of readdirSync(directory)) {
    if (name.endsWith('.ldb')) rmSync(path.join(directory, name))
  }
  await expect(LevelPartitionState.open(directory)).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
})

describe('a state whose tables have other bytes', () => {
  const ENTITIES = 3_000
  const directory = path.join(root, 'tables')

  beforeAll(async () => {
    for (let i = 0; i < 2; i += 1) {
      await using state = await LevelPartitionState.open(directory)
      const tiles = Array.from({ length: ENTITIES }, (_, n) =>
        tile(`user:${n}`, 1, i, `${n}`.repeat(30)),
      )
      await state.commit(stateCommit(i + 1, { tiles }))
    }
    // Opening empties the log into a table.
    await using _ = await LevelPartitionState.open(directory)
  })

  function damaged(harm: (bytes: Buffer) => Buffer): string {
    copies += 1
    const copy = path.join(root, `copy-${copies}`)
    cpSync(directory, copy, { recursive: true })
    const tables = readdirSync(copy).filter((name) => name.endsWith('.ldb'))
    const [largest = ''] = tables.sort(
      (a, b) => readFileSync(path.join(copy, b)).length - readFileSync(path.join(copy, a)).length,
    )
    const bytes = readFileSync(path.join(copy, largest))
    expect(bytes.length).toBeGreaterThan(200_000)
    writeFileSync(path.join(copy, largest), harm(bytes))
    return copy
  }

  test('opens where nothing was changed', async () => {
    await using state = await LevelPartitionState.open(damaged((bytes) => bytes))
    expect(await state.scan(0, 0, undefined, 9_999)).toHaveLength(ENTITIES)
  })

  test.each([
    [
      'a block of zeros in the middle',
      (bytes: Buffer) => bytes.fill(0, 100_000, 104_096),
      /checksum/,
    ],
    ['a bit', (bytes: Buffer) => bytes.fill((bytes[70_000] ?? 0) ^ 4, 70_000, 70_001), /checksum/],
    ['zeros at its start', (bytes: Buffer) => bytes.fill(0, 0, 512), /checksum/],
    [
      'zeros before its end',
      (bytes: Buffer) => bytes.fill(0, bytes.length - 4_096, bytes.length - 48),
      /checksum|index/,
    ],
    ['zeros at its end', (bytes: Buffer) => bytes.fill(0, bytes.length - 48), /its end is missing/],
    [
      'its second half',
      (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
      /has \d+ bytes, not/,
    ],
    ['everything', () => Buffer.alloc(0), /has 0 bytes, not/],
  ])('is refused, and left as it is: %s', async (_, harm, words) => {
    const copy = damaged(harm)
    const before = readdirSync(copy)
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(LevelPartitionState.open(copy)).rejects.toMatchObject({
        code: 'STATE_DAMAGED',
        message: expect.stringMatching(words) as string,
      })
    }
    expect(readdirSync(copy)).toEqual(before)
  })
})

test('a damaged online store loses its markers, so that everything is told again, and then is whole', async () => {
  const directory = path.join(root, 'online')
  {
    await using store = await LevelOnlineStore.open(directory, { nowMs: () => 0 })
    for (let i = 0; i < 300; i += 1) {
      await store.write([onlineValue({ entity: `user:${i}` })])
      await putMarker(store, { generation: 1, position: i, asOf: 1, scanId: undefined })
    }
  }
  const copy = damagedCopy(directory, 0.4, 64)
  for (const position of [7, 8]) {
    await using store = await LevelOnlineStore.open(copy, { nowMs: () => 0 })
    const expected = position === 7 ? undefined : 7
    expect((await store.marker(0))?.position).toBe(expected)
    await putMarker(store, { generation: 1, position, asOf: 1, scanId: undefined })
    expect(await store.read('activity:v1', 'user:299')).toBeDefined()
  }
})
