/** `tidemark explain`: why something is as it is. */
import { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { printWatermarks, watermarkData } from '../watermark-text.ts'
import { gatherWatermarks } from '../watermark.ts'

export function explainCommand(): Command {
  return new Command('explain')
    .summary('which record holds the watermark, and why')
    .description('Why something is as it is. All of it works beside a run.')
    .addCommand(watermark())
}

function watermark(): Command {
  return definePipelineCommand('watermark', {
    summary: 'which record holds the watermark, since when, and what it does',
    description:
      'Per partition: the watermark, the record that holds it with its key and timestamp, what days it closed, and whether the clock ' +
      'moves days on or why not; which partition is furthest back. A record with a wrong time, far ahead of the clock or of ' +
      'what follows it, is told with the days that it closed early, what is refused because of it, and what mends it. Works beside a run.',
    examples: [
      ['tidemark explain watermark', 'for people'],
      [
        "tidemark explain watermark --json | jq '.partitions[] | select(.poison)'",
        'partitions whose time is wrong',
      ],
    ],
  }).action(
    action(async (call) => {
      const pipeline = await call.pipeline()
      const report = await gatherWatermarks(pipeline, call)
      if (call.json) call.out.json(watermarkData(report))
      else printWatermarks(call.out, report, pipeline)
    }),
  )
}
