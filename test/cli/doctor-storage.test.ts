/** What the doctor says of buckets. That they work is seen by test/integration/s3/s3-tables.test.ts. */
import process from 'node:process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkBuckets } from '../../src/cli/doctor-storage.ts'
import type { Finding } from '../../src/cli/finding.ts'
import { SHOP, changed, resolveText } from '../definition/definition-text.ts'
import { FakeS3, empty, failing } from '../support/fake-s3.ts'

const environment = { ...process.env }
let server: FakeS3

beforeAll(async () => {
  server = await FakeS3.start()
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIDEXAMPLE'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'very-secret-key'
})

afterAll(async () => {
  process.env = environment
  await server[Symbol.asyncDispose]()
})

function findings(endpoint = server.endpoint): Promise<Finding[]> {
  const text = changed(SHOP, '{ delta: ./features }', '{ delta: s3://features/shop }')
  const more = `checkpoints: { store: s3://kept }\ns3: { endpoint: "${endpoint}" }`
  return checkBuckets(resolveText(`${text}${more}`))
}

test('a server that ignores If-None-Match is a problem, for tables and for checkpoints', async () => {
  server.answers(empty)
  expect(await findings()).toMatchObject([
    {
      check: 'tables',
      verdict: 'problem',
      detail: expect.stringContaining('If-None-Match') as string,
    },
    {
      check: 'checkpoints',
      verdict: 'problem',
      detail: expect.stringContaining('s3://kept') as string,
    },
  ])
})

test.each([
  [403, 'AccessDenied', 'allow this user s3:ListBucket'],
  [404, 'NoSuchBucket', 'there is no bucket features; make it'],
  [503, 'SlowDown', 'SlowDown'],
])('HTTP %i %s is a problem, and says what to do', async (status, code, words) => {
  server.answers(failing(status, code))
  const [tables] = await findings()
  expect(tables).toMatchObject({ check: 'tables', verdict: 'problem' })
  expect(tables?.detail).toContain(words)
})

test('a server that is not there is told in a moment', async () => {
  const startedMs = performance.now()
  const [tables] = await findings('http://127.0.0.1:9')
  expect(tables).toMatchObject({
    verdict: 'problem',
    detail: expect.stringContaining('ECONNREFUSED') as string,
  })
  expect(performance.now() - startedMs).toBeLessThan(5000)
})

test('directories are none of its business', async () => {
  expect(await checkBuckets(resolveText(SHOP))).toEqual([])
})
