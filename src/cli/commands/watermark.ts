/** `tidemark watermark`: what mends a time that went wrong. */
import { Command } from 'commander'
import { amendmentsSoFar, planAmendments, usage } from '../amend.ts'
import type { AmendOptions } from '../amend.ts'
import { action, definePipelineCommand } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { addAmendOptions, goOn } from '../amend-steps.ts'
import { openReplays } from '../open-replays.ts'
import type { StepsOptions } from '../replay-steps.ts'
import { dropsOf, guiltyRecords, guiltyWords } from '../watermark-reset.ts'

interface ResetOptions extends AmendOptions, StepsOptions {
  readonly position?: readonly string[]
}

export function watermarkCommand(): Command {
  return new Command('watermark')
    .summary('take back a watermark that a record with a wrong time has moved')
    .description(
      'What mends a time that went wrong; `tidemark explain watermark` tells whether it did.',
    )
    .addCommand(reset())
}

function reset(): Command {
  const command = definePipelineCommand('reset', {
    summary: 'drop the record that holds a watermark with a wrong time, and count anew from there',
    description:
      'A record with a time far ahead closes days early, and what comes after it is too late. The reset drops the record: the next generation ' +
      'counts as if the log did not have it, and so does every later rebuild. It is planned as a replay from before the first day that it can ' +
      'reach; nothing changes before that is published. Days that only this record had closed are open again then.',
    examples: [
      [
        'tidemark watermark reset --reason "a phone in the year 2031"',
        'plan it for the record that `tidemark explain watermark` finds',
      ],
      [
        "tidemark watermark reset --position 'shop.events[0]@1234' --reason 'wrong clock' --yes",
        'a record by its position: plan, run and publish in one go',
      ],
    ],
  }).option('--position <position...>', 'the record: TOPIC[PARTITION]@OFFSET; several may be given')
  return addAmendOptions(command).action(
    action<ResetOptions>(async (call) => {
      const { position = [], yes } = call.options
      if (yes === true && position.length === 0)
        throw usage(
          '--yes publishes without asking, so name the record: --position TOPIC[PARTITION]@OFFSET (`tidemark explain watermark` tells it)',
        )
      const pipeline = await call.pipeline()
      const guilty = await guiltyRecords(pipeline, position, call)
      await using opened = new OpenedParts()
      const open = await openReplays(pipeline, opened, call)
      const added = dropsOf(guilty, await amendmentsSoFar(open))
      for (const each of guilty) call.tell(guiltyWords(each))
      const request = `watermark reset ${guilty.map((each) => `--position ${each.position}`).join(' ')}`
      const made = await planAmendments(call, open, opened, { added, records: [], request })
      await goOn(call, { open, opened, made })
    }),
  )
}
