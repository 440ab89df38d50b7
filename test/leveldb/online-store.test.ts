/** The embedded online store passes the suite of its port, and what only a store of files must show. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, expect, test } from 'vitest'
import { LevelOnlineStore } from '../../src/leveldb/online-store.ts'
import { openOnlineCopy } from '../../src/leveldb/readers.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { describeOnlineStore, onlineValue } from '../conformance/online-store.ts'

const root = mkdtempSync(path.join(tmpdir(), 'tidemark-online-'))
let stores = 0

function newDirectory(): string {
  stores += 1
  return path.join(root, String(stores))
}

afterAll(() => rmSync(root, { recursive: true, force: true }))

describeOnlineStore('LevelDB', async () => {
  const directory = newDirectory()
  return {
    open: (nowMs) => LevelOnlineStore.open(directory, { nowMs }),
    lose: async () => rmSync(directory, { recursive: true }),
  }
})

describeOnlineStore('memory', async () => {
  let clock: () => number = () => 0
  const store = new MemoryOnlineStore(() => clock())
  return {
    open: async (nowMs) => {
      clock = nowMs
      return store
    },
    lose: async () => store.flush(),
  }
})

test('a stored value is the plain layout of the hash, readable in the file', async () => {
  const directory = newDirectory()
  {
    await using store = await LevelOnlineStore.open(directory, { nowMs: () => 0 })
    await store.write([onlineValue({ version: { generation: 2, offset: 30, day: 0 }, nextDay: 1 })])
  }
  const level = new ClassicLevel<string, string>(directory)
  const text = await level.get('v:activity:v1:user:1')
  await level.close()
  expect(JSON.parse(text?.slice(text.indexOf('{')) ?? '')).toEqual({
    clicks_1d: '3',
    spend_7d: '12.50',
    _asof: '1970-01-01',
    _next: '1970-01-02',
    _watermark: '1700000000123',
    _event_time: '1700000000000',
    _state: 'provisional',
    _version: '2.30.0',
    _partition: '0',
    _definition: 'abc123',
  })
})

test('a purge removes expired values in pieces and nothing else', async () => {
  let nowMs = 0
  await using store = await LevelOnlineStore.open(newDirectory(), { nowMs: () => nowMs })
  await store.write(
    Array.from({ length: 30 }, (_, i) =>
      onlineValue({ entity: `user:${i}`, ttlMs: i % 3 === 0 ? 9_000 : 1_000 }),
    ),
  )
  await store.advanceMarker(
    0,
    { generation: 1, position: 1, asOf: 1, scanId: undefined },
    { marker: undefined, incarnation: store.incarnation },
  )
  nowMs = 2_000
  let pieces = 1
  while (await store.purgeExpired(7)) pieces += 1
  expect(pieces).toBe(5)
  nowMs = 0
  expect((await store.walk('activity:v1', 0, undefined, 100)).values.length).toBe(10)
  expect(await store.marker(0)).toBeDefined()
})

test('a store in use by another owner is unavailable, which a retry can help', async () => {
  const directory = newDirectory()
  await using store = await LevelOnlineStore.open(directory, { nowMs: () => 0 })
  await expect(LevelOnlineStore.open(directory, { nowMs: () => 0 })).rejects.toMatchObject({
    code: 'ONLINE_UNAVAILABLE',
    retryable: true,
  })
  expect(await store.marker(0)).toBeUndefined()
})

test('a reader beside the owner reads a copy of the store as it is now', async () => {
  const directory = newDirectory()
  expect(await openOnlineCopy(directory, { nowMs: () => 0 })).toBeUndefined()
  await using store = await LevelOnlineStore.open(directory, { nowMs: () => 0 })
  await store.write([onlineValue()])
  {
    await using copy = await openOnlineCopy(directory, { nowMs: () => 0 })
    expect(await copy?.read('activity:v1', 'user:1')).toEqual(onlineValue())
  }
  const newer = onlineValue({ version: { generation: 1, offset: 101, day: 19_000 } })
  await store.write([newer])
  await using copy = await openOnlineCopy(directory, { nowMs: () => 0 })
  expect(await copy?.read('activity:v1', 'user:1')).toEqual(newer)
})
