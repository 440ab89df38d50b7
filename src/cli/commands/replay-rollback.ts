/** `tidemark replay rollback`: a publish taken back. */
import type { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { openReplays } from '../open-replays.ts'
import { takeBackPublished } from '../replay-publish.ts'

interface RollbackCommandOptions {
  readonly reason: string
  readonly abandon?: true
  readonly dryRun?: true
  readonly yes?: true
}

export function replayRollbackCommand(): Command {
  return definePipelineCommand('rollback', {
    summary: 'take a publish back',
    description:
      'Begins the next generation, which says again what was there before the publish. Consumers begin with the states that they kept then, and ' +
      'read on from there: what has come since stays counted. Refused, with the reason, once the log or a vacuum no longer allows it.',
    examples: [
      ['tidemark replay rollback --reason "spend is doubled"', 'the newest publish'],
      [
        'tidemark replay rollback 20260105T120000Z-a1b2c3 --reason test --dry-run',
        'whether it can be taken back, and what would come back',
      ],
    ],
  })
    .argument('[id]', 'of a replay that is published; the newest publish by default')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option(
      '--abandon',
      'end one that was killed and whose files are gone by now: days that need them stay as they are',
    )
    .option('--dry-run', 'only say what would be done')
    .option('--yes', 'do not ask')
    .action(
      action<RollbackCommandOptions, [id: string | undefined]>(async (call, id) => {
        const { reason, dryRun, abandon, yes } = call.options
        const pipeline = await call.pipeline()
        await using opened = new OpenedParts()
        const open = await openReplays(pipeline, opened, call)
        await takeBackPublished(call, { open, opened }, id, {
          reason,
          dryRun: dryRun === true,
          abandon: abandon === true,
          yes: yes === true,
        })
      }),
    )
}
