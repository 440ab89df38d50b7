/** What an operator does to a Redis, and what the store says of it: nothing lost unseen, nothing waited for for ever. */
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Marker } from '../../../src/engine/ports.ts'
import { createRedisOnlineStore, openRedisReader } from '../../../src/redis/online-store.ts'
import { onlineValue } from '../../conformance/online-store.ts'
import { PIPELINE, RedisPlace, TIMEOUTS, retried } from '../../support/redis-place.ts'
import { ServerDirectory } from '../../support/servers.ts'
import { containing, matching } from '../../support/text-matchers.ts'

const VIEW = 'activity:v1'
const plain = await RedisPlace.start()
afterAll(async () => plain[Symbol.asyncDispose]())
const data = plain.node('data1')

beforeEach(async () => {
  await data.start()
  await plain.flush()
})

function marker(position: number): Marker {
  return { generation: 1, position, asOf: 19_000, scanId: undefined }
}

function values(offset: number): ReturnType<typeof onlineValue>[] {
  return Array.from({ length: 250 }, (_, i) =>
    onlineValue({ entity: `e${i}`, version: { generation: 1, offset, day: 19_000 } }),
  )
}

test('a store is made while Redis is away, says so, and works once Redis is there', async () => {
  await data.stop()
  await using store = plain.open()
  const away = {
    code: 'ONLINE_UNAVAILABLE',
    message: matching(/ECONNREFUSED.*start it/),
  }
  await expect(store.write(values(1))).rejects.toMatchObject(away)
  await expect(store.marker(0)).rejects.toMatchObject(away)
  await data.start()
  expect((await store.write(values(1))).written).toBe(250)
})

test('a script that the server has forgotten is loaded again, unseen', async () => {
  await using store = await plain.openMet()
  await store.write(values(1))
  await plain.raw(data).script('FLUSH')
  expect((await store.write(values(2))).written).toBe(250)
  await plain.raw(data).script('FLUSH')
  const { incarnation } = store
  const step = await store.advanceMarker(0, marker(3), { marker: undefined, incarnation })
  expect(step.outcome).toBe('advanced')
})

