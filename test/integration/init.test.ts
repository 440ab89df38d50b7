/** `tidemark init` for a topic and Redis, as it is typed: a good pipeline file, and no password in it. */
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { CliDirectory } from '../support/cli-process.ts'

const place = new CliDirectory()
afterAll(() => {
  place[Symbol.dispose]()
})

test('what is written for a topic and Redis is a good file, without sample events', async () => {
  const topic = ['--kafka', 'a:9092,b:9092', '--topic', 'shop.clicks']
  const init = await place.run('init', 'topic', ...topic, '--redis', '${REDIS_URL}')
  expect(init).toMatchObject({ code: 0, stderr: '' })
  expect(init.stdout).toContain('tidemark doctor')
  expect(readdirSync(place.path('topic'))).toEqual(['pipeline.yaml'])
  const environment = { REDIS_URL: 'rediss://feast:hunter2@r:6380' }
  const validate = place.start(['validate', '-f', 'topic/pipeline.yaml', '--json'], environment)
  const { code, stdout } = await validate.ended
  expect(code).toBe(0)
  for (const said of ['"a:9092"', '"b:9092"', '"shop.clicks"', 'rediss://feast:***@r:6380']) {
    expect(stdout).toContain(said)
  }
  expect(stdout).not.toContain('hunter2')
})

test.each([
  [
    ['--redis', 'redis://:hunter2@r'],
    'init --redis: expected redis://HOST:PORT without a password',
  ],
  [['--topic', 't'], 'init --topic: expected --kafka'],
  [['--kafka', 'u:hunter2@b:1'], 'init --kafka: expected HOST:PORT'],
])('%j is refused, and nothing is written', async (options, message) => {
  const { code, stderr } = await place.run('init', 'refused', ...options)
  expect(code).toBe(2)
  expect(stderr).toContain(message)
  expect(stderr).not.toContain('hunter2')
  expect(existsSync(place.path('refused'))).toBe(false)
})
