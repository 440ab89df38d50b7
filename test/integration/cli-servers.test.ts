/** The command line on a real topic and a real Redis: from `init` to `late list`, what the doctor finds, and servers that are away. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { Partitioners } from 'kafkajs'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import type { ICustomPartitioner } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startKafka } from '../../servers/kafka.ts'
import type { KafkaServer } from '../../servers/kafka.ts'
import { startRedis } from '../../servers/redis.ts'
import type { RedisServer } from '../../servers/redis.ts'
import type { Finding } from '../../src/cli/finding.ts'
import { PARTITIONERS } from '../../src/core/partitioner.ts'
import { CliDirectory } from '../support/cli-process.ts'
import type { Ended } from '../support/cli-process.ts'
import { fillSampleTopic } from '../support/sample-topic.ts'
import { ServerDirectory } from '../support/servers.ts'
import { matching } from '../support/text-matchers.ts'
import { KafkaClients } from './kafka/kafka-topic.ts'

const TOPIC = 'shop.events'
const LETTERS = 'shop.events.rejects'
const PLANTED = 'planted.events'
const NOBODY = '127.0.0.1:1'
const DAY_MS = 86_400_000

/** The servers are ours: their rights and settings are part of what is tested. */
const places = [new ServerDirectory(), new ServerDirectory()] as const
let kafka: KafkaServer
let redis: RedisServer
let clients: KafkaClients

beforeAll(async () => {
  ;[kafka, redis] = await Promise.all([
    startKafka({ directory: places[0].path, secure: true }),
    startRedis({ directory: places[1].path, acl: true }),
  ])
  clients = new KafkaClients(kafka.bootstrap)
})

afterAll(async () => {
  await clients[Symbol.asyncDispose]()
  await Promise.all([kafka[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()])
  for (const place of places) place[Symbol.dispose]()
})

function json(ended: Ended): unknown {
  expect(ended.stderr).toBe('')
  return JSON.parse(ended.stdout)
}

/** `check verdict: detail | advice` */
function linesOf({ stdout }: Ended): string[] {
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] }
  return findings.map(
    ({ check, verdict, detail, advice = '' }) => `${check} ${verdict}: ${detail} | ${advice}`,
  )
}

function rewrite(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, 'utf8')
  const changed = change(text)
  expect(changed).not.toBe(text)
  writeFileSync(file, changed)
}

