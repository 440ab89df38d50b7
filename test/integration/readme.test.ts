/** The second screen of the README: every command of it runs, in order, and prints what the README shows. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { PageRun, missingLine, pageSteps } from '../support/doc-page.ts'

const place = mkdtempSync(path.join(os.tmpdir(), 'tidemark-readme-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const steps = pageSteps('README.md')
const run = new PageRun(place)

test('the README shows every command of the first five minutes', () => {
  const commands = steps.map(({ text }) => text)
  for (const word of ['init', 'validate', 'preview', 'run --until-end', 'get', 'status']) {
    expect(commands.some((command) => command.startsWith(`tidemark ${word}`))).toBe(true)
  }
})

test.each(steps)('README.md line $line: $text', (step) => {
  const printed = run.run(step)
  if (step.shown) expect(missingLine(step.shown, printed), printed).toBeUndefined()
})

test('a line that is not printed is found, and so is one that is not shown', () => {
  expect(missingLine(['a 2026-01-01', '...', 'c'], 'a 2027-02-02\nb\nc\n')).toBeUndefined()
  expect(missingLine(['a', 'c'], 'a\nb\nc')).toBe('c')
  expect(missingLine(['a'], 'a\nb')).toBe('(more was printed: b)')
})
