/** Writes docs/mutations.md from the two lists of deliberate bugs. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { SIMULATED_MUTATIONS } from '../sim/mutations/list.ts'
import type { Edit } from '../test/mutations/edit.ts'
import { MUTATIONS } from '../test/mutations/list.ts'

const ROOT = path.dirname(import.meta.dirname)

export async function writeMutationsPage(): Promise<void> {
  const place = path.join(ROOT, 'docs/mutations.md')
  const page = [
    '# Deliberate bugs',
    '',
    'Tests that cannot fail prove nothing. `npm run mutations` plants each of these bugs in a copy of the tree and runs the',
    'named tests: all of them must fail. The list is `test/mutations/list.ts`; `npm run mutations -- --docs` writes this page.',
    '',
    '| Bug | Planted in | Noticed by |',
    '| --- | --- | --- |',
    ...MUTATIONS.map(({ name, edits, tests }) => {
      return `| ${name} | ${filesOf(edits)} | ${tests.map((file) => `\`${file}\``).join(', ')} |`
    }),
    '',
    '## Found by the simulator',
    '',
    '`npm run sim:mutations` plants each of these, of the kinds that real stream processors, clients and stores had, and lets the',
    'simulator run: one of the first seeds must fail, without a test that was written for the bug. The list is `sim/mutations/list.ts`.',
    '',
    '| Bug | Planted in |',
    '| --- | --- |',
    ...SIMULATED_MUTATIONS.map(({ name, edits }) => `| ${name} | ${filesOf(edits)} |`),
    '',
  ].join('\n')
  const options = { ...(await resolveConfig(place)), filepath: place }
  writeFileSync(place, await format(page, options))
}

function filesOf(edits: readonly Edit[]): string {
  return [...new Set(edits.map(({ file }) => `\`${file}\``))].join(', ')
}
