import { expect, test } from 'vitest'
import { processesFor } from '../../src/cli/replay-workers.ts'

test.each([
  ['little', 0.9, 8, 1],
  ['some', 1, 8, 4],
  ['some, on a single core', 9, 1, 1],
  ['much', 10, 8, 8],
])(
  'where there is %s to read a replay has as many processes as pay off',
  (_, share, cores, processes) => {
    expect(processesFor(share, cores)).toBe(processes)
  },
)
