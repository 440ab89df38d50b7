/** The list of deliberate bugs stays applicable, and its page says what is in it. Planting them is `npm run mutations`. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { SIMULATED_MUTATIONS } from '../../sim/mutations/list.ts'
import { expectApplicable } from './applicable.ts'
import { MUTATIONS } from './list.ts'

const ROOT = path.join(import.meta.dirname, '../..')

test.each(MUTATIONS)('$name: it can be planted', ({ edits, tests }) => {
  expectApplicable(edits)
  for (const file of tests)
    expect(`${file} ${existsSync(path.join(ROOT, file))}`).toBe(`${file} true`)
})

test('docs/mutations.md lists them all, and nothing else', () => {
  const page = readFileSync(path.join(ROOT, 'docs/mutations.md'), 'utf8')
  const listed = [...page.matchAll(/^\| (.+?) +\| `/gm)].map((match) => match[1])
  expect(listed).toEqual([...MUTATIONS, ...SIMULATED_MUTATIONS].map(({ name }) => name))
})
