/** `tidemark init`: what it writes loads as it is and has events worth looking at. */
import { expect, test } from 'vitest'
import { initFiles } from '../../src/definition/template.ts'
import { resolveText } from './definition-text.ts'

const END_DAY = 20_000
const DAY_MS = 86_400_000

interface SampleEvent {
  readonly event_id: string
  readonly user_id: string
  readonly event_ms: number
  readonly received_ms: number
}

function partitions(): SampleEvent[][] {
  return initFiles({ endDay: END_DAY })
    .slice(1)
    .map(({ content }) =>
      content
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as SampleEvent),
    )
}

test('the starting file loads as it is and names its events', () => {
  const [file] = initFiles({ endDay: END_DAY, name: 'my_shop' })
  const pipeline = resolveText(file?.content ?? '')
  expect(pipeline).toMatchObject({
    name: 'my_shop',
    source: { log: { kind: 'files', directory: '/shop/events', timestamp: ['received_ms'] } },
    sinks: { online: { kind: 'leveldb' }, offline: { kind: 'delta' } },
  })
})

test('a file that reads a topic and serves from Redis loads as it is, and brings no sample events', () => {
  const files = initFiles({
    endDay: END_DAY,
    kafka: { brokers: 'a:9092,b:9092', topic: 'clicks' },
    redis: 'redis://h:6379',
  })
  expect(files).toHaveLength(1)
  const text = files[0]?.content ?? ''
  expect(resolveText(text)).toMatchObject({
    source: { log: { kind: 'kafka', brokers: ['a:9092', 'b:9092'], topic: 'clicks' } },
    sinks: { online: { kind: 'redis', servers: { kind: 'standalone', url: 'redis://h:6379' } } },
    http: { host: '127.0.0.1', port: 9464 },
  })
  const environment = { KAFKA_BROKERS: 'c:1', REDIS_URL: 'rediss://u:p@h' }
  expect(resolveText(text, { environment })).toMatchObject({
    source: { log: { brokers: ['c:1'] } },
    sinks: { online: { servers: { url: 'rediss://u:p@h' } } },
  })
})

test('what an address is a variable of is left a variable', () => {
  const [file] = initFiles({
    endDay: END_DAY,
    name: 'ads',
    kafka: { brokers: '${BROKERS}' },
    redis: '${REDIS}',
  })
  const environment = { BROKERS: 'c:1', REDIS: 'redis://r' }
  expect(resolveText(file?.content ?? '', { environment })).toMatchObject({
    source: { log: { brokers: ['c:1'], topic: 'ads.events', group: 'tidemark-ads' } },
    sinks: { online: { servers: { url: 'redis://r' } } },
  })
})

test('the same end day gives the same bytes', () => {
  expect(initFiles({ endDay: END_DAY })).toEqual(initFiles({ endDay: END_DAY }))
})

test('about 2,000 events lie on the ten days up to the end day, each user in one partition, in order of arrival', () => {
  const all = partitions()
  expect(all).toHaveLength(2)
  expect(all.flat().length).toBe(2005)
  const days = new Set(all.flat().map(({ event_ms }) => Math.floor(event_ms / DAY_MS)))
  expect([...days].sort()).toEqual(Array.from({ length: 10 }, (_, i) => END_DAY - 9 + i))
  const users = all.map((events) => new Set(events.map(({ user_id }) => user_id)))
  expect([...(users[0] ?? [])].filter((user) => users[1]?.has(user))).toEqual([])
  for (const events of all) {
    const times = events.map(({ event_id, received_ms }) => [received_ms, event_id] as const)
    expect(times).toEqual(times.toSorted(([a], [b]) => a - b))
  }
})

test('some events come late, some twice, none from the future', () => {
  const events = partitions().flat()
  const delays = events.map(({ event_ms, received_ms }) => received_ms - event_ms)
  expect(delays.filter((delay) => delay > 2 * DAY_MS)).toHaveLength(4)
  expect(delays.filter((delay) => delay > 3_600_000).length).toBeGreaterThan(40)
  expect(delays.every((delay) => delay >= 0)).toBe(true)
  expect(events.length - new Set(events.map(({ event_id }) => event_id)).size).toBe(5)
})
