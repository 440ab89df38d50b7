/** The online store in Redis passes the suite of its port on every way to run Redis. */
import { afterAll, beforeAll, describe } from 'vitest'
import { createRedisOnlineStore } from '../../../src/redis/online-store.ts'
import { describeOnlineStore } from '../../conformance/online-store.ts'
import type { OnlineStoreTraits } from '../../conformance/online-store.ts'
import { PIPELINE, RedisPlace, rawClient } from '../../support/redis-place.ts'
import { sharedRedis, uniqueName } from '../../support/servers.ts'

const TRAITS: OnlineStoreTraits = {
  clock: 'own',
  keepsFieldOrder: false,
  ttl: 'left',
  walk: 'again',
}

const shared = await sharedRedis()

describeOnlineStore(
  'Redis standalone',
  async () => {
    const prefix = `${uniqueName('test')}:`
    const servers = { kind: 'standalone', url: shared.url } as const
    return {
      open: async () =>
        createRedisOnlineStore({ kind: 'redis', servers, prefix }, { pipeline: PIPELINE }),
      lose: async () => {
        using raw = rawClient(shared.url)
        await raw.flushdb()
      },
    }
  },
  TRAITS,
)

const WAYS = [
  [
    'Redis with TLS, a user of the least rights, and a prefix of pattern signs',
    { tls: true, leastRights: true, prefix: 'a*[b]?\\' },
  ],
  ['Redis under Sentinel, TLS, least rights', { mode: 'sentinel', tls: true, leastRights: true }],
  ['Redis Cluster of three, TLS, least rights', { mode: 'cluster', tls: true, leastRights: true }],
  ['Redis Cluster with a hash tag as prefix', { mode: 'cluster', prefix: '{tenant}:' }],
] as const

describe.each(WAYS)('%s', (name, options) => {
  let place: RedisPlace | undefined
  beforeAll(async () => {
    place = await RedisPlace.start(options)
  })
  afterAll(async () => place?.[Symbol.asyncDispose]())

  describeOnlineStore(
    name,
    async () => {
      const started = place
      if (started === undefined) throw new Error('the server has not started')
      await started.flush()
      return {
        open: async () => createRedisOnlineStore(started.definition, { pipeline: PIPELINE }),
        lose: () => started.flush(),
      }
    },
    TRAITS,
  )
})
