/**
 * `npm run sim -- --seeds N --from S [--jobs J] [--trace] [--coverage]`: runs seeds, and tells of each that failed what was wrong and
 * the command that runs it again. With `--trace` one process runs them, and the timeline of each is printed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runRange, type Failure } from './jobs.ts'
import { coverageLines, neverHit, SEEDS_FOR_COVERAGE } from './required.ts'
import { runSeed } from './run-seed.ts'

const PROBLEMS_SHOWN = 12
const TOLD_EVERY = 500

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    trace: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
  },
})

const range = {
  seeds: count('seeds', values.seeds),
  from: count('from', values.from),
  jobs: count('jobs', values.jobs),
}
process.exitCode = values.trace ? await runTraced() : await runAll()

async function runTraced(): Promise<number> {
  let failed = 0
  for (let seed = range.from; seed < range.from + range.seeds; seed += 1) {
    const result = await runSeed(seed, { keepsTrace: true })
    console.log(`seed ${seed}\n${result.lines.join('\n')}`)
    console.log(`hash ${result.hash}, ${(result.simulatedMs / 1_000).toFixed(0)} s simulated`)
    if (result.problems.length === 0) continue
    failed += 1
    tellFailure(result)
  }
  return failed > 0 ? 1 : 0
}

async function runAll(): Promise<number> {
  const startedMs = performance.now()
  const result = await runRange(range, {
    onSeed: (done) => {
      if (done % TOLD_EVERY === 0) console.error(`${done} of ${range.seeds} seeds`)
    },
    onFailure: tellFailure,
  })
  const missing = range.seeds >= SEEDS_FOR_COVERAGE ? neverHit(result.counts) : []
  if (values.coverage || missing.length > 0) console.log(coverageLines(result.counts).join('\n'))
  for (const what of missing) console.log(`never hit: ${what}`)
  const seconds = (performance.now() - startedMs) / 1_000
  const failed = result.failures.map(({ seed }) => seed)
  console.log(
    `${result.seeds} seeds in ${seconds.toFixed(1)} s (${(result.simulatedMs / 3_600_000).toFixed(1)} hours simulated), ${failed.length} failed${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`,
  )
  return result.failures.length > 0 || missing.length > 0 ? 1 : 0
}

function tellFailure({ seed, problems }: Failure): void {
  console.log(`\nseed ${seed} failed:`)
  for (const problem of problems.slice(0, PROBLEMS_SHOWN)) console.log(`  ${problem}`)
  if (problems.length > PROBLEMS_SHOWN)
    console.log(`  ... and ${problems.length - PROBLEMS_SHOWN} more`)
  console.log(`  run it again: npm run sim -- --seeds 1 --from ${seed} --trace\n`)
}

function count(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`--${name} is a whole number: ${text}`)
}