test('a connection that broke loses nothing: the incarnation stays', async () => {
  await using store = await plain.openMet()
  const { incarnation } = store
  await store.write(values(1))
  await plain.raw(data).call('client', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await sleep(20)
  expect((await store.write(values(1))).refused).toBe(250)
  expect(store.incarnation).toBe(incarnation)
  const step = await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  expect(step.outcome).toBe('advanced')
})

test('a Redis that restarts empty has lost its marker, and scripts are loaded again', async () => {
  await using store = await plain.openMet()
  await store.write(values(1))
  let { incarnation } = store
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await data.restartEmpty()
  const late = await retried(() =>
    store.advanceMarker(0, marker(3), { marker: marker(2), incarnation }),
  )
  expect(late).toEqual({ outcome: 'lost', stored: undefined })
  expect(await store.read(VIEW, 'e1')).toBeUndefined()
  incarnation = store.incarnation
  expect((await store.write(values(1))).written).toBe(250)
  const step = await store.advanceMarker(0, marker(3), { marker: undefined, incarnation })
  expect(step).toEqual({ outcome: 'advanced', stored: marker(3) })
})

test('a Redis restored from an older dump has a lower marker: lost', async () => {
  using directory = new ServerDirectory()
  const dump = path.join(directory.path, 'older.rdb')
  await using store = await plain.openMet()
  await store.write(values(1))
  let { incarnation } = store
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await data.dumpTo(dump)
  await store.write(values(5))
  await store.advanceMarker(0, marker(6), { marker: marker(2), incarnation })
  await data.restartFrom(dump)
  await retried(() => store.marker(0))
  incarnation = store.incarnation
  const step = await store.advanceMarker(0, marker(7), { marker: marker(6), incarnation })
  expect(step).toEqual({ outcome: 'lost', stored: marker(2) })
  expect(await store.marker(0)).toEqual(marker(2))
  expect((await store.read(VIEW, 'e1'))?.version.offset).toBe(1)
  expect((await store.write(values(5))).written).toBe(250)
})

test('T14 T15 values told and then lost, before the marker said so, show by the incarnation', async () => {
  using directory = new ServerDirectory()
  const dump = path.join(directory.path, 'older.rdb')
  await using store = await plain.openMet()
  const { incarnation } = store
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await data.dumpTo(dump)
  expect((await store.write(values(5))).written).toBe(250)
  await data.restartFrom(dump)
  // The marker is the one expected, but the values written since are gone.
  const step = await retried(() =>
    store.advanceMarker(0, marker(6), { marker: marker(2), incarnation }),
  )
  expect(step).toEqual({ outcome: 'lost', stored: marker(2) })
  expect(store.incarnation).not.toBe(incarnation)
})

test('emptied by hand: lost', async () => {
  await using store = await plain.openMet()
  const { incarnation } = store
  await store.advanceMarker(0, marker(2), { marker: undefined, incarnation })
  await plain.flush()
  const step = await store.advanceMarker(0, marker(3), { marker: marker(2), incarnation })
  expect(step).toEqual({ outcome: 'lost', stored: undefined })
})

test('a Redis that hangs is given up after the time-out, and is used again when it wakes', async () => {
  await using store = await plain.openMet()
  data.pause()
  onTestFinished(() => data.resume())
  const startedMs = performance.now()
  const calls = [store.write(values(1)), store.read(VIEW, 'e1'), store.nowMs(), store.marker(0)]
  const hung = { code: 'ONLINE_UNAVAILABLE' }
  for (const call of calls) await expect(call).rejects.toMatchObject(hung)
  // And while it is connected to anew: the kernel still takes connections.
  await expect(store.write(values(1))).rejects.toMatchObject({
    ...hung,
    message: containing('has not answered for 1 s'),
  })
  expect(performance.now() - startedMs).toBeLessThan(5 * TIMEOUTS.commandMs)
  data.resume()
  expect((await retried(() => store.write(values(2)))).refused).toBe(0)
})

test('memory that is full refuses new values, keeps old ones whole, and says what to do', async () => {
  await using store = await plain.openMet()
  const small = values(1)
  await store.write(small)
  const raw = plain.raw(data)
  await raw.config('SET', 'maxmemory', '100kb')
  onTestFinished(async () => {
    await raw.config('SET', 'maxmemory', '0')
  })
  const refused = { code: 'ONLINE_REFUSED', message: matching(/OOM.*raise maxmemory/) }
  await expect(store.write(values(2))).rejects.toMatchObject(refused)
  expect(await store.read(VIEW, 'e0')).toMatchObject({ fields: small[0]?.fields })
  await expect(
    store.advanceMarker(0, marker(1), { marker: undefined, incarnation: store.incarnation }),
  ).rejects.toMatchObject(refused)
  // The time to live of what is there is renewed all the same.
  expect((await store.write(small)).refused).toBe(250)
  await raw.config('SET', 'maxmemory', '0')
  expect((await store.write(values(2))).written).toBe(250)
})

test('a replica, a key of another type, a busy script, a foreign hash: told for what they are', async () => {
  const raw = plain.raw(data)
  await using store = await plain.openMet()
  await raw.set(`test:${PIPELINE}:${VIEW}:e0`, 'text')
  await expect(store.write(values(1))).rejects.toMatchObject({
    code: 'ONLINE_REFUSED',
    message: matching(/WRONGTYPE.*sinks\.online\.prefix/),
  })
  await raw.hset(`test:${PIPELINE}:${VIEW}:foreign`, 'a', '1')
  await expect(store.read(VIEW, 'foreign')).rejects.toMatchObject({ code: 'ONLINE_REFUSED' })
  await raw.replicaof('127.0.0.1', '1')
  onTestFinished(async () => {
    await raw.replicaof('NO', 'ONE')
  })
  await expect(store.write([onlineValue()])).rejects.toMatchObject({
    code: 'ONLINE_UNAVAILABLE',
    message: matching(/replica/),
  })
  await expect(store.write([onlineValue()])).rejects.toMatchObject({
    code: 'ONLINE_UNAVAILABLE',
    message: matching(/is a replica.*name the master/),
  })
  await raw.config('SET', 'lua-time-limit', '50')
  await raw.replicaof('NO', 'ONE')
  const busy = raw.eval('while true do end', 0).catch(() => undefined)
  await sleep(100)
  const answer = await store.write([onlineValue()]).catch((error: unknown) => error)
  expect(answer).toMatchObject({ code: 'ONLINE_UNAVAILABLE' })
  await data.cli('script', 'kill')
  await busy
  expect((await retried(() => store.write([onlineValue()]))).written).toBe(1)
})

test('a reader reads from a replica too, and cannot write', async () => {
  const raw = plain.raw(data)
  await using store = plain.open()
  await store.write(values(1))
  await raw.replicaof('127.0.0.1', '1')
  onTestFinished(async () => {
    await raw.replicaof('NO', 'ONE')
  })
  await using reader = openRedisReader(plain.definition, { pipeline: PIPELINE })
  expect((await reader.read(VIEW, 'e7'))?.version.offset).toBe(1)
})

test('wrong password, missing right, no authority, TLS on the wrong port: refused in words, without the secret', async () => {
  await using place = await RedisPlace.start({ tls: true, leastRights: true })
  const { definition } = place
  const url = place.server.servers.kind === 'standalone' ? place.server.servers.url : ''
  const noCa = { ...definition, tls: {} }
  const cases = [
    [{ ...definition, password: 'wrong-secret' }, /WRONGPASS.*check username and password/],
    [{ ...definition, prefix: 'other:' }, /NOPERM.*least rights/],
    [noCa, /certificate.*tls\.ca/],
    [{ ...definition, tls: { ca: '/nowhere/ca.pem' } }, /cannot read \/nowhere\/ca\.pem/],
    [withoutUser(definition), /NOAUTH.*user or a password/],
  ] as const
  for (const [changed, message] of cases) {
    await using store = createRedisOnlineStore(changed, { pipeline: PIPELINE, timeouts: TIMEOUTS })
    const error = await store.write([onlineValue()]).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ONLINE_REFUSED', message: matching(message) })
    expect(JSON.stringify(error) + String(error)).not.toContain('secret')
    expect(String(error)).not.toContain('user:1')
  }
  const { host } = new URL(url)
  const plaintext = { kind: 'standalone', url: `redis://${host}` } as const
  const wrongPorts = [
    [{ kind: 'redis', servers: plaintext, prefix: '' }, /rediss:\/\//],
    [{ ...plain.definition, tls: {} }, /that the port speaks it/],
  ] as const
  for (const [changed, message] of wrongPorts) {
    await using store = createRedisOnlineStore(changed, { pipeline: PIPELINE, timeouts: TIMEOUTS })
    const unavailable = { code: 'ONLINE_UNAVAILABLE', message: matching(message) }
    await expect(store.nowMs()).rejects.toMatchObject(unavailable)
  }
})

function withoutUser({
  username,
  password,
  ...rest
}: RedisPlace['definition']): RedisPlace['definition'] {
  expect([username, password]).toEqual(['bare', 'bare-secret'])
  return rest
}
