/** The rights that a user lacks are found without a trace on real servers. */
import { expect, test } from 'vitest'
import { missingRights } from '../../../src/redis/rights.ts'
import { PIPELINE, RedisPlace } from '../../support/redis-place.ts'
import { matching } from '../../support/text-matchers.ts'

test.each([{ mode: 'standalone' }, { mode: 'cluster' }] as const)(
  'a user of the least rights lacks none, one less is named by each master, nothing is written (%o)',
  async ({ mode }) => {
    await using place = await RedisPlace.start({ mode, leastRights: true })
    expect(await missingRights(place.definition, { pipeline: PIPELINE })).toEqual([])
    for (const node of place.data) await node.cli('ACL', 'SETUSER', 'bare', '-hset', '-scan')
    const missing = await missingRights(place.definition, { pipeline: PIPELINE })
    expect(missing.map(({ server }) => server).sort()).toEqual(
      place.data.map(({ address }) => address).sort(),
    )
    for (const { commands, answer } of missing) {
      expect(commands).toEqual(['HSET', 'SCAN'])
      expect(answer).toEqual(matching(/^NOPERM/))
    }
    for (const node of place.data) expect(await node.cli('DBSIZE')).toBe('0')
  },
)
