/** Answers that a test server does not give on demand: throttling, other regions, look-alikes that ignore conditions. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { S3Location } from '../../src/s3/bucket.ts'
import { S3Storage } from '../../src/s3/s3-storage.ts'
import { TABLE_FAULTS } from '../../src/table/failure.ts'
import { FakeS3, empty, failing } from '../support/fake-s3.ts'

const workspace = mkdtempSync(join(tmpdir(), 'tidemark-s3-test-'))
const environment = { ...process.env }
let server: FakeS3

beforeAll(async () => {
  server = await FakeS3.start()
})

beforeEach(() => {
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'very-secret-key'
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true'
  process.env['AWS_CONFIG_FILE'] = join(workspace, 'none')
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(workspace, 'none')
  for (const name of ['AWS_PROFILE', 'AWS_REGION', 'AWS_SESSION_TOKEN'])
    Reflect.deleteProperty(process.env, name)
})

afterEach(() => {
  process.env = { ...environment }
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(workspace, { recursive: true })
})

function open(place: Partial<S3Location> = { endpoint: server.endpoint }): S3Storage {
  return new S3Storage(
    { kind: 's3', bucket: 'features', prefix: 'shop', pathStyle: true, ...place },
    {
      faults: TABLE_FAULTS,
      workspace,
      timeouts: { connectMs: 500, silenceMs: 500, attempts: 2 },
    },
  )
}

test.each([
  [503, 'SlowDown', 'TABLE_UNAVAILABLE', 'tried again'],
  [500, 'InternalError', 'TABLE_UNAVAILABLE', 'tried again'],
  [400, 'RequestTimeout', 'TABLE_UNAVAILABLE', 'tried again'],
  [429, 'TooManyRequests', 'TABLE_UNAVAILABLE', 'tried again'],
  [403, 'AccessDenied', 'TABLE_REFUSED', 's3:PutObject'],
  [403, 'SomethingOfTheirOwn', 'TABLE_REFUSED', 's3:PutObject'],
  [400, 'ExpiredToken', 'TABLE_REFUSED', 'have expired; get new ones'],
  [404, 'NoSuchBucket', 'TABLE_REFUSED', 'there is no bucket features; make it'],
  [501, 'NotImplemented', 'TABLE_REFUSED', 'lacks this part of S3'],
  [400, 'InvalidArgument', 'TABLE_REFUSED', 'the server refuses the request'],
])('HTTP %i %s becomes %s and says "%s"', async (status, code, expected, words) => {
  server.answers(failing(status, code))
  const told: unknown = await open()
    .put('t/0', Buffer.from('x'))
    .catch((each: unknown) => each)
  expect(told).toMatchObject({ code: expected })
  const { message } = told as Error
  expect(message).toContain('table s3://features/shop: cannot write t/0: ')
  expect(message).toContain(words)
  expect(message).toContain('told by the server')
})

test('a bucket of another region is refused with the region that the server names', async () => {
  const malformed = 'AuthorizationHeaderMalformed'
  server.answers(failing(400, malformed, '<Region>eu-central-1</Region>'))
  await expect(open().get('t/0')).rejects.toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringMatching(/s3\.region.*The server says: eu-central-1/) as string,
  })
  server.answers((_, response) => {
    response.writeHead(301, { 'x-amz-bucket-region': 'ap-south-2' })
    response.end()
  })
  await expect(open().stat('t/0')).rejects.toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringContaining('The server says: ap-south-2') as string,
  })
})

test('a server that ignores If-None-Match is refused before anything rests on it', async () => {
  server.answers(empty)
  const storage = open()
  const refusal = {
    code: 'TABLE_REFUSED',
    message: expect.stringContaining('commits would be lost') as string,
  }
  await expect(storage.putIfAbsent('t/0.json', Buffer.from('x'))).rejects.toMatchObject(refusal)
  await expect(storage.tryOut()).rejects.toMatchObject(refusal)
  await expect(storage.putIfAbsent('t/0.json', Buffer.from('x'))).rejects.toMatchObject(refusal)
})

test('another put that is under way is waited for', async () => {
  let conflicts = 0
  server.answers((request, response) => {
    // The trial's object is there already, with the marker of who made it.
    const isTrial = request.url?.includes('conditional-put') === true
    if (request.method === 'HEAD') response.setHeader('x-amz-meta-tidemark-put', 'someone')
    if (isTrial && request.method === 'PUT') failing(412, 'PreconditionFailed')(request, response)
    else if (isTrial) response.end()
    else if (conflicts++ < 3) failing(409, 'ConditionalRequestConflict')(request, response)
    else response.end()
  })
  expect(await open().putIfAbsent('t/0.json', Buffer.from('x'))).toBe(true)
  expect(conflicts).toBe(4)
})

test('without keys it is refused, and says where they could come from', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])
    Reflect.deleteProperty(process.env, name)
  const before = server.requests
  await expect(open().get('t/0')).rejects.toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringContaining('no credentials were found; set AWS_ACCESS_KEY_ID') as string,
  })
  expect(server.requests).toBe(before)
})

test('server and region may come from the environment; without a region it is refused', async () => {
  process.env['AWS_ENDPOINT_URL'] = server.endpoint
  await expect(open({}).get('t/0')).rejects.toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringContaining('no region is known; name the region') as string,
  })
  process.env['AWS_REGION'] = 'eu-central-1'
  const urls: unknown[] = []
  server.answers(({ url }, response) => {
    urls.push(url)
    response.end('content')
  })
  expect(await open({}).get('t/0')).toEqual(Buffer.from('content'))
  expect(urls).toEqual(['/features/shop/t/0?x-id=GetObject'])
})

test('nothing of a request, which carries a signature, is in an error', async () => {
  process.env['AWS_SESSION_TOKEN'] = 'session-token-of-mine'
  const told403 = '<AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId>'
  server.answers(failing(403, 'SignatureDoesNotMatch', told403))
  const told: unknown = await open()
    .get('t/0')
    .catch((each: unknown) => each)
  const { cause, message } = told as Error
  const all = JSON.stringify([told, cause, message, String(cause)])
  expect(all).not.toMatch(/very-secret-key|session-token-of-mine|AKIDEXAMPLE|AWS4-HMAC/)
})
