/**
 * The second screen of the README on a real topic and a real Redis, and the page that shows the same without servers: every command
 * of them runs, in order, and prints what the page shows.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PageRun, missingLine, pageSteps } from '../support/doc-page.ts'
import type { PageStep } from '../support/doc-page.ts'
import { fillSampleTopic } from '../support/sample-topic.ts'
import { sharedKafka, sharedRedis } from '../support/servers.ts'
import { KafkaClients } from './kafka/kafka-topic.ts'

const WORDS = ['init', 'preview', 'run --until-end', 'get', 'status']

function expectCommands(steps: readonly PageStep[], words: readonly string[]): void {
  const commands = steps.map(({ text }) => text)
  for (const word of words) {
    expect(commands.some((command) => command.startsWith(`tidemark ${word}`))).toBe(true)
  }
}

describe('README.md', () => {
  const place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-readme-'))
  afterAll(() => rmSync(place, { recursive: true, force: true }))
  const steps = pageSteps('README.md')
  let run: PageRun

  /** The README names the default ports; the servers of the tests have others, told by the environment. */
  beforeAll(async () => {
    const [{ bootstrap }, { url }] = await Promise.all([sharedKafka(), sharedRedis()])
    await using clients = new KafkaClients(bootstrap)
    await fillSampleTopic(clients, 'shop.events')
    const environment = { KAFKA_BROKERS: bootstrap, REDIS_URL: url, TIDEMARK_HTTP: '127.0.0.1:0' }
    run = new PageRun(place, environment)
  })

  test('shows every command of the first five minutes', () => {
    expectCommands(steps, [...WORDS, 'doctor'])
    expect(steps.some(({ text }) => text.includes('delta_scan'))).toBe(true)
  })

  test.each(steps)('line $line: $text', (step) => {
    const printed = run.run(step)
    if (step.shown) expect(missingLine(step.shown, printed), printed).toBeUndefined()
  })
})

describe('docs/embedded.md', () => {
  const place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-embedded-'))
  afterAll(() => rmSync(place, { recursive: true, force: true }))
  const steps = pageSteps('docs/embedded.md')
  const run = new PageRun(place)

  test('shows the same commands without servers', () => {
    expectCommands(steps, [...WORDS, 'validate'])
  })

  test.each(steps)('line $line: $text', (step) => {
    const printed = run.run(step)
    if (step.shown) expect(missingLine(step.shown, printed), printed).toBeUndefined()
  })
})

test('a line that is not printed is found, and so is one that is not shown', () => {
  expect(missingLine(['a 2026-01-01', '...', 'c'], 'a 2027-02-02\nb\nc\n')).toBeUndefined()
  expect(missingLine(['a', 'c'], 'a\nb\nc')).toBe('c')
  expect(missingLine(['a'], 'a\nb')).toBe('(more was printed: b)')
})
