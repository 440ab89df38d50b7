/** A real registry: versions of a schema in one log, references, and a registry that goes away and comes back. */
import avro from 'avsc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startRegistry } from '../../../servers/registry.ts'
import type { RegistryServer } from '../../../servers/registry.ts'
import type { Pipeline } from '../../../src/core/definition.ts'
import { systemClock as clock } from '../../../src/cli/system-clock.ts'
import { runPipeline } from '../../../src/engine/run-pipeline.ts'
import type { Decoder, Log, SchemaSource } from '../../../src/engine/ports.ts'
import type { Reject } from '../../../src/engine/reject-port.ts'
import { createDecoder } from '../../../src/format/decoder.ts'
import { MemoryGenerations } from '../../../src/memory/generations.ts'
import { MemoryLog } from '../../../src/memory/log.ts'
import { MemoryOnlineStore } from '../../../src/memory/online-store.ts'
import { MemoryPartitionState } from '../../../src/memory/state.ts'
import { createSchemaRegistry } from '../../../src/registry/schema-registry.ts'
import { ServerDirectory } from '../../support/servers.ts'
import { DAY_MS, pipelineOf, viewOf } from '../../support/builders.ts'

const SUBJECT = 'clicks-value'
const START = Date.UTC(2024, 0, 10)
const MONEY = { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 }

