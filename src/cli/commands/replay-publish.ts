/** `tidemark replay publish`: what a replay staged becomes what everybody sees. */
import type { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { openReplays } from '../open-replays.ts'
import { publishPlanned } from '../replay-publish.ts'

interface PublishCommandOptions {
  readonly reason?: string
  readonly force?: true
  readonly abandon?: true
  readonly catchUp?: true
  readonly dryRun?: true
  readonly yes?: true
}

export function replayPublishCommand(): Command {
  return definePipelineCommand('publish', {
    summary: 'make a replay what everybody sees',
    description:
      'Begins the next generation: the days that the replay closed are swapped in, in one transaction per table, and running consumers take ' +
      'its states over where they need them. What `validate` asks of the views comes first: a gate that fails blocks. Killed on the way, the same ' +
      'command goes on; done twice, it changes nothing.',
    examples: [
      ['tidemark replay publish 20260105T120000Z-a1b2c3 --dry-run', 'gates, and what would change'],
      ['tidemark replay publish 20260105T120000Z-a1b2c3 --yes', 'without asking, for scripts'],
    ],
  })
    .argument('<id>', 'of a replay that was run: `tidemark replay list` shows them')
    .option('--reason <text>', 'why, for the audit trail (default: that of the plan)')
    .option(
      '--catch-up',
      'run it on to the present end of the log first, so that consumers have little to read again',
    )
    .option('--force', 'publish although a gate failed; recorded')
    .option(
      '--abandon',
      'end one that was killed and whose files are gone by now: days that need them stay as they are',
    )
    .option('--dry-run', 'only say what would be done')
    .option('--yes', 'do not ask')
    .action(
      action<PublishCommandOptions, [id: string]>(async (call, id) => {
        const { reason, force, catchUp, dryRun, abandon, yes } = call.options
        const pipeline = await call.pipeline()
        await using opened = new OpenedParts()
        const open = await openReplays(pipeline, opened, call)
        await publishPlanned(call, { open, opened }, id, {
          reason,
          force: force === true,
          catchUp: catchUp === true,
          dryRun: dryRun === true,
          abandon: abandon === true,
          yes: yes === true,
        })
      }),
    )
}
