/**
 * `npm run mutations [part of a name]`: plants each deliberate bug of `test/mutations/list.ts` in a copy of the tree and
 * runs the tests that must notice. Prints `caught` or `SURVIVED` per bug; exit code 1 where one survives. `--docs` writes
 * docs/mutations.md instead.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import process from 'node:process'
import { MUTATIONS } from '../test/mutations/list.ts'
import { writeMutationsPage } from './mutations-page.ts'
import { PlantedTree } from './planted-tree.ts'

const TIMEOUT_MS = 120_000

function passes({ root }: PlantedTree, tests: readonly string[]): boolean {
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', '--project', 'unit', '--bail', '1', '--pool', 'threads', ...tests]
  // A bug that never ends is noticed too; threads end with their process.
  const options = {
    cwd: root,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  } as const
  return spawnSync(process.execPath, args, options).status === 0
}

async function runMutations(part: string): Promise<number> {
  const chosen = MUTATIONS.filter(({ name }) => name.includes(part))
  using tree = new PlantedTree()
  const all = [...new Set(chosen.flatMap(({ tests }) => tests))]
  if (!passes(tree, all)) {
    process.stdout.write(`without any bug these tests fail already:\n  ${all.join('\n  ')}\n`)
    return 1
  }
  let survived = 0
  for (const { name, edits, tests } of chosen) {
    const caught = await tree.planted(edits, () => !passes(tree, tests))
    if (!caught) survived += 1
    process.stdout.write(`${caught ? 'caught  ' : 'SURVIVED'}  ${name}\n`)
  }
  process.stdout.write(`\n${chosen.length - survived} caught, ${survived} survived\n`)
  return survived === 0 ? 0 : 1
}

const [argument = ''] = process.argv.slice(2)
if (argument === '--docs') await writeMutationsPage()
else process.exitCode = await runMutations(argument)
