/** A Cluster of three: each master can lose its data alone, slots move while they are written, nodes come and go. */
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Marker } from '../../../src/engine/ports.ts'
import { createRedisOnlineStore } from '../../../src/redis/online-store.ts'
import { SLOTS, hashTag, slotOfKey, tagOfSlot } from '../../../src/redis/slot.ts'
import { onlineValue } from '../../conformance/online-store.ts'
import { PIPELINE, RedisPlace, TIMEOUTS, retried } from '../../support/redis-place.ts'
import type { RedisNode } from '../../../servers/redis-node.ts'

const VIEW = 'activity:v1'
const place = await RedisPlace.start({ mode: 'cluster' })
afterAll(async () => place[Symbol.asyncDispose]())

beforeEach(async () => {
  for (const node of place.data) await node.start()
  await place.flush()
})

function marker(position: number): Marker {
  return { generation: 1, position, asOf: 19_000, scanId: undefined }
}

function valuesAt(offset: number): ReturnType<typeof onlineValue>[] {
  return Array.from({ length: 600 }, (_, i) =>
    onlineValue({ entity: `e${i}`, version: { generation: 1, offset, day: 19_000 } }),
  )
}

test('keys go to the slots that the servers say, tags lead to every slot', async () => {
  const raw = place.raw(place.node('data1'))
  const keys = [
    'a',
    'user:{1}',
    '{}x',
    '{a}{b}',
    'a{b',
    'é😀',
    ...valuesAt(1).map(({ entity }) => entity),
  ]
  for (const key of keys)
    expect([key, slotOfKey(key)]).toEqual([key, await raw.cluster('KEYSLOT', key)])
  for (const slot of [0, 1, 5_461, 10_923, SLOTS - 1]) {
    expect(slotOfKey(`any:{${tagOfSlot(slot)}}`)).toBe(slot)
  }
  expect([hashTag('{}a'), hashTag('a{b}{c}'), hashTag('a}{b')]).toEqual([undefined, 'b', undefined])
})

test('values are spread over all masters, and each holds a marker of every partition', async () => {
  await using store = await place.openMet()
  await store.write(valuesAt(1))
  const { incarnation } = store
  await store.advanceMarker(3, marker(2), { marker: undefined, incarnation })
  for (const node of place.data) {
    const keys = await place.raw(node).keys('*')
    expect(keys.filter((key) => key.includes('_marker:3:{'))).toHaveLength(1)
    expect(keys.length).toBeGreaterThan(100)
  }
})

test('one master flushed: its marker is missing, so all is missing, and telling all again heals it', async () => {
  await using store = await place.openMet()
  let { incarnation } = store
  await store.write(valuesAt(1))
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await place.raw(place.node('data2')).flushall()
  expect(await store.marker(0)).toBeUndefined()
  const step = await store.advanceMarker(0, marker(3), { marker: marker(2), incarnation })
  expect(step).toEqual({ outcome: 'lost', stored: undefined })
  // The heal: a scan id beside the old position, every value, then the marker again.
  const scan = { ...marker(0), scanId: 'run.0.loss.1' }
  incarnation = store.incarnation
  expect(await store.advanceMarker(0, scan, { marker: undefined, incarnation })).toEqual({
    outcome: 'advanced',
    stored: scan,
  })
  expect(await store.marker(0)).toEqual(scan)
  const { written, refused } = await store.write(valuesAt(1))
  expect(written).toBeGreaterThan(100)
  expect(refused).toBeGreaterThan(300)
  expect(await store.advanceMarker(0, marker(3), { marker: scan, incarnation })).toEqual({
    outcome: 'advanced',
    stored: marker(3),
  })
  expect(await store.marker(0)).toEqual(marker(3))
})

