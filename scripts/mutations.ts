/**
 * `npm run mutations [part of a name]`: plants each deliberate bug of `test/mutations/list.ts` in a copy of the tree and
 * runs the tests that must notice. Prints `caught` or `SURVIVED` per bug; exit code 1 where one survives. `--docs` writes
 * docs/mutations.md instead.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { format, resolveConfig } from 'prettier'
import { MUTATIONS, type Mutation } from '../test/mutations/list.ts'

const ROOT = path.dirname(import.meta.dirname)
const TIMEOUT_MS = 120_000
const COPIED = [
  'src',
  'test',
  'docs',
  'schemas',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]

function copyTree(): string {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'tidemark-mutations-'))
  for (const name of COPIED)
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'), 'junction')
  return copy
}

function passes(copy: string, tests: readonly string[]): boolean {
  const vitest = path.join(copy, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [vitest, 'run', '--project', 'unit', '--bail', '1', '--pool', 'threads', ...tests]
  // A bug that never ends is noticed too; threads end with their process.
  const options = {
    cwd: copy,
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  } as const
  return spawnSync(process.execPath, args, options).status === 0
}

/** Whether a test fails with the bug. The copy is as before afterwards. */
function isCaught(copy: string, { edits, tests }: Mutation): boolean {
  const before = new Map<string, string>()
  try {
    for (const { file, search, replace } of edits) {
      const place = path.join(copy, file)
      const text = readFileSync(place, 'utf8')
      if (text.split(search).length !== 2) throw new Error(`${file}: not there once: ${search}`)
      if (!before.has(place)) before.set(place, text)
      writeFileSync(
        place,
        text.replace(search, () => replace),
      )
    }
    return !passes(copy, tests)
  } finally {
    for (const [place, text] of before) writeFileSync(place, text)
  }
}

function runMutations(part: string): number {
  const chosen = MUTATIONS.filter(({ name }) => name.includes(part))
  const copy = copyTree()
  try {
    const all = [...new Set(chosen.flatMap(({ tests }) => tests))]
    if (!passes(copy, all)) {
      process.stdout.write(`without any bug these tests fail already:\n  ${all.join('\n  ')}\n`)
      return 1
    }
    let survived = 0
    for (const mutation of chosen) {
      const caught = isCaught(copy, mutation)
      if (!caught) survived += 1
      process.stdout.write(`${caught ? 'caught  ' : 'SURVIVED'}  ${mutation.name}\n`)
    }
    process.stdout.write(`\n${chosen.length - survived} caught, ${survived} survived\n`)
    return survived === 0 ? 0 : 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

async function writePage(): Promise<void> {
  const place = path.join(ROOT, 'docs/mutations.md')
  const rows = MUTATIONS.map(({ name, edits, tests }) => {
    const files = [...new Set(edits.map(({ file }) => file))]
    return `| ${name} | ${files.map((file) => `\`${file}\``).join(', ')} | ${tests.map((file) => `\`${file}\``).join(', ')} |`
  })
  const page = [
    '# Deliberate bugs',
    '',
    'Tests that cannot fail prove nothing. `npm run mutations` plants each of these bugs in a copy of the tree and runs the',
    'named tests: all of them must fail. The list is `test/mutations/list.ts`; `npm run mutations -- --docs` writes this page.',
    '',
    '| Bug | Planted in | Noticed by |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
  const options = { ...(await resolveConfig(place)), filepath: place }
  writeFileSync(place, await format(page, options))
}

const [argument = ''] = process.argv.slice(2)
if (argument === '--docs') await writePage()
else process.exitCode = runMutations(argument)
