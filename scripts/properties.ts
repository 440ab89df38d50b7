/** `npm run properties`: property tests again and again, each round with the next seed. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'

const USAGE = `npm run properties -- [PARTS OF PATHS] [--rounds N] [--from SEED]

  --rounds N    how often (default 10)
  --from SEED   of the first round (default: by the clock)

Exit code 1 where a round failed; under each failure stands the command that shows it again.
`

const root = path.dirname(import.meta.dirname)

/** Those that take random values; the few that need servers are left to `npm test`. */
function propertyTests(parts: readonly string[]): string[] {
  return readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file}`)
    .filter((file) => file.endsWith('.test.ts') && !file.startsWith('test/integration/'))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .filter((file) =>
      /support\/properties|conformance/.test(readFileSync(path.join(root, file), 'utf8')),
    )
    .sort()
}

/** @returns the exit code: 0, all passed */
function round(files: readonly string[], seed: number): number {
  const { status, error } = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=dot', ...files],
    { cwd: root, stdio: 'inherit', env: { ...process.env, TIDEMARK_SEED: `${seed}` } },
  )
  if (error) throw error
  return status ?? 1
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    from: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
if (values.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
const files = propertyTests(positionals)
const [rounds, from] = [Number(values.rounds), Number(values.from)]
if (files.length === 0 || !(rounds > 0) || !Number.isSafeInteger(rounds + from)) {
  process.stderr.write(USAGE)
  process.exit(2)
}
const failed: number[] = []
for (let seed = from; seed < from + rounds; seed += 1) {
  process.stdout.write(`\nseed ${seed}, ${files.length} files\n`)
  if (round(files, seed) === 0) continue
  failed.push(seed)
  const again = ['npm run properties --', ...positionals, `--rounds 1 --from ${seed}`].join(' ')
  process.stdout.write(`failed with seed ${seed}; again: ${again}\n`)
}
process.stdout.write(`\n${rounds} rounds from seed ${from}, ${failed.length} failed\n`)
process.exitCode = failed.length > 0 ? 1 : 0