test('one master restarts empty while values are told: the incarnation is another, and nothing is taken for told', async () => {
  await using store = await place.openMet()
  const { incarnation } = store
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await store.write(valuesAt(2))
  await place.node('data3').restartEmpty()
  const step = await retried(() =>
    store.advanceMarker(0, marker(3), { marker: marker(2), incarnation }),
  )
  expect(step).toEqual({ outcome: 'lost', stored: undefined })
  expect(store.incarnation).not.toBe(incarnation)
})

test('a master that is away is unavailable, in words, and used again when it is back', async () => {
  await using store = await place.openMet()
  await store.write(valuesAt(1))
  await place.node('data2').stop()
  await expect(store.write(valuesAt(2))).rejects.toMatchObject({ code: 'ONLINE_UNAVAILABLE' })
  await place.node('data2').start()
  await retried(() => store.write(valuesAt(2)))
  expect((await store.read(VIEW, 'e1'))?.version.offset).toBe(2)
})

test('a slot on its way to another master is followed, key by key, and found again when it has moved', async () => {
  const [from, to] = [place.node('data1'), place.node('data2')]
  // A prefix with a tag: hundreds of values of one slot, so that a call has many keys.
  const tag = tagOfSlot(77)
  const definition = { ...place.definition, prefix: `{${tag}}:` }
  const open = () => createRedisOnlineStore(definition, { pipeline: PIPELINE, timeouts: TIMEOUTS })
  await using store = open()
  expect((await store.write(valuesAt(1))).written).toBe(600)
  const ids = await Promise.all([from, to].map(async (node) => node.cli('cluster', 'myid')))
  await to.cli('cluster', 'setslot', '77', 'importing', ids[0]!)
  await from.cli('cluster', 'setslot', '77', 'migrating', ids[1]!)
  await migrate(from, to, 250)
  // Some keys are here, some there: TRYAGAIN for a call of many, ASK for each that has left.
  expect((await store.write(valuesAt(2))).written).toBe(600)
  for (const i of [0, 1, 300, 599]) {
    expect((await store.read(VIEW, `e${i}`))?.version.offset).toBe(2)
  }
  await migrate(from, to, 600)
  expect((await store.write(valuesAt(3))).written).toBe(600)
  for (const node of [to, from, place.node('data3')]) {
    await node.cli('cluster', 'setslot', '77', 'node', ids[1]!)
  }
  expect((await store.write(valuesAt(4))).written).toBe(600)
  expect((await store.read(VIEW, 'e7'))?.version.offset).toBe(4)
  const seen = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await store.walk(VIEW, 0, cursor, 50)
    for (const { entity } of page.values) seen.add(entity)
    cursor = page.next
  } while (cursor !== undefined)
  expect(seen.size).toBe(600)
})

test('a walk that is overtaken by moving slots begins again and misses nothing', async () => {
  await using store = await place.openMet()
  await store.write(valuesAt(1))
  const first = await store.walk(VIEW, 0, undefined, 500)
  expect(first.next).toBeDefined()
  const moved = { ...(JSON.parse(first.next ?? '{}') as object), at: 'another assignment of slots' }
  const seen = new Set<string>()
  let cursor: string | undefined = JSON.stringify(moved)
  do {
    const page: Awaited<ReturnType<typeof store.walk>> = await store.walk(VIEW, 0, cursor, 500)
    for (const { entity } of page.values) seen.add(entity)
    cursor = page.next
  } while (cursor !== undefined)
  expect(seen.size).toBe(600)
})

test('a prefix with half a hash tag is refused for a Cluster', () => {
  for (const prefix of ['{a', '{}a']) {
    expect(() =>
      createRedisOnlineStore({ ...place.definition, prefix }, { pipeline: PIPELINE }),
    ).toThrow(/hash tag/)
  }
})

/** Moves keys of slot 77, at most `count`. */
async function migrate(from: RedisNode, to: RedisNode, count: number): Promise<void> {
  const raw = place.raw(from)
  const keys = await raw.cluster('GETKEYSINSLOT', 77, count)
  await raw.call('migrate', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys)
}