const EVENT = { type: 'record', name: 'Click', namespace: 'shop' }
const AT = { name: 'at', type: 'long' }
const VERSIONS = [
  { ...EVENT, fields: [{ name: 'user', type: 'string' }, AT, { name: 'id', type: 'string' }] },
  {
    ...EVENT,
    fields: [
      { name: 'id', type: 'long' },
      { name: 'amount', type: ['null', 'int'], default: null },
      { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
      { name: 'user', type: ['null', 'string'], default: null },
    ],
  },
  {
    ...EVENT,
    fields: [{ name: 'user', type: 'string' }, { name: 'amount', type: MONEY }, AT],
  },
]

const directory = new ServerDirectory()
let server: RegistryServer

beforeAll(async () => {
  server = await startRegistry({ directory: directory.path })
})
afterAll(async () => {
  await server.stop()
  directory[Symbol.dispose]()
})

/** The id. */
async function register(subject: string, schema: unknown, references?: object[]): Promise<number> {
  const response = await fetch(`${server.url}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema), references }),
  })
  if (!response.ok) throw new Error(await response.text())
  return ((await response.json()) as { id: number }).id
}

/** Plain avsc, as another producer encodes. */
function encoded(id: number, schema: unknown, value: object): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeInt32BE(id, 1)
  return Buffer.concat([prefix, avro.Type.forSchema(schema as never).toBuffer(value)])
}

function pipeline(): Pipeline {
  const view = viewOf(
    [7],
    [
      { name: 'n', aggregate: 'count', field: '*' },
      { name: 'spent', aggregate: 'sum', field: 'amount' },
    ],
  )
  const made = pipelineOf({
    fields: { amount: { kind: 'decimal', precision: 10, scale: 2 } },
    views: [view],
  })
  const format = { kind: 'avro-registry', registry: server.url, subject: SUBJECT } as const
  return { ...made, source: { ...made.source, format } }
}

function decoderOf(from: Pipeline, log: Log, beforeAsking: (id: number) => Promise<void>): Decoder {
  const registry = createSchemaRegistry(server.url, { log })
  const schemas: SchemaSource = {
    schema: async (id) => {
      await beforeAsking(id)
      return registry.schema(id)
    },
    latest: (subject) => registry.latest(subject),
  }
  return createDecoder(from, { schemas, clock })
}

class KeptLog implements Log {
  readonly warnings: string[] = []
  debug(): void {
    // Not looked at.
  }
  info(): void {
    // Not looked at.
  }
  warn(_fields: object, message: string): void {
    this.warnings.push(message)
  }
  error(_fields: object, message: string): void {
    this.warnings.push(message)
  }
}

/** Two records of each version, mixed: 3 of user a with 1.00, 12.34 and nothing, 3 of b. */
function records(ids: readonly number[]): Buffer[] {
  const [v1 = 0, v2 = 0, v3 = 0] = ids
  const time = (index: number): number => START + index * 1000
  const cents = (amount: number): Buffer => Buffer.from([amount >> 8, amount & 0xff])
  return ['a', 'b'].flatMap((user, index) => [
    encoded(v1, VERSIONS[0], { user, at: time(index), id: `first-${user}` }),
    encoded(v3, plainDecimal(VERSIONS[2]), { user, amount: cents(1234), at: time(index) }),
    encoded(v2, plainDecimal(VERSIONS[1]), { id: index, amount: 1, at: time(index) * 1000, user }),
  ])
}

/** avsc has no decimals of its own: the bytes underneath are written. */
function plainDecimal(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll(/,?"logicalType":"[a-z-]+"/g, '')) as unknown
}

/** One record at a time. */
async function run(
  values: readonly Buffer[],
  log: Log,
  beforeAsking: (id: number) => Promise<void> = () => Promise.resolve(),
): Promise<Record<string, unknown>> {
  const online = new MemoryOnlineStore(() => clock.wallMs())
  const rejects: Reject[] = []
  const from = pipeline()
  const timestamp = START + DAY_MS
  const log0 = values.map((value, offset) => ({ offset, timestamp, key: null, value }))
  const source = new MemoryLog('clicks', [log0], { fetchRecords: () => 1 })
  await runPipeline(
    {
      pipeline: from,
      source,
      lease: undefined,
      decoder: decoderOf(from, log, beforeAsking),
      openState: () => MemoryPartitionState.open(),
      peekState: () => Promise.resolve(undefined),
      restoreState: () => Promise.reject(new Error('there are no checkpoints here')),
      checkpoints: undefined,
      online,
      tables: undefined,
      handOvers: undefined,
      generations: new MemoryGenerations(),
      rejects: {
        write: (more) => {
          rejects.push(...more)
          return Promise.resolve()
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      clock,
      log,
      run: 'test',
      zoneData: 'none',
    },
    { untilEnd: true, signal: new AbortController().signal },
  )
  const fields = async (user: string): Promise<unknown> =>
    Object.fromEntries((await online.read('activity:v1', user))?.fields ?? [])
  return {
    a: await fields('a'),
    b: await fields('b'),
    rejects: rejects.map((each) => each.message),
  }
}

const EXPECTED = {
  a: { n_7d: '3', spent_7d: '13.34' },
  b: { n_7d: '3', spent_7d: '13.34' },
  rejects: [],
}

async function registerAll(): Promise<number[]> {
  const ids: number[] = []
  for (const schema of VERSIONS) ids.push(await register(SUBJECT, schema))
  return ids
}

test('records of three versions of a schema become the same features', async () => {
  const ids = await registerAll()
  expect(new Set(ids).size).toBe(3)
  expect(await run(records(ids), new KeptLog())).toEqual(EXPECTED)
})

test('what the registry does not have is a result, and what refers to other schemas comes with them', async () => {
  const registry = createSchemaRegistry(server.url, { log: new KeptLog() })
  expect(await registry.schema(987_654)).toBeUndefined()
  expect(await registry.latest('nobody-value')).toBeUndefined()
  const money = {
    type: 'record',
    name: 'Money',
    namespace: 'pay',
    fields: [{ name: 'cents', type: 'long' }],
  }
  await register('pay.Money', money)
  const order = { ...EVENT, name: 'Order', fields: [{ name: 'price', type: 'pay.Money' }] }
  const id = await register('order-value', order, [
    { name: 'pay.Money', subject: 'pay.Money', version: 1 },
  ])
  const schema = await registry.schema(id)
  expect(schema?.references.map((text) => JSON.parse(text) as unknown)).toEqual([money])
  expect(await registry.latest('order-value')).toEqual({ ...schema, id })
})

test('a record whose id no schema ever had is a dead letter, its neighbours are not', async () => {
  const ids = await registerAll()
  const wrong = encoded(987_654, VERSIONS[0], { user: 'a', at: START, id: 'x' })
  const found = await run([wrong, ...records(ids)], new KeptLog())
  const rejects = ['the schema registry does not know schema 987654']
  expect(found).toEqual({ ...EXPECTED, rejects })
})

test('a registry that is killed in the middle, and comes back empty, delays the log and loses and rejects nothing', async () => {
  const ids = await registerAll()
  const log = new KeptLog()
  const running = run(records(ids), log, async (id) => {
    if (id === ids[1] && log.warnings.length === 0) await server.node.kill()
  })
  await waitFor(() => log.warnings.some((each) => each.includes('cannot reach it')))
  await server.node.start()
  // In memory, it has forgotten its schemas, and says so of ids that are right.
  await waitFor(() => log.warnings.some((each) => each.includes('has it lost its schemas?')))
  expect(await registerAll()).toEqual(ids)
  expect(await running).toEqual(EXPECTED)
})

async function waitFor(condition: () => boolean): Promise<void> {
  const patience = AbortSignal.timeout(60_000)
  while (!condition()) {
    patience.throwIfAborted()
    await clock.sleep(50)
  }
}