describe('from init to late list', () => {
  const shop = new CliDirectory()
  let environment: Record<string, string> = {}
  const cli = (...args: string[]): Promise<Ended> => shop.start(args, environment).ended

  beforeAll(async () => {
    environment = { REDIS_URL: redis.url, TIDEMARK_HTTP: '127.0.0.1:0' }
    await fillSampleTopic(clients, TOPIC)
    await clients.createTopic(LETTERS, 1, { 'retention.ms': '-1', 'max.message.bytes': '2000000' })
    const init = await cli('init', '--kafka', kafka.bootstrap, '--redis', '${REDIS_URL}')
    expect(init).toMatchObject({ code: 0, stderr: '' })
    rewrite(shop.path('pipeline.yaml'), (text) => text.replace(/^# (rejects: .*)$/m, '$1'))
  })

  afterAll(() => {
    shop[Symbol.dispose]()
  })

  test('the file that init wrote is valid; doctor finds nothing wrong, and says what it looked at', async () => {
    const [valid, doctor] = await Promise.all([cli('validate'), cli('doctor', '--json')])
    expect(valid).toMatchObject({ code: 0, stderr: '' })
    const lines = linesOf(doctor)
    expect(lines.filter((line) => / (problem|warning): /.test(line))).toEqual([
      // The sample events have some that come too late.
      matching(/^lateness warning: /),
    ])
    expect(doctor.code).toBe(0)
    for (const words of [
      /^redis ok: .*Redis \d+\.\d+\.\d+, .* of no limit used, noeviction/,
      /^redis rights ok: the user \(admin\) may .* \| the least rights: ACL SETUSER tidemark reset on/,
      /^source ok: shop\.events: 2 partitions, at most 2,005 records; copies of each: 1, min\.insync/,
      /^start ok: 2 partitions without a state here; .*earliest, 2,005 records to read/,
      /^retention ok: records are kept for 40 d \(retention\.ms\); a window of 30 days .* need 31 d/,
      /^dead letters ok: shop\.events\.rejects: 1 partition, may be written to/,
      /^group ok: tidemark-shop: no member now/,
      /^record timestamps ok: /,
      /^key bytes ok: the record's key is the text of user_id/,
      /^partitioner ok: \d+ keys, all where the default of Java clients puts them/,
    ]) {
      expect(lines).toContainEqual(matching(words))
    }
  })

  test('preview folds the last records; nothing joins the group, nothing is written', async () => {
    const preview = await cli('preview', '-n', '500')
    expect(preview).toMatchObject({ code: 0 })
    expect(preview.stdout).toMatch(/^500 records folded in memory; nothing was written/)
    expect(readdirSync(shop.directory)).toEqual(['pipeline.yaml'])
    expect(await redis.node('data1').cli('dbsize')).toBe('0')
    const admin = await clients.admin()
    const { groups } = await admin.listGroups()
    expect(groups.map(({ groupId }) => groupId)).not.toContain('tidemark-shop')
  })

  test('two runs share the partitions; status names both, doctor in another place warns of them; together they have read all', async () => {
    const runs = [
      shop.start(['run', '--json'], environment),
      shop.start(['run', '--json'], environment),
    ]
    await Promise.all(runs.map(({ says }) => says('following it')))
    using other = new CliDirectory()
    await other.start(['init', '--kafka', kafka.bootstrap, '--redis', '${REDIS_URL}']).ended
    const [status, doctor] = await Promise.all([
      cli('status'),
      other.start(['doctor', '--json', '-n', '10'], environment).ended,
    ])
    expect(linesOf(doctor)).toContainEqual(
      matching(
        /^group problem: .*\(process \d+\) is in the group tidemark-shop and writes its tables to the place .*: a place that no run has used yet/,
      ),
    )
    expect(status.code).toBe(0)
    expect(status.stdout).toMatch(
      /^group tidemark-shop: 2 members: \S+ \(process \d+\) holds [01]; \S+ \(process \d+\) holds [01]$/m,
    )
    expect(status.stdout).toMatch(/shop\.events\[0\]@\d+ +0 records/)
    for (const { child } of runs) child.kill('SIGTERM')
    const totals = await Promise.all(runs.map(({ ended }) => ended))
    expect(totals.map(({ code }) => code)).toEqual([0, 0])
    const records = totals.map(
      ({ stdout }) => (JSON.parse(stdout) as { readonly records: number }).records,
    )
    expect(records.reduce((sum, each) => sum + each, 0)).toBe(2_005)
  })

  test('a later run finds nothing to do; get reads Redis beside it, and says of an entity that is not there that it is not', async () => {
    const [totals, known, unknown] = await Promise.all([
      cli('run', '--until-end', '--json'),
      cli('get', 'user_activity', 'user_id=u00', '--json'),
      cli('get', 'user_activity', 'user_id=nobody'),
    ])
    expect(JSON.parse(totals.stdout)).toMatchObject({ reason: 'end of log', records: 0 })
    expect(json(known)).toMatchObject({ found: true, entity: { user_id: 'u00' } })
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    expect(unknown.stderr).toContain('user_id=nobody: no value')
  })

  test("late list reads the dead letters' topic, and status names it", async () => {
    const [list, { stdout }] = await Promise.all([cli('late', 'list', '--json'), cli('status')])
    const { count, records } = json(list) as {
      readonly count: number
      readonly records: readonly object[]
    }
    expect(count).toBeGreaterThan(0)
    expect(records).toHaveLength(count)
    expect(records[0]).toMatchObject({ position: matching(/^shop\.events\[\d\]@\d+$/) })
    expect(stdout).toMatch(
      /dead letters: too_late \d \(in the topic shop\.events\.rejects; `tidemark late list`/,
    )
  })

  test('without brokers status still says what the states hold, and that lags are not known', async () => {
    const away = { ...environment, KAFKA_BROKERS: NOBODY }
    const [{ code, stdout }, machine] = await Promise.all([
      shop.start(['status'], away).ended,
      shop.start(['status', '--json'], away).ended,
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(/the source cannot be asked now.*cannot be reached/)
    expect(stdout).toMatch(/^0 +shop\.events\[0\]@\d+ +- /m)
    expect(stdout).toMatch(/table user_activity_v1 .*: complete to \d{4}/)
    expect(json(machine)).toMatchObject({
      sourceProblem: matching(/SOURCE_UNREADABLE/),
      partitions: [{ lag: null, endOffset: null, problem: null }, {}],
    })
  })

  test('without servers doctor has one finding for each, and get says which one is away', async () => {
    const away = { ...environment, KAFKA_BROKERS: NOBODY, REDIS_URL: `redis://${NOBODY}` }
    const [doctor, get] = await Promise.all([
      shop.start(['doctor', '--json'], away).ended,
      shop.start(['get', 'user_activity', 'user_id=u00'], away).ended,
    ])
    expect(doctor.code).toBe(1)
    expect(linesOf(doctor).filter((line) => line.includes(' problem: '))).toEqual([
      matching(/^redis problem: .*127\.0\.0\.1:1.*ECONNREFUSED/),
      matching(/^source problem: Kafka at 127\.0\.0\.1:1 cannot be reached/),
    ])
    expect(get).toMatchObject({ code: 1, stdout: '' })
    expect(get.stderr).toMatch(
      /^error: Redis 127\.0\.0\.1:1 .*nothing listens there.*\[ONLINE_UNAVAILABLE\]/,
    )
  })

  test('records that were removed before they were read are a problem of their partition', async () => {
    await clients.deleteRecords(TOPIC, -1)
    const producer = await clients.producer()
    await producer.send({ topic: TOPIC, messages: [{ partition: 0, key: 'u00', value: '{}' }] })
    await producer.send({ topic: TOPIC, messages: [{ partition: 0, key: 'u00', value: '{}' }] })
    await clients.deleteRecords(TOPIC, -1)
    const [status, doctor] = await Promise.all([cli('status'), cli('doctor', '--json')])
    expect(status.code).toBe(0)
    expect(status.stdout).toMatch(/^0 +shop\.events\[0\]@\d+ +PROBLEM/m)
    expect(status.stdout).toMatch(
      /^partition 0: PROBLEM: shop\.events\[0\]@\d+: the log begins at [^]*?\[OFFSET_GONE\]/m,
    )
    expect(doctor.code).toBe(1)
    expect(linesOf(doctor)).toContainEqual(
      matching(/^start problem: the state needs shop\.events\[0\]@\d+ next/),
    )
  })
})

describe('what doctor finds', () => {
  const shop = new CliDirectory()
  let environment: Record<string, string> = {}

  /** Two kinds of producers: one puts records where Java would, one where librdkafka would. */
  const mixed: ICustomPartitioner = () => {
    let count = 0
    return ({ message: { key } }) => {
      const partitioner = PARTITIONERS[(count += 1) % 2]
      return partitioner?.partitionOf(Buffer.from(key ?? ''), 4) ?? 0
    }
  }

  beforeAll(async () => {
    environment = { TIDEMARK_HTTP: '127.0.0.1:0' }
    await clients.createTopic(PLANTED, 4, {
      'retention.ms': String(7 * DAY_MS),
      'cleanup.policy': 'compact,delete',
      'message.timestamp.after.max.ms': String(Number.MAX_SAFE_INTEGER),
    })
    await clients.createTopic(`${PLANTED}.rejects`, 1, { 'retention.ms': String(DAY_MS) })
    const producer = await clients.producer({ createPartitioner: mixed })
    const atMs = Date.now()
    const messages = Array.from({ length: 400 }, (_, index) => {
      const event = {
        event_id: `e${index}`,
        user_id: `u${index % 91}`,
        event_type: 'view',
        event_ms: atMs - index,
      }
      return { key: `u${index % 91}`, value: JSON.stringify({ ...event, item_id: index }) }
    })
    await producer.send({ topic: PLANTED, messages })
    await shop.run(
      'init',
      '--kafka',
      kafka.sasl.bootstrap,
      '--topic',
      PLANTED,
      '--redis',
      '${REDIS_URL}',
    )
    const { ca } = kafka.sasl
    rewrite(shop.path('pipeline.yaml'), (text) =>
      text
        .replace(/# tls: true.*$/m, `tls: { ca: ${ca} }`)
        .replace(
          /# sasl: .*$/m,
          'sasl: { mechanism: plain, username: alice, password: alice-secret }',
        )
        .replace(/^# (rejects: .*)$/m, '$1'),
    )
  })

  afterAll(() => {
    shop[Symbol.dispose]()
  })

  async function doctor(
    user: string,
  ): Promise<{ readonly code: number | null; readonly lines: string[] }> {
    const url = redis.url.replace(/\/\/.*@/, `//${user}:${user}-secret@`)
    const ended = await shop.start(['doctor', '--json'], { ...environment, REDIS_URL: url }).ended
    expect(ended.stderr).toBe('')
    expect(ended.stdout).not.toContain('-secret')
    return { code: ended.code, lines: linesOf(ended) }
  }

  test('rights that are missing are named with the command that gives them', async () => {
    const { code, lines } = await doctor('writer')
    expect(code).toBe(1)
    expect(lines).toContainEqual(
      matching(
        /^source problem: User:alice may not read the topic planted\.events.*kafka-acls\.sh .*--operation Read --topic planted\.events/s,
      ),
    )
    expect(lines).toContainEqual(
      matching(
        /^redis rights problem: .*HMGET, .*NOPERM.* \| the least rights: ACL SETUSER .* ~shop:\* \+evalsha/,
      ),
    )
  })

  test('of who may read only: the group, the dead letters, the settings of the topic, the producers, and Redis', async () => {
    const admin = await clients.admin()
    const rule = (
      operation: AclOperationTypes,
    ): Parameters<typeof admin.createAcls>[0]['acl'][number] => ({
      resourceType: AclResourceTypes.TOPIC,
      resourceName: 'planted.',
      resourcePatternType: ResourcePatternTypes.PREFIXED,
      principal: 'User:alice',
      host: '*',
      operation,
      permissionType: AclPermissionTypes.ALLOW,
    })
    await admin.createAcls({
      acl: [rule(AclOperationTypes.READ), rule(AclOperationTypes.DESCRIBE_CONFIGS)],
    })
    const acl = ['on', '>reader-secret', '~shop:*', '+@all', '-hset', '-pexpire']
    await redis.node('data1').cli('acl', 'setuser', 'reader', ...acl)
    await redis.node('data1').cli('config', 'set', 'maxmemory-policy', 'allkeys-lru')
    const { code, lines } = await doctor('reader')
    expect(code).toBe(1)
    for (const words of [
      /^redis warning: .* memory policy allkeys-lru: .* \| set maxmemory-policy noeviction/,
      /^redis rights problem: .*: the user may not HSET, PEXPIRE \(".*NOPERM.* \| the least rights: /,
      /^cleanup policy warning: .* compact,delete: of each key older records are removed/,
      /^retention warning: records are kept for 7 d .* need 31 d.*: 24 d .* could not be rebuilt \| raise retention\.ms to \d+/,
      /^dead letters problem: .*planted\.events\.rejects: an access list must allow User:alice to Write/,
      /^group problem: .* do not let us join tidemark-shop \| as an administrator: kafka-acls\.sh .*--operation Read --group tidemark-shop/,
      /^record timestamps problem: .*however far|^record timestamps problem: .*accept them up to/,
      /^key routing problem: \d+ keys stand in more than one partition/,
      /^partitioner problem: .* several kinds of producers .* where the default of Java clients puts them \(murmur2\)/,
    ]) {
      expect(lines).toContainEqual(matching(words))
    }
    await redis.node('data1').cli('config', 'set', 'maxmemory-policy', 'noeviction')
  })

  test('a topic that is keyed by something else than source.key', async () => {
    const other = 'planted.by-item'
    await clients.createTopic(other, 4)
    const producer = await clients.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      // A leader that is not ready yet has the whole call repeated.
      idempotent: true,
    })
    const messages = Array.from({ length: 300 }, (_, index) => {
      const event = {
        user_id: `u${index % 50}`,
        item_id: index % 70,
        event_type: 'view',
        event_ms: Date.now(),
      }
      return { key: String(index % 70), value: JSON.stringify(event) }
    })
    const keyless = { key: null, value: messages[0]?.value ?? null }
    await producer.send({ topic: other, messages: [...messages, keyless] })
    rewrite(shop.path('pipeline.yaml'), (text) => text.replaceAll(PLANTED, other))
    const { lines } = await doctor('admin')
    expect(lines).toContainEqual(matching(/^key bytes problem: 1 of 301 records have no key/))
    expect(lines).toContainEqual(
      matching(
        /^key bytes problem: in 300 of 300 records the record's key is not the text of user_id \(key "0", field "u0"\), and for 50 of 50 keys/,
      ),
    )
    expect(lines).toContainEqual(
      matching(/^partitioner ok: 70 keys, all where the default of Java clients/),
    )
  })
})
