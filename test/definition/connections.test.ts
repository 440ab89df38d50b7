/** Kafka, Redis, rejects and http in the pipeline file: what each form becomes, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { Pipeline } from '../../src/core/definition.ts'
import { comparePipelines } from '../../src/definition/compare.ts'
import { describePipeline } from '../../src/definition/describe.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const KAFKA = changed(
  SHOP,
  'files: ./events',
  'kafka: { brokers: "a:9092, b:9092", topic: shop.events }',
)

function withKafka(more: string): string {
  return changed(KAFKA, 'topic: shop.events', `topic: shop.events, ${more}`)
}

function withRedis(redis: string): string {
  return changed(SHOP, 'leveldb: ./online', `redis: ${redis}`)
}

function onlineOf(text: string, environment = {}): Pipeline['sinks']['online'] {
  return resolveText(text, { environment }).sinks.online
}

describe('source.kafka', () => {
  test('what is left out has its default', () => {
    expect(resolveText(KAFKA).source.log).toEqual({
      kind: 'kafka',
      brokers: ['a:9092', 'b:9092'],
      topic: 'shop.events',
      start: 'earliest',
      group: 'tidemark-shop',
      sessionTimeoutMs: 30_000,
      trustProducerClock: false,
    })
  })

  test('who Tidemark is to the brokers, files of TLS from beside the pipeline file', () => {
    const text = withKafka(
      'group: g, sessionTimeout: 45s, start: 2026-01-31T00:00:00Z, trustProducerClock: true, ' +
        'tls: { ca: tls/ca.pem, certificate: /etc/c.pem, key: /etc/c.key }, ' +
        'sasl: { mechanism: scram-sha-512, username: u, password: "${PASSWORD}" }',
    )
    expect(resolveText(text, { environment: { PASSWORD: 'hunter2' } }).source.log).toMatchObject({
      start: Date.UTC(2026, 0, 31),
      group: 'g',
      sessionTimeoutMs: 45_000,
      trustProducerClock: true,
      tls: { ca: '/shop/tls/ca.pem', certificate: '/etc/c.pem', key: '/etc/c.key' },
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'hunter2' },
    })
  })

  test.each([
    ['true', {}],
    ['false', undefined],
  ])('tls: %s', (tls, expected) => {
    expect(resolveText(withKafka(`tls: ${tls}`)).source.log).toEqual({
      ...resolveText(KAFKA).source.log,
      ...(expected && { tls: expected }),
    })
  })

  test.each([
    ['tls: { certificate: c.pem }', 'tls.certificate: expected `key` beside `certificate`'],
    ['tls: { key: c.key }', 'tls.key: expected `certificate` beside `key`'],
    ['tls: { cert: c.pem }', 'tls.cert: unknown key `cert`'],
    ['tls: yes please', 'tls: expected `true`, or `{ ca, certificate, key }`'],
    ['sasl: { mechanism: scram, username: u, password: p }', 'sasl.mechanism: expected'],
    ['sasl: { mechanism: plain, username: u }', 'sasl.password: missing; expected a password'],
    ['sessionTimeout: 10ms', 'sessionTimeout: expected at least `1s`'],
    ['group: ""', 'group: expected the name of a consumer group'],
  ])('%s is refused', (more, message) => {
    expect(problemsOf(withKafka(more))).toEqual([
      expect.stringContaining(`source.kafka.${message}`),
    ])
  })

  test('a name that no topic can have is refused', () => {
    expect(problemsOf(changed(KAFKA, 'shop.events', 'shop/events'))).toEqual([
      '3:46 source.kafka.topic: expected the name of a topic (letters, digits, `.`, `_` and `-`), found "shop/events"',
    ])
  })
})

describe('sinks.online.redis', () => {
  test.each([
    ['redis://h:1/0', { servers: { kind: 'standalone', url: 'redis://h:1/0' } }],
    ['rediss://h', { servers: { kind: 'standalone', url: 'rediss://h' }, tls: {} }],
    [
      '{ url: "rediss://h", tls: { ca: ca.pem }, password: p }',
      {
        servers: { kind: 'standalone', url: 'rediss://h' },
        password: 'p',
        tls: { ca: '/shop/ca.pem' },
      },
    ],
    [
      '{ sentinels: ["a:1", "b:1,[::1]:1"], master: m, username: u, password: p, tls: true }',
      {
        servers: { kind: 'sentinel', sentinels: ['a:1', 'b:1', '[::1]:1'], master: 'm' },
        username: 'u',
        password: 'p',
        tls: {},
      },
    ],
    ['{ cluster: "a:1,b:1" }', { servers: { kind: 'cluster', nodes: ['a:1', 'b:1'] } }],
  ])('%s', (redis, expected) => {
    const text = changed(withRedis(redis), ' }\n  offline', ', prefix: "t:" }\n  offline')
    expect(onlineOf(text)).toEqual({ kind: 'redis', prefix: 't:', ...expected })
  })

  test('says how fast sweeps may write', () => {
    const text = changed(withRedis('redis://h'), ' }\n  offline', ', scanRate: 500 }\n  offline')
    expect(onlineOf(text)).toMatchObject({ kind: 'redis', scanRate: 500 })
  })

  test.each([
    ['http://h', 'redis: expected a URL that begins with redis:// or rediss://'],
    ['redis://h/zero', 'redis: expected the number of a database'],
    [
      '{ master: m }',
      'redis: expected one of `url`, `sentinels` (with `master`) and `cluster`, found none',
    ],
    ['{ url: "redis://h", cluster: "a:1" }', 'found `url` and `cluster`'],
    ['{ sentinels: "a:1" }', 'redis.sentinels: expected `master` beside `sentinels`'],
    ['{ cluster: "a:1", master: m }', 'redis.master: expected only beside `sentinels`'],
    [
      '{ cluster: a }',
      'redis.cluster: expected `host:port`, several separated by commas, found "a"',
    ],
    ['{ cluster: "a:70000" }', 'redis.cluster: expected `host:port`'],
    ['{ url: "rediss://h", tls: false }', 'redis.tls: expected no `tls: false`'],
    ['{ url: "redis://h", username: u }', 'redis.username: expected `password` beside'],
    ['{ uri: "redis://h" }', 'redis.uri: unknown key `uri`; did you mean `url`?'],
  ])('%s is refused', (redis, message) => {
    const problems = problemsOf(withRedis(redis))
    expect(problems.join('\n')).toContain(message)
  })

  test('a user in the URL and beside it is refused', () => {
    const problems = problemsOf(withRedis('{ url: "redis://u:p1@h", password: p2 }'))
    expect(problems).toEqual([expect.stringContaining('either in the URL or beside it')])
    expect(problems.join()).not.toMatch(/p1|p2/)
  })
})

describe('rejects.topic', () => {
  test('goes to the brokers of the source', () => {
    expect(resolveText(`${KAFKA}rejects: { topic: shop.dead }\n`).rejects).toEqual({
      directory: '/shop/state/rejects',
      topic: 'shop.dead',
      limit: 0.05,
    })
  })

  test.each([
    [SHOP, '{ topic: t }', 'rejects.topic: expected only beside `source.kafka`'],
    [KAFKA, '{ topic: t, files: d }', 'rejects.topic: expected one of `files` and `topic`'],
    [KAFKA, '{ topic: shop.events }', 'rejects.topic: expected another topic'],
  ])('is refused where it cannot be (%#)', (text, rejects, message) => {
    expect(problemsOf(`${text}rejects: ${rejects}\n`)).toEqual([expect.stringContaining(message)])
  })
})

describe('http', () => {
  test.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464, readyLagMax: 100_000 }],
    ['"[::1]:0"', { host: '::1', port: 0, readyLagMax: 100_000 }],
    ['{}', { host: '127.0.0.1', port: 9464, readyLagMax: 100_000 }],
    ['{ listen: "0.0.0.0:80", readyLag: 7 }', { host: '0.0.0.0', port: 80, readyLagMax: 7 }],
  ])('%s', (http, expected) => {
    expect(resolveText(`${SHOP}http: ${http}\n`).http).toEqual(expected)
  })

  test('is not served where it is left out', () => {
    expect(resolveText(SHOP)).not.toHaveProperty('http')
  })

  test.each(['9464', 'localhost', 'h:99999', '{ listen: ":9464" }'])('%s is refused', (http) => {
    expect(problemsOf(`${SHOP}http: ${http}\n`)).toEqual([
      expect.stringMatching(/http(\.listen)?: expected `HOST:PORT`/),
    ])
  })
})

describe('what changes no value', () => {
  test.each([
    ['brokers', changed(KAFKA, 'a:9092, b:9092', 'c:9092')],
    ['tls', withKafka('tls: true')],
    ['sasl', withKafka('sasl: { mechanism: plain, username: u, password: p }')],
    ['group', withKafka('group: other')],
    ['sessionTimeout', withKafka('sessionTimeout: 10s')],
    ['start', withKafka('start: latest')],
    ['trustProducerClock', withKafka('trustProducerClock: true')],
    ['redis', changed(KAFKA, 'leveldb: ./online', 'redis: "redis://h"')],
    ['http', `${KAFKA}http: 127.0.0.1:0\n`],
    ['rejects', `${KAFKA}rejects: { topic: dead }\n`],
    ['freshness', changed(KAFKA, '    ttl:', '    freshness: 5m\n    ttl:')],
  ])('%s may change between two runs', (_what, text) => {
    const [old, now] = [resolveText(KAFKA), resolveText(text)]
    expect(comparePipelines(old, now)).toMatchObject({
      changes: [],
      views: [{ kind: 'unchanged', changes: [] }],
      needsVersion: false,
      needsGeneration: false,
    })
    expect(now.views[0]?.hash).toBe(old.views[0]?.hash)
  })

  test('another topic is another log', () => {
    const { changes } = comparePipelines(
      resolveText(KAFKA),
      resolveText(changed(KAFKA, 'shop.events', 'shop.others')),
    )
    expect(changes).toEqual([expect.objectContaining({ what: 'source', demand: 'generation' })])
  })

  test('a registry at another address, or with another password, changes nothing', () => {
    const avro = (url: string): Pipeline =>
      resolveText(
        changed(KAFKA, '  key:', `  avro: { registry: "${url}", subject: s }\n  key:`).replace(
          'event_type: click',
          'event_type: "click"',
        ),
      )
    const { changes } = comparePipelines(avro('http://u:1@a'), avro('https://u:2@b'))
    expect(changes).toEqual([])
  })

  test('freshness is an objective of one minute, and above 0', () => {
    expect(resolveText(SHOP).views[0]?.freshnessMs).toBe(60_000)
    expect(problemsOf(changed(SHOP, '    ttl:', '    freshness: 0s\n    ttl:'))).toEqual([
      expect.stringContaining('views.users.freshness: expected a duration above 0'),
    ])
  })
})

describe('a password is never printed', () => {
  const SECRET = 'hunter2'

  test('not about a pipeline that is good', () => {
    let text = withKafka(`sasl: { mechanism: plain, username: u, password: ${SECRET} }`)
    text = changed(
      text,
      '  key:',
      `  avro: { registry: "http://u:${SECRET}@r", subject: s }\n  key:`,
    )
    for (const redis of [`"redis://:${SECRET}@h"`, `{ cluster: "a:1", password: ${SECRET} }`]) {
      const printed = JSON.stringify(
        describePipeline(resolveText(changed(text, 'leveldb: ./online', `redis: ${redis}`))),
      )
      expect(printed).not.toContain(SECRET)
      expect(printed.split('***')).toHaveLength(4)
    }
  })

  test.each([
    ['a number', withKafka('sasl: { mechanism: plain, username: u, password: 7272 }')],
    ['no mapping', withKafka('sasl: u:7272')],
    ['a list', withKafka('sasl: { mechanism: plain, username: u, password: [7272] }')],
    ['a key with a slip', withKafka('sasl: { mechanism: plain, username: u, pasword: x7272 }')],
    ['a broker with a user', changed(KAFKA, 'b:9092', 'u:7272@b:9092')],
    ['a URL of another kind', withRedis('http://u:7272@h')],
    ['a URL with a slip', withRedis('"redis//u:7272@h"')],
    ['a node with a user', withRedis('{ cluster: "u:7272@h:1" }')],
    ['a default of a variable', withRedis('{ cluster: "${NODES:-u:7272@h:1}" }')],
    ['a bad variable', withRedis('{ url: "redis://h", password: "72${72 }7272" }')],
    ['an alias', withRedis('{ url: "redis://h", password: *x7272 }')],
    [
      'a registry',
      changed(SHOP, '  key:', '  avro: { registry: "ftp://u:7272@r", subject: s }\n  key:'),
    ],
    ['http', `${SHOP}http: "http://u:7272@h"\n`],
    ['a private key', withKafka('tls: { certificate: c, key: "-----BEGIN PRIVATE KEY-----7272" }')],
  ])('not where it is written as %s', (_what, text) => {
    const problems = problemsOf(text)
    expect(problems).not.toEqual([])
    expect(problems.join('\n')).not.toContain('7272')
  })
})
