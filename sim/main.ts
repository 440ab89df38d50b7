/** `npm run sim`: runs seeds, and tells of each that failed what was wrong and the command that runs it again. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runRange, type Failure } from './jobs.ts'
import { coverageLines, neverHit, SEEDS_FOR_COVERAGE } from './required.ts'
import { runSeed } from './run-seed.ts'

const PROBLEMS_SHOWN = 12
const TOLD_EVERY = 500

const USAGE = `npm run sim -- [--seeds N] [--from S] [--jobs J] [--coverage] [--trace]

  --seeds N    how many (default 100)
  --from S     the first one (default 1)
  --jobs J     processes (default: one per core)
  --coverage   print what the seeds did: deaths, faults, ways back
  --trace      in one process, with the timeline of each seed
`

interface Wanted {
  readonly seeds: number
  readonly from: number
  readonly jobs: number
  readonly isTraced: boolean
  readonly isCoverageTold: boolean
}

const wanted = parse(process.argv.slice(2))
if (wanted === undefined) process.exitCode = 2
else process.exitCode = wanted.isTraced ? await runTraced(wanted) : await runAll(wanted)

/** Undefined: told why not, or what there is. */
function parse(args: string[]): Wanted | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        seeds: { type: 'string', default: '100' },
        from: { type: 'string', default: '1' },
        jobs: { type: 'string', default: String(availableParallelism()) },
        trace: { type: 'boolean', default: false },
        coverage: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(USAGE)
      process.exit(0)
    }
    return {
      seeds: count('seeds', values.seeds),
      from: count('from', values.from),
      jobs: count('jobs', values.jobs),
      isTraced: values.trace,
      isCoverageTold: values.coverage,
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    return undefined
  }
}

async function runTraced(range: Wanted): Promise<number> {
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

async function runAll(range: Wanted): Promise<number> {
  const startedMs = performance.now()
  let failedSoFar = 0
  const result = await runRange(range, {
    onSeed: (done) => {
      if (done % TOLD_EVERY !== 0) return
      const leftMs = ((performance.now() - startedMs) / done) * (range.seeds - done)
      console.error(
        `${done} of ${range.seeds} seeds, ${failedSoFar} failed, ${Math.ceil(leftMs / 60_000)} min left`,
      )
    },
    onFailure: (failure) => {
      failedSoFar += 1
      tellFailure(failure)
    },
  })
  const missing = range.seeds >= SEEDS_FOR_COVERAGE ? neverHit(result.counts) : []
  if (range.isCoverageTold || missing.length > 0)
    console.log(coverageLines(result.counts).join('\n'))
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
