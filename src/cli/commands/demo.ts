/** `tidemark demo`: the demonstration needs a data set that is not part of the package, so it lives in the repository. */
import type { Command } from 'commander'
import { action, defineCommand } from '../command.ts'

const LINES = [
  'The demo runs three million real flights through a pipeline and proves every row with plain SQL.',
  'It is part of the repository, because it brings its data along:',
  '',
  '  npm run demo',
]

export function demoCommand(): Command {
  return defineCommand('demo', {
    summary: 'say how to run the demonstration',
    examples: [['tidemark demo', 'prints the command that runs it']],
  }).action(
    action(async ({ json, out }) => {
      if (json) out.json({ command: 'npm run demo' })
      else for (const line of LINES) out.line(line)
    }),
  )
}
