/**
 * The simulator's seeds: the shipping engine against a world in which everything goes wrong, and the same world twice.
 * `npm run sim` runs as many as one likes.
 */
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'
import { runRange } from '../../sim/jobs.ts'
import { neverHit, SEEDS_FOR_COVERAGE } from '../../sim/required.ts'
import { runSeed } from '../../sim/run-seed.ts'

const FROM = 1
const SAME_TWICE = 10
/** Less than two minutes on two cores where nothing else runs. */
const TIMEOUT_MS = 10 * 60_000

test('the same seed gives the same run, byte for byte', async () => {
  for (let seed = FROM; seed < FROM + SAME_TWICE; seed += 1) {
    const first = await runSeed(seed)
    const second = await runSeed(seed, { keepsTrace: true })
    expect(`seed ${seed}: ${second.hash}`).toBe(`seed ${seed}: ${first.hash}`)
  }
})

test(
  `${SEEDS_FOR_COVERAGE} seeds: all sinks are what the log says, and every fault, point of death and way of recovery was among them`,
  async () => {
    const jobs = availableParallelism()
    const range = { from: FROM, seeds: SEEDS_FOR_COVERAGE, jobs }
    const { seeds, failures, counts } = await runRange(range)
    const told = failures.map(
      ({ seed, problems }) =>
        `npm run sim -- --seeds 1 --from ${seed} --trace\n  ${problems.slice(0, 5).join('\n  ')}`,
    )
    expect(told.join('\n')).toBe('')
    expect(seeds).toBe(SEEDS_FOR_COVERAGE)
    expect(neverHit(counts)).toEqual([])
  },
  TIMEOUT_MS,
)
