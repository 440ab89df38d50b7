/**
 * `npm run storm -- --rounds N [--seed S] [--kinds a,b] [--keep]`: storms on a real Kafka, a real Redis and a real disk, with a
 * producer that never stops; afterwards every sink is compared with what the oracle says of the topic.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { HEALING_KINDS, KIND_NAMES, KINDS, parseKinds } from './kinds.ts'
import { planStorm, planText } from './plan.ts'
import { runStorm } from './storm.ts'

const USAGE = `npm run storm -- --rounds N [--seed S] [--kinds a,b] [--keep]

  --rounds N      rounds of faults; ten of them share a pipeline (default 10)
  --seed S        the same faults again (default: by chance)
  --kinds a,b     only these (default: all that heal)
  --keep          keep everything, also where nothing went wrong
  --no-checkpoints
  --plan          print what would be done, and do nothing

${KIND_NAMES.map((name) => `  ${name.padEnd(17)} ${KINDS[name].words}`).join('\n')}
`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string' },
    kinds: { type: 'string' },
    keep: { type: 'boolean', default: false },
    'no-checkpoints': { type: 'boolean', default: false },
    plan: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) {
  process.stdout.write(USAGE)
} else {
  process.exitCode = await main()
}

async function main(): Promise<number> {
  const rounds = Number(values.rounds)
  const seed = values.seed === undefined ? Date.now() & 0x7fff_ffff : Number(values.seed)
  if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed)) {
    process.stderr.write(USAGE)
    return 2
  }
  const kinds = values.kinds === undefined ? HEALING_KINDS : parseKinds(values.kinds)
  const plan = planStorm({ rounds, seed, kinds, checkpoints: !values['no-checkpoints'] })
  const again = `npm run storm -- --rounds ${rounds} --seed ${seed}${values.kinds === undefined ? '' : ` --kinds ${values.kinds}`}${values['no-checkpoints'] ? ' --no-checkpoints' : ''}`
  console.log(`${again}\n${planText(plan)}\n`)
  if (values.plan) return 0
  const directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-storm-'))
  const startMs = performance.now()
  try {
    const results = await runStorm(plan, { directory, tell: (line) => console.log(line) })
    const seconds = (performance.now() - startMs) / 1_000
    const records = results.reduce((sum, { verdict }) => sum + verdict.records, 0)
    console.log(
      `\n${rounds} rounds passed in ${seconds.toFixed(0)} s, ${(seconds / rounds).toFixed(1)} s a round; ${records} records`,
    )
    if (!values.keep) rmSync(directory, { recursive: true, force: true })
    return 0
  } catch {
    console.log(
      `\nThe storm was not survived. What happened and what the processes said: ${directory}`,
    )
    console.log(`Again: ${again} --keep`)
    return 1
  } finally {
    if (values.keep) console.log(`kept in ${directory}`)
  }
}
