/** What the doctor is told of real servers. */
import { expect, test } from 'vitest'
import { judgeRedis, redisFacts } from '../../../src/redis/facts.ts'
import { PIPELINE, RedisPlace } from '../../support/redis-place.ts'
import { matching } from '../../support/text-matchers.ts'

test('facts of a server with users, with a memory policy that evicts', async () => {
  const settings = { maxmemory: '50mb', 'maxmemory-policy': 'allkeys-lru' }
  await using place = await RedisPlace.start({ leastRights: true, settings })
  const options = { pipeline: PIPELINE, wallMs: () => Date.now() }
  const [facts, ...others] = await redisFacts(place.definition, options)
  expect(others).toEqual([])
  expect(facts).toMatchObject({
    server: place.data[0]?.address,
    version: matching(/^\d+\.\d+\.\d+$/),
    role: 'master',
    memoryPolicy: 'allkeys-lru',
    maxBytes: 50 * 2 ** 20,
    evictedKeys: 0,
    hasAppendOnlyFile: false,
    replicas: 0,
    user: 'bare',
  })
  expect(Math.abs(facts?.clockAheadMs ?? NaN)).toBeLessThan(2_000)
  expect(judgeRedis(facts!).map(({ verdict }) => verdict)).toEqual(['warning', 'ok'])
  await using store = place.open()
  expect(await store.evictedKeys()).toBe(0)
})

test('one clock an hour off is told', async () => {
  await using place = await RedisPlace.start()
  const wallMs = (): number => Date.now() - 3_600_000
  const [facts] = await redisFacts(place.definition, { pipeline: PIPELINE, wallMs })
  expect(judgeRedis(facts!)).toContainEqual(
    expect.objectContaining({
      verdict: 'warning',
      detail: matching(/ahead of this machine/),
    }),
  )
})

test('a Cluster tells the facts of each master', async () => {
  await using place = await RedisPlace.start({ mode: 'cluster' })
  const facts = await redisFacts(place.definition, { pipeline: PIPELINE, wallMs: () => Date.now() })
  expect(facts.map(({ server }) => server).sort()).toEqual(
    place.data.map(({ address }) => address).sort(),
  )
})
