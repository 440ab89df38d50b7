/** `tidemark replay --days ...`: all steps of a replay in one go. */
import type { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { addPlanOptions, makePlan } from '../make-plan.ts'
import type { PlanOptions } from '../make-plan.ts'
import { openReplays } from '../open-replays.ts'
import { goThrough } from '../replay-steps.ts'
import type { StepsOptions } from '../replay-steps.ts'

export function replayAllCommand(): Command {
  return addPlanOptions(
    definePipelineCommand('all', {
      summary: 'all steps in one go, asking before each that matters (the default)',
      description:
        'Plans, shows the plan, asks; runs to the side, shows what differs, asks; publishes. Stopped or declined, it leaves a replay with which the ' +
        'commands of each step go on. The word `all` may be left out.',
      examples: [
        [
          'tidemark replay all --days 2026-01-01..2026-01-31 --reason "prices were wrong"',
          'a month',
        ],
        [
          'tidemark replay --since 2026-01-05T14:00Z --reason "release 7" --yes',
          'without asking, for scripts',
        ],
      ],
    }),
  )
    .option('--yes', 'do not ask')
    .action(
      action<PlanOptions & StepsOptions>(async (call) => {
        const pipeline = await call.pipeline()
        await using opened = new OpenedParts()
        const open = await openReplays(pipeline, opened, call)
        await goThrough(call, { open, opened, made: await makePlan(call, open, opened) })
      }),
    )
}
