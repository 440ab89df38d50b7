/** The simulator's list of deliberate bugs stays applicable. Planting them is `npm run sim:mutations`. */
import { expect, test } from 'vitest'
import { SIMULATED_MUTATIONS } from '../../sim/mutations/list.ts'
import { expectApplicable } from '../mutations/applicable.ts'

test.each(SIMULATED_MUTATIONS)('$name: it can be planted', ({ edits }) => {
  expectApplicable(edits)
})

test('no two of them have one name', () => {
  const names = SIMULATED_MUTATIONS.map(({ name }) => name)
  expect([...new Set(names)]).toEqual(names)
})
