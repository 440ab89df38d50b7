/** Which facts of a server are wrong, and the line of the least rights. */
import { expect, test } from 'vitest'
import type { RedisDefinition } from '../../src/core/definition.ts'
import { judgeRedis, leastRights } from '../../src/redis/facts.ts'
import type { RedisServerFacts } from '../../src/redis/facts.ts'
import { matching } from '../support/text-matchers.ts'

const GOOD: RedisServerFacts = {
  server: 'h:1',
  version: '7.0.15',
  role: 'master',
  memoryPolicy: 'noeviction',
  usedBytes: 10,
  maxBytes: 0,
  evictedKeys: 0,
  hasAppendOnlyFile: true,
  replicas: 1,
  clockAheadMs: 3,
  user: 'tidemark',
}

test('a good server is good', () => {
  expect(judgeRedis(GOOD)).toEqual([{ verdict: 'ok', detail: 'Redis 7.0.15, noeviction' }])
})

test.each<[Partial<RedisServerFacts>, string, RegExp]>([
  [{ version: '6.0.16' }, 'problem', /6\.0\.16/],
  [{ version: '5.0.7' }, 'problem', /5\.0\.7/],
  [{ role: 'slave' }, 'problem', /replica/],
  [{ memoryPolicy: 'volatile-ttl' }, 'warning', /vanish/],
  [{ evictedKeys: 4 }, 'warning', /4 keys evicted/],
  [{ usedBytes: 95, maxBytes: 100 }, 'warning', /95 % full/],
  [{ clockAheadMs: -90_000 }, 'warning', /90000 ms behind/],
  [{ hasAppendOnlyFile: false, replicas: 0 }, 'ok', /told again from the state/],
])('%o', (parts, verdict, detail) => {
  const findings = judgeRedis({ ...GOOD, ...parts })
  expect(findings).toEqual([expect.objectContaining({ verdict, detail: matching(detail) })])
})

test.each(['6.2.0', '7.4.1', '8.0.2', '10.0.0'])('version %s is new enough', (version) => {
  expect(judgeRedis({ ...GOOD, version })[0]?.verdict).toBe('ok')
})

test('the least rights: the keys of the pipeline, quoted where need be', () => {
  const servers = { kind: 'standalone', url: 'redis://:secret@h' } as const
  const definition: RedisDefinition = { kind: 'redis', servers, prefix: 'a[1]:' }
  const line = leastRights(definition, 'shop')
  expect(line).toMatch(
    /^ACL SETUSER tidemark reset on >PASSWORD "~a\\\\\[1\\\\\]:shop:\*" \+evalsha /,
  )
  expect(line).not.toContain('secret')
  const nodes = ['h:1']
  const cluster = { ...definition, prefix: '', servers: { kind: 'cluster', nodes } } as const
  expect(leastRights(cluster, 'shop')).toMatch(/ ~shop:\* .*\+cluster\|slots \+asking$/)
})
