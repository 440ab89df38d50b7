/**
 * `npm run sim:mutations [parts of names] [--seeds N] [--from S] [--jobs J]`: plants each deliberate bug of
 * `sim/mutations/list.ts` in a copy of the tree and lets the simulator run until a seed fails. Exit code 1 where a bug
 * survives all seeds.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Hunted } from '../sim/mutations/hunt.ts'
import { SIMULATED_MUTATIONS } from '../sim/mutations/list.ts'
import type { SimulatedMutation } from '../sim/mutations/mutation.ts'
import { PlantedTree } from './planted-tree.ts'

/** A bug with which a seed never ends is found too. */
const SEED_MAX_MS = 120_000
const WORDS_MAX = 110

interface Range {
  readonly from: number
  readonly seeds: number
}

/** Runs the simulator in a copy of the tree. @returns the seed that failed and how; no seed: none did */
async function hunt({ root }: PlantedTree, { from, seeds }: Range): Promise<Hunted> {
  const args = [
    '--max-semi-space-size=64',
    '--import',
    'tsx',
    path.join(root, 'sim/mutations/hunt.ts'),
    `${from}`,
    `${seeds}`,
  ]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let [last, errors]: [Hunted | undefined, string] = [undefined, '']
  const watchdog = setTimeout(() => child.kill('SIGKILL'), SEED_MAX_MS)
  createInterface(child.stdout).on('line', (line) => {
    last = JSON.parse(line) as Hunted
    watchdog.refresh()
  })
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(watchdog)
  const found = last as Hunted | undefined
  if (found === undefined) throw new Error(`the simulator does not begin: ${errors}`)
  if (code === 0) return found
  return { ...found, problem: code === null ? 'it never ends' : `the process died: ${errors}` }
}

function told({ seed, problem = '' }: Hunted): string {
  if (seed === undefined) return 'SURVIVED'
  const [line = ''] = problem.split('\n')
  const words = line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}...` : line
  return `caught by seed ${seed} (${words})`
}

/** Seeds that fail anyway prove nothing. */
async function passesWithout(tree: PlantedTree, range: Range): Promise<boolean> {
  const outcome = await hunt(tree, range)
  if (outcome.seed !== undefined) process.stdout.write(`without any bug: ${told(outcome)}\n`)
  return outcome.seed === undefined
}

async function main(
  chosen: readonly SimulatedMutation[],
  range: Range,
  trees: readonly PlantedTree[],
): Promise<number> {
  const [first] = trees
  if (first === undefined || !(await passesWithout(first, range))) return 1
  const waiting = [...chosen]
  let survived = 0
  const work = async (tree: PlantedTree): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const outcome = await tree.planted(next.edits, () => hunt(tree, range))
      if (outcome.seed === undefined) survived += 1
      process.stdout.write(`${next.name}: ${told(outcome)}\n`)
    }
  }
  await Promise.all(trees.map(work))
  process.stdout.write(`\n${chosen.length - survived} of ${chosen.length} caught\n`)
  return survived === 0 ? 0 : 1
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(os.availableParallelism()) },
  },
})
const range = { from: Number(values.from), seeds: Number(values.seeds) }
const chosen = SIMULATED_MUTATIONS.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
)
// All copies are of one moment.
const trees = Array.from(
  { length: Math.min(Number(values.jobs), chosen.length) },
  () => new PlantedTree(),
)
try {
  process.exitCode = await main(chosen, range, trees)
} finally {
  for (const tree of trees) tree[Symbol.dispose]()
}
