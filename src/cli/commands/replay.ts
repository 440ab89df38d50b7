/** `tidemark replay`: any range of the log counted again to the side, compared, published in one step and taken back in one. */
import { Command } from 'commander'
import { replayAllCommand } from './replay-all.ts'
import { replayDiffCommand } from './replay-diff.ts'
import { replayDiscardCommand, replayListCommand, replayShowCommand } from './replay-list.ts'
import { replayPlanCommand } from './replay-plan.ts'
import { replayPublishCommand } from './replay-publish.ts'
import { replayRollbackCommand } from './replay-rollback.ts'
import { replayRunCommand } from './replay-run.ts'

export function replayCommand(): Command {
  const group = new Command('replay')
    .summary('recompute a range to the side, compare it, publish it, take it back')
    .description(
      'A backfill in steps: `plan` says what would happen, `run` recomputes to the side while the consumer goes on, `diff` compares, ' +
        '`publish` swaps the days in one step, `rollback` takes that back.',
    )
  const commands: Command[] = [
    replayPlanCommand(),
    replayRunCommand(),
    replayDiffCommand(),
    replayPublishCommand(),
    replayRollbackCommand(),
    replayListCommand(),
    replayShowCommand(),
    replayDiscardCommand(),
  ]
  for (const command of commands) group.addCommand(command)
  group.addCommand(replayAllCommand(), { isDefault: true })
  return group
}
