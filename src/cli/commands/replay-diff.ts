/** `tidemark replay diff`: what a replay would change, before anybody sees it. */
import { InvalidArgumentError, type Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { replayDiff } from '../replay-diff.ts'
import type { DiffOptions } from '../replay-diff.ts'

export function replayDiffCommand(): Command {
  return definePipelineCommand('diff', {
    summary: 'compare what a replay staged with what is live',
    description:
      'Per view, day and feature: rows that only one side has, rows that changed, how much, and how values lie before and after. ' +
      'Exit code 0 where all is equal, 1 where something differs.',
    examples: [
      ['tidemark replay diff 20260105T120000Z-a1b2c3', 'all views of the replay'],
      [
        'tidemark replay diff 20260105T120000Z-a1b2c3 --view user_activity --to changes.parquet',
        'one view, and every value that differs as a row of a file',
      ],
    ],
  })
    .argument('<id>', 'id of the replay (`tidemark replay list`)')
    .option('--view <view>', 'only this one: name, or name@version')
    .option('--sample <rows>', 'so many rows of each kind are shown', rowCount, 5)
    .option('--to <file>', 'write every value that differs to a Parquet file')
    .action(action<DiffOptions, [id: string]>((call, id) => replayDiff(call, id)))
}

function rowCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 0.')
  return Number(text)
}
