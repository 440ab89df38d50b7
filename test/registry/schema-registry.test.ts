/** A registry's answers by HTTP: the schema, "not known", or an error that says what to do, and never a password. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SchemaSource } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { createSchemaRegistry } from '../../src/registry/schema-registry.ts'
import { FakeRegistryServer, registryError } from './fake-registry.ts'

const TEXT = '{"type":"record","name":"E","fields":[]}'
const silent = { debug: noop, info: noop, warn: noop, error: noop }

function noop(): void {
  // A log that nobody reads.
}

let server: FakeRegistryServer

beforeEach(async () => {
  server = await FakeRegistryServer.start()
})
afterEach(() => server[Symbol.asyncDispose]())

function registryAt(url: string): SchemaSource {
  return createSchemaRegistry(url, { log: silent, timeoutMs: 200 })
}

async function failureOf(url = server.url): Promise<TidemarkError> {
  const error: unknown = await registryAt(url)
    .schema(1)
    .catch((cause: unknown) => cause)
  if (error instanceof TidemarkError) return error
  throw new Error('the registry was expected to fail')
}

test('a schema is asked for by its id, below the path of the URL', async () => {
  server.replies.set('/apis/ccompat/v7/schemas/ids/7', { body: { schema: TEXT } })
  const schema = await registryAt(`${server.url}/apis/ccompat/v7/`).schema(7)
  expect(schema).toEqual({ id: 7, kind: 'AVRO', text: TEXT, references: [] })
})

test('the kind of a schema is told where it is another than Avro', async () => {
  server.replies.set('/schemas/ids/7', { body: { schema: '{}', schemaType: 'JSON' } })
  expect(await registryAt(server.url).schema(7)).toMatchObject({ kind: 'JSON' })
})

test('the newest schema of a subject, whatever its name', async () => {
  server.replies.set('/subjects/a%2Fb%20c-value/versions/latest', {
    body: { subject: 'a/b c-value', version: 3, id: 12, schema: TEXT },
  })
  expect(await registryAt(server.url).latest('a/b c-value')).toMatchObject({ id: 12, text: TEXT })
})

test('references come with it, each after those that it refers to itself, once', async () => {
  const reference = (subject: string): object => ({ name: subject, subject, version: 1 })
  const at = (subject: string): string => `/subjects/${subject}/versions/1`
  server.replies.set('/schemas/ids/1', {
    body: { schema: 'e', references: [reference('a'), reference('b')] },
  })
  server.replies.set(at('a'), { body: { schema: 'A', references: [reference('c')] } })
  server.replies.set(at('b'), { body: { schema: 'B', references: [reference('c')] } })
  server.replies.set(at('c'), { body: { schema: 'C' } })
  expect(await registryAt(server.url).schema(1)).toMatchObject({ references: ['C', 'A', 'B'] })
  server.replies.set(at('c'), { body: { schema: 'C', references: [reference('a')] } })
  expect(await failureOf()).toMatchObject({ code: 'SCHEMA_REFUSED' })
  server.replies.set(at('c'), registryError(404, 40401, 'Subject not found'))
  expect((await failureOf()).message).toMatch(/does not have c version 1.*SCHEMA_UNAVAILABLE/)
})

test.each([
  [40403, 'Schema not found'],
  [40401, "Subject 's' not found."],
  [40402, 'Version not found'],
])('"not known" is a result where the registry itself says so (%i)', async (code, message) => {
  server.replies.set('/schemas/ids/1', registryError(404, code, message))
  server.replies.set('/subjects/s/versions/latest', registryError(404, code, message))
  expect(await registryAt(server.url).schema(1)).toBeUndefined()
  expect(await registryAt(server.url).latest('s')).toBeUndefined()
})

describe('what is to be tried again', () => {
  test.each([
    ['a 404 that a proxy gives', { status: 404, body: '<h1>no such page</h1>' }, 'base of the'],
    ['a 404 of another server', { status: 404, body: { message: 'no route' } }, 'no route'],
    ['an answer that is no schema', { body: '<h1>welcome</h1>' }, 'is no schema'],
    ['an answer of another API', { body: { schema: { type: 'record' } } }, 'is no schema'],
    ['a failure', registryError(500, 50001, 'Error in the backend data store'), '500, Error in'],
    ['a gateway without it', { status: 503, body: 'no healthy upstream' }, 'with 503'],
    ['too many requests', { status: 429, body: '' }, 'with 429'],
  ])('%s', async (_what, reply, message) => {
    server.replies.set('/schemas/ids/1', reply)
    const error = await failureOf()
    expect(error).toMatchObject({ code: 'SCHEMA_UNAVAILABLE', retryable: true })
    expect(error.message).toContain(message)
  })

  test('no answer in time', async () => {
    server.replies.set('/schemas/ids/1', 'never')
    expect((await failureOf()).message).toContain('no answer within 200 ms')
  })

  test('nobody there', async () => {
    const url = server.url
    await server[Symbol.asyncDispose]()
    const error = await failureOf(url)
    expect(error).toMatchObject({ code: 'SCHEMA_UNAVAILABLE', retryable: true })
    expect(error.message).toMatch(/cannot reach it: .*ECONNREFUSED/)
  })
})

test.each([
  [401, 'does not know who asks'],
  [403, 'does not allow it'],
])('a refusal (%i) is not tried again, and says how to be let in', async (status, message) => {
  server.replies.set('/schemas/ids/1', registryError(status, status * 100 + 1, 'no'))
  const error = await failureOf()
  expect(error).toMatchObject({ code: 'SCHEMA_REFUSED', retryable: false })
  expect(error.message).toContain(message)
  expect(error.message).toContain('source.avro.registry')
})

test('the user of the URL is told to the registry, and no message shows the password', async () => {
  const url = `http://re%40der:hunter2%25x@${server.address}/?token=hunter2`
  server.replies.set('/schemas/ids/1', { status: 401, body: '' })
  const messages = [(await failureOf(url)).message]
  server.replies.set('/schemas/ids/1', { status: 500, body: '' })
  messages.push((await failureOf(url)).message)
  const basic = `Basic ${Buffer.from('re@der:hunter2%x').toString('base64')}`
  expect(server.asked.map(({ authorization }) => authorization)).toEqual([basic, basic])
  await server[Symbol.asyncDispose]()
  messages.push((await failureOf(url)).message)
  for (const message of messages) {
    expect(message).toContain('the schema registry http://127.0.0.1:')
    expect(message).not.toContain('hunter2')
  }
})

test.each(['no url, hunter2', 'u:hunter2@registry', 'ftp://u:hunter2@registry'])(
  'what is no URL of a registry is refused without showing it (%#)',
  (url) => {
    expect(() => registryAt(url)).toThrow(/^(?!.*hunter2).*DEFINITION_INVALID/)
  },
)
