/** The simulator's list of deliberate bugs stays applicable. Planting them is `npm run sim:mutations`. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { SIMULATED_MUTATIONS } from '../../sim/mutations/list.ts'

const ROOT = path.join(import.meta.dirname, '../..')

test.each(SIMULATED_MUTATIONS)('$name: what is searched for occurs once', ({ edits }) => {
  for (const { file, search, replace } of edits) {
    const text = readFileSync(path.join(ROOT, file), 'utf8')
    expect(`${file}: ${text.split(search).length - 1} times: ${search}`).toBe(
      `${file}: 1 times: ${search}`,
    )
    expect(replace).not.toBe(search)
  }
})

test('no two of them have one name', () => {
  const names = SIMULATED_MUTATIONS.map(({ name }) => name)
  expect([...new Set(names)]).toEqual(names)
})
