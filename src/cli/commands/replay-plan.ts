/** `tidemark replay plan`: what a replay would read, change and cost. Reads copies of states and the ends of the log; no record is counted. */
import type { Command } from 'commander'
import { action, definePipelineCommand } from '../command.ts'
import { OpenedParts } from '../compose.ts'
import { addPlanOptions, makePlan } from '../make-plan.ts'
import type { PlanOptions } from '../make-plan.ts'
import { openReplays } from '../open-replays.ts'
import { costOf } from '../replay-cost.ts'
import { planData, printPlan } from '../replay-plan-text.ts'

export function replayPlanCommand(): Command {
  return addPlanOptions(
    definePipelineCommand('plan', {
      summary: 'what a replay would read, change and cost',
      description:
        'Decides which days can change, where the starting state comes from and up to where the log is read, and keeps that under an id for ' +
        '`tidemark replay run`. Nothing is counted yet, and the running consumer notices nothing. A range by offsets or times comes to the days that ' +
        'records from there on could still reach.',
      examples: [
        [
          'tidemark replay plan --days 2026-01-01..2026-03-31 --reason "prices were wrong"',
          'a quarter, and the rows after it whose windows reach into it',
        ],
        [
          'tidemark replay plan --since 2026-01-05T14:00Z --reason "release 7"',
          'all that records since then could change',
        ],
        [
          'tidemark replay plan --from-offset 0=1200,1=1180 --reason "bad batch" --json',
          'by offsets, for machines',
        ],
      ],
    }),
  ).action(
    action<PlanOptions>(async (call) => {
      const pipeline = await call.pipeline()
      await using opened = new OpenedParts()
      const open = await openReplays(pipeline, opened, call)
      const made = await makePlan(call, open, opened)
      const cost = costOf(made.plan, made.facts.partitions, await open.replays.list())
      if (call.json) call.out.json(planData(made, cost))
      else printPlan(call.out, made, cost)
    }),
  )
}
