/** All commands, in the order in which a new user meets them. `docs/commands.md` is generated from it. */
import { Command } from 'commander'
import { checkpointCommand } from './commands/checkpoint.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { explainCommand } from './commands/explain.ts'
import { getCommand } from './commands/get.ts'
import { initCommand } from './commands/init.ts'
import { lateCommand } from './commands/late.ts'
import { onlineCommand } from './commands/online.ts'
import { previewCommand } from './commands/preview.ts'
import { replayCommand } from './commands/replay.ts'
import { runCommand } from './commands/run.ts'
import { statusCommand } from './commands/status.ts'
import { tableCommand } from './commands/table.ts'
import { validateCommand } from './commands/validate.ts'
import { watermarkCommand } from './commands/watermark.ts'

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage or definition.
Data goes to stdout, progress and logs to stderr.`

export function createProgram(version: string): Command {
  const program = new Command('tidemark')
    .description(
      'Rolling-window features from an event log: one definition, one fold, online and offline.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .addHelpText('after', EXIT_CODES)
  for (const command of [
    initCommand(),
    validateCommand(),
    doctorCommand(),
    previewCommand(),
    runCommand(),
    statusCommand(),
    getCommand(),
    explainCommand(),
    tableCommand(),
    checkpointCommand(),
    replayCommand(),
    onlineCommand(),
    lateCommand(),
    watermarkCommand(),
    demoCommand(),
  ]) {
    program.addCommand(command)
  }
  return program
}

/** Every command that can be typed, with the words that lead to it: `table compact`. */
export function leafCommands(command: Command, words = ''): [words: string, command: Command][] {
  if (command.commands.length === 0) return [[words, command]]
  return command.commands.flatMap((child) =>
    leafCommands(child, words === '' ? child.name() : `${words} ${child.name()}`),
  )
}
