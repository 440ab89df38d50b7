/** Sentinel: the master is killed in the middle of writes, with and without what the replica has missed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import type { Marker } from '../../../src/engine/ports.ts'
import { onlineValue } from '../../conformance/online-store.ts'
import { PIPELINE, RedisPlace, retried } from '../../support/redis-place.ts'
import type { RedisNode } from '../../../servers/redis-node.ts'
import { matching } from '../../support/text-matchers.ts'

const VIEW = 'activity:v1'
const ENTITIES = 120
const place = await RedisPlace.start({ mode: 'sentinel' })
afterAll(async () => place[Symbol.asyncDispose]())

function valuesAt(offset: number): ReturnType<typeof onlineValue>[] {
  return Array.from({ length: ENTITIES }, (_, i) =>
    onlineValue({ entity: `e${i}`, version: { generation: 1, offset, day: 19_000 } }),
  )
}

function marker(position: number): Marker {
  return { generation: 1, position, asOf: 19_000, scanId: undefined }
}

async function roleOf(node: RedisNode): Promise<string> {
  const answer = await node.cli('role').catch(() => 'down')
  return answer.split('\n')[0] ?? ''
}

async function masterOf(except?: RedisNode): Promise<RedisNode> {
  for (const node of place.data) {
    if (node !== except && (await roleOf(node)) === 'master') return node
  }
  throw new Error('there is no master')
}

test('T14 T15 a master killed while it is written to: nothing goes backwards for a reader, and what was lost is noticed', async () => {
  await using store = await place.openMet()
  await using reader = place.open()
  const run = new AbortController()
  let newest = 0
  let marked: Marker | undefined
  let losses = 0
  const writing = (async () => {
    for (let offset = 1; !run.signal.aborted; offset += 1) {
      // As the engine does: told again under a new incarnation until the marker has taken it.
      for (;;) {
        const { incarnation } = store
        await retried(() => store.write(valuesAt(offset)))
        const step = await retried(() =>
          store.advanceMarker(0, marker(offset + 1), { marker: marked, incarnation }),
        )
        marked = step.stored
        if (step.outcome !== 'lost') break
        losses += 1
      }
      newest = offset
    }
  })()
  await until(() => newest > 50)
  const before = store.incarnation
  const killed = await masterOf()
  await killed.kill()
  const killedMs = performance.now()
  const atKill = newest
  await until(() => newest > atKill + 1)
  const awayMs = performance.now() - killedMs
  // Versions that a reader sees from now on only rise.
  let last = 0
  for (let i = 0; i < 50; i++) {
    const { offset = 0 } = (await retried(() => reader.read(VIEW, 'e5')))?.version ?? {}
    expect(offset).toBeGreaterThanOrEqual(last)
    last = offset
    await sleep(5)
  }
  run.abort()
  await writing
  expect(store.incarnation).not.toBe(before)
  expect(losses).toBeGreaterThan(0)
  expect(await store.marker(0)).toEqual(marker(newest + 1))
  for (const { entity } of valuesAt(newest)) {
    expect((await store.read(VIEW, entity))?.version.offset).toBe(newest)
  }
  expect(awayMs).toBeLessThan(15_000)
  console.info(`Sentinel failover: writes went on after ${Math.round(awayMs)} ms`)
  await killed.start()
  // It follows the other again: what the sentinels would see to within ten seconds.
  await killed.cli('replicaof', '127.0.0.1', String((await masterOf(killed)).port))
})

test('a failover to a replica that lacks the last writes: lost', async () => {
  await using store = await place.openMet()
  const master = await masterOf()
  const replica = place.data.find((node) => node !== master)!
  await until(
    async () => (await replica.cli('info', 'replication')).includes('link_status:up'),
    30_000,
  )
  let marked = await store.marker(0)
  const base = marked?.position ?? 0
  const advance = async (position: number, incarnation: string) => {
    const step = await store.advanceMarker(0, marker(position), { marker: marked, incarnation })
    if (step.outcome === 'advanced') marked = step.stored
    return step
  }
  const { incarnation } = store
  await store.write(valuesAt(base + 10))
  expect((await advance(base + 11, incarnation)).outcome).toBe('advanced')
  // Both have it; what comes next only the master has.
  await place.raw(master).wait(1, 5_000)
  replica.pause()
  await place.raw(master).call('client', 'KILL', 'TYPE', 'replica')
  await store.write(valuesAt(base + 20))
  expect((await advance(base + 21, incarnation)).outcome).toBe('advanced')
  await master.kill()
  replica.resume()
  const step = await retried(() =>
    store.advanceMarker(0, marker(base + 31), { marker: marked, incarnation }),
  )
  expect(step).toEqual({ outcome: 'lost', stored: marker(base + 11) })
  expect((await store.read(VIEW, 'e7'))?.version.offset).toBe(base + 10)
  expect((await store.write(valuesAt(base + 20))).written).toBe(ENTITIES)
})

test('sentinels that do not know the master, or are away, are named', async () => {
  const { servers } = place.definition
  if (servers.kind !== 'sentinel') throw new Error('expected sentinels')
  const { createRedisOnlineStore } = await import('../../../src/redis/online-store.ts')
  const unknown = { ...place.definition, servers: { ...servers, master: 'other' } }
  await using store = createRedisOnlineStore(unknown, { pipeline: PIPELINE })
  await expect(store.nowMs()).rejects.toMatchObject({
    code: 'ONLINE_UNAVAILABLE',
    message: matching(/master other of the sentinels.*name of the master/),
  })
})

async function until(isTrue: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error('waited in vain')
    await sleep(20)
  }
}
