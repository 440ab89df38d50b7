/** Fails a test with the first differences between what sinks hold and what the oracle says. */
import { expect } from 'vitest'
import { sinkDifferences, type ActualSinks } from './compare-sinks.ts'
import type { OracleResult } from './oracle.ts'

const DIFFERENCES_MAX = 20

export function expectSinksEqual(oracle: OracleResult, actual: ActualSinks): void {
  const differences = sinkDifferences(oracle, actual)
  const more = differences.length - DIFFERENCES_MAX
  const shown = differences.slice(0, DIFFERENCES_MAX)
  if (more > 0) shown.push(`... and ${more} more`)
  expect(shown.join('\n')).toBe('')
}
