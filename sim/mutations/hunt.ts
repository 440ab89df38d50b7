/**
 * `hunt.ts FROM SEEDS`: runs seeds until one fails. Prints a line of JSON before each, and what was found at the end.
 */
import process from 'node:process'
import { runSeed } from '../run-seed.ts'

/** `problem` undefined: the seed has begun. No `seed`: all have passed. */
export interface Hunted {
  readonly seed?: number
  readonly problem?: string
}

function tell(hunted: Hunted): void {
  process.stdout.write(`${JSON.stringify(hunted)}\n`)
}

async function hunt(from: number, seeds: number): Promise<Hunted> {
  for (let seed = from; seed < from + seeds; seed += 1) {
    tell({ seed })
    const [problem] = (await runSeed(seed)).problems
    if (problem !== undefined) return { seed, problem }
  }
  return {}
}

const [from = 1, seeds = 1] = process.argv.slice(2).map(Number)
tell(await hunt(from, seeds))
