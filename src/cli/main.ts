/**
 * `tidemark`: takes the command line and leaves with its exit code. Importing this file runs the program.
 *
 * Commander's own complaints are usage errors and end with 2, whichever code it would choose.
 */
import process from 'node:process'
import { CommanderError } from 'commander'
import type { Command } from 'commander'
import { failureText } from './failure.ts'
import { leaveAtOnce } from './leave.ts'
import { createProgram } from './program.ts'
import { createMask } from './secrets.ts'
import { packageVersion } from './version.ts'

const USAGE_EXIT_CODE = 2

/** Commander exits by itself unless every command is told not to. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  for (const child of command.commands) throwInsteadOfExit(child)
}

function hintAtHelp(command: Command, words: string): void {
  command.showHelpAfterError(`Try: ${words} --help`)
  for (const child of command.commands) hintAtHelp(child, `${words} ${child.name()}`)
}

/** @param args what was typed after `tidemark` */
async function main(args: readonly string[]): Promise<void> {
  const program = createProgram(packageVersion())
  throwInsteadOfExit(program)
  hintAtHelp(program, 'tidemark')
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version were asked for; everything else was told by Commander.
    process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE
  }
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

// A bug, thrown where nobody waits for it. By default Node would print it, and then wait for native threads for ever.
process.on('uncaughtException', (error) => {
  const mask = createMask(process.env)
  process.stderr.write(failureText(error, { json: false, debug: true, mask }))
  leaveAtOnce()
})

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.exitCode = 1
  const mask = createMask(process.env)
  process.stderr.write(failureText(error, { json: false, debug: false, mask }))
}
