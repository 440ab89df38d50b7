/** The list of deliberate bugs stays applicable, and its page says what is in it. Planting them is `npm run mutations`. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { SIMULATED_MUTATIONS } from '../../sim/mutations/list.ts'
import { MUTATIONS } from './list.ts'

const ROOT = path.join(import.meta.dirname, '../..')

test.each(MUTATIONS)('$name: what is searched for occurs once', ({ edits, tests }) => {
  for (const { file, search, replace } of edits) {
    const text = readFileSync(path.join(ROOT, file), 'utf8')
    expect(`${file}: ${text.split(search).length - 1} times: ${search}`).toBe(
      `${file}: 1 times: ${search}`,
    )
    expect(replace).not.toBe(search)
  }
  for (const file of tests)
    expect(`${file} ${existsSync(path.join(ROOT, file))}`).toBe(`${file} true`)
})

test('docs/mutations.md lists them all, and nothing else', () => {
  const page = readFileSync(path.join(ROOT, 'docs/mutations.md'), 'utf8')
  const listed = [...page.matchAll(/^\| (.+?) +\| `/gm)].map((match) => match[1])
  expect(listed).toEqual([...MUTATIONS, ...SIMULATED_MUTATIONS].map(({ name }) => name))
})
