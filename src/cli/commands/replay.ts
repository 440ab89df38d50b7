/** `tidemark replay`: any range of the log counted again to the side, compared, published in one step and taken back in one. */
import { Command } from 'commander'

export function replayCommand(): Command {
  const group = new Command('replay')
    .summary('recompute a range to the side, compare it, publish it, take it back')
    .description(
      'A backfill in steps: `plan` says what would happen, `run` recomputes to the side while the consumer goes on, `diff` compares, ' +
        '`publish` swaps the days in one step, `rollback` takes that back.',
    )
  const commands: Command[] = []
  for (const command of commands) group.addCommand(command)
  return group
}
