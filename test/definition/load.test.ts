/** Files from the disk: the specification's example, variables, durations, paths. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { planViews } from '../../src/core/view-plan.ts'
import { describePipeline } from '../../src/definition/describe.ts'
import { loadPipeline } from '../../src/definition/load.ts'
import { TidemarkError } from '../../src/errors.ts'
import { SHOP, changed, problemsOf, resolveText } from './definition-text.ts'

const EXAMPLE = path.join(import.meta.dirname, 'fixtures', 'shop.yaml')
const DAY_MS = 86_400_000
let directory = ''

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'tidemark-definition-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function failure(file: string, environment = {}): Promise<TidemarkError> {
  const error: unknown = await loadPipeline(file, environment).catch((cause: unknown) => cause)
  if (error instanceof TidemarkError) return error
  throw new Error('the file was expected to be refused')
}

test('the example of the specification loads as it is', async () => {
  const pipeline = await loadPipeline(EXAMPLE, { REDIS_URL: 'redis://127.0.0.1:6379' })
  expect(pipeline.source.log).toEqual({
    kind: 'kafka',
    brokers: ['127.0.0.1:9092'],
    topic: 'shop.events',
    start: 'earliest',
    group: 'tidemark-shop',
    sessionTimeoutMs: 30_000,
    trustProducerClock: false,
  })
  expect(pipeline.time).toEqual({
    zone: 'UTC',
    outOfOrdernessMs: 30 * 60_000,
    allowedLatenessMs: DAY_MS,
    maxFutureMs: 10 * 60_000,
    idleAfterMs: 5 * 60_000,
    notBeforeMs: Date.UTC(2000, 0, 1),
    tickHistorical: false,
  })
  const [view] = pipeline.views
  expect(view).toMatchObject({
    entity: ['user_id'],
    windows: [1, 7, 30],
    ttlMs: 40 * DAY_MS,
    owner: 'growth',
  })
  expect(
    planViews(pipeline)[0]
      ?.features.map(({ name }) => name)
      .join(' '),
  ).toBe(
    'clicks_1d clicks_7d clicks_30d views_1d views_7d views_30d spend_7d spend_30d ' +
      'last_amount_1d last_amount_7d last_amount_30d ctr_1d ctr_7d ctr_30d spike',
  )
  expect(pipeline.sinks.offline).toEqual({
    kind: 'delta',
    location: {
      kind: 'directory',
      directory: path.join(path.dirname(EXAMPLE), 'features'),
    },
    slots: 4,
    correctionsEveryMs: 15 * 60_000,
  })
})

test('fields beside the value are named with a dollar sign', () => {
  const fields =
    'user_id: { path: $key, type: string }\n    sent: { path: $timestamp, type: timestamp }\n    trace: { path: $header.trace.id, type: string }'
  const paths = resolveText(changed(SHOP, 'user_id: string', fields)).source.fields.map(
    (each) => each.path,
  )
  expect(paths.slice(0, 3)).toEqual([
    { kind: 'key' },
    { kind: 'timestamp' },
    { kind: 'header', name: 'trace.id' },
  ])
})

test('what is left out has its default', () => {
  expect(resolveText(SHOP)).toMatchObject({
    state: '/shop/state',
    rejects: { directory: '/shop/state/rejects', limit: 0.05 },
    commit: {
      intervalMs: 250,
      catchUpIntervalMs: 5000,
      recordsMax: 50_000,
      bytesMax: 32 * 2 ** 20,
    },
    memory: { tilesMax: 200_000, pendingEntitiesMax: 200_000, tableRowsMax: 500_000 },
    event: { duplicatesWithinMs: DAY_MS, time: { format: { kind: 'ms' } } },
    sinks: { online: { kind: 'leveldb', directory: '/shop/online', prefix: '' } },
    views: [
      { version: 1, online: 'current', defaults: { clicks_1d: 0, clicks_7d: 0, clicks_30d: 0 } },
    ],
  })
  const withoutTtl = resolveText(changed(SHOP, '    ttl: 40d\n', ''))
  expect(withoutTtl.views[0]?.ttlMs).toBe(40 * DAY_MS)
})

test('T24 windows are counted in whole days, ascending, whatever order they are written in', () => {
  const text = changed(SHOP, '[1d, 7d, 30d]', '[30d, 366d, 7d, 1d]')
  expect(resolveText(changed(text, 'ttl: 40d', 'ttl: 400d')).views[0]?.windows).toEqual([
    1, 7, 30, 366,
  ])
})

test('T23 the zone of the days is any of the IANA database, and no bare offset', () => {
  expect(resolveText(changed(SHOP, 'zone: UTC', 'zone: America/Sao_Paulo')).time.zone).toBe(
    'America/Sao_Paulo',
  )
  expect(problemsOf(changed(SHOP, 'zone: UTC', 'zone: "+02:00"'))).toHaveLength(1)
})

test('variables are put in, with defaults for unset and empty ones, typed where they are not quoted', () => {
  const text = `${changed(SHOP, 'name: shop', 'name: "${NAME}_${SUFFIX:-x}"')}commit:
  records: \${RECORDS:-7}
  interval: \${INTERVAL}
state: "$\${HOME}"
`
  const environment = { NAME: 'a', SUFFIX: '', INTERVAL: '2s' }
  const pipeline = resolveText(text, { environment })
  expect(pipeline.name).toBe('a_x')
  expect(pipeline.commit).toMatchObject({ recordsMax: 7, intervalMs: 2000 })
  expect(pipeline.state).toBe('/shop/${HOME}')
})

test('a variable cannot bring structure with it', () => {
  const text = changed(SHOP, 'key: user_id', 'key: ${KEY}')
  const [problem] = problemsOf(text, { environment: { KEY: '[user_id, amount]' } })
  expect(problem).toMatch(/^4:8 source\.key: expected a field of the source, found `\$\{KEY\}`/)
})

test('a variable that is not set is named, and is the only mistake told of its place', () => {
  expect(problemsOf(changed(SHOP, './online', '"${ONLINE}"'))).toEqual([
    '29:22 sinks.online.leveldb: the environment variable ONLINE is not set; set it, or write ${ONLINE:-default}',
  ])
  expect(problemsOf(changed(SHOP, './online', '"${ON LINE}"'))).toEqual([
    '29:22 sinks.online.leveldb: expected ${NAME} or ${NAME:-default}, found `${ON LINE}`',
  ])
})

test('the value of a variable is never printed', async () => {
  const secret = 'hunter2hunter2'
  let text = changed(SHOP, 'leveldb: ./online', 'redis: "${SECRET}"')
  text = changed(text, 'sum: amount', 'sum: "${SECRET}"')
  text = changed(text, 'clicks / nullif', '"${SECRET} / nullif')
  text = changed(text, 'views, 0)', 'views, 0)"')
  text = changed(text, 'ttl: 40d', 'ttl: "${SECRET}"')
  text = changed(text, '{ event_type: click }', '{ item_id: "${SECRET}" }')
  const file = path.join(directory, 'secret.yaml')
  await writeFile(file, text)
  const error = await failure(file, { SECRET: secret })
  expect(error.details['problems']).toHaveLength(5)
  expect(JSON.stringify(error.details) + error.message).not.toContain(secret)
})

test('passwords are not part of what is printed about a pipeline', async () => {
  const pipeline = await loadPipeline(EXAMPLE, {
    REDIS_URL: 'rediss://feast:hunter2@redis.example:6380/1',
  })
  const printed = JSON.stringify(describePipeline(pipeline))
  expect(printed).toContain('rediss://feast:***@redis.example:6380/1')
  expect(printed).not.toContain('hunter2')
})

test('a refused file is one DEFINITION_INVALID that lists every mistake with its place', async () => {
  const file = path.join(directory, 'wrong.yaml')
  await writeFile(
    file,
    changed(changed(SHOP, 'sum: amount', 'sum: amout'), 'zone: UTC', 'zone: Mars'),
  )
  const error = await failure(file)
  expect(error).toMatchObject({ code: 'DEFINITION_INVALID', exitCode: 2, retryable: false })
  expect(error.message).toBe(
    `${file} has 2 mistakes:
  ${file}:14:15 time.zone: expected an IANA zone such as \`UTC\` or \`Europe/Berlin\`, found "Mars"
  ${file}:23:21 views.users.features.spend.sum: expected a field of the source, found "amout"; did you mean \`amount\`?
 [DEFINITION_INVALID]`,
  )
  expect(error.details['problems']).toHaveLength(2)
})

test('a pipeline file that is not there is a wrong usage that says what to do', async () => {
  const error = await failure(path.join(directory, 'none.yaml'))
  expect(error.code).toBe('USAGE')
  expect(error.message).toContain('there is no such file. Name it with -f FILE')
})

test('an Avro schema is read from beside the pipeline file, and told where it cannot be', async () => {
  const fields = SHOP.slice(SHOP.indexOf('  fields:'), SHOP.indexOf('  event:'))
  const text = changed(changed(SHOP, fields, ''), '  key:', '  avro: event.avsc\n  key:')
  const file = path.join(directory, 'avro.yaml')
  await writeFile(file, text)
  const missing = await failure(file)
  expect(missing.details['problems']).toEqual([
    {
      path: 'source.avro',
      line: 4,
      column: 9,
      message: `expected the JSON of an Avro schema in ${path.join(directory, 'event.avsc')}: there is no such file`,
    },
  ])
  const names = ['user_id', 'event_type', 'event_id']
  const amount = { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }
  const schema = {
    type: 'record',
    name: 'Event',
    fields: [
      ...names.map((name) => ({ name, type: 'string' })),
      { name: 'amount', type: amount },
      { name: 'event_ts', type: 'long' },
    ],
  }
  await writeFile(path.join(directory, 'event.avsc'), JSON.stringify(schema))
  expect((await loadPipeline(file, {})).source.fields).toHaveLength(5)
})
