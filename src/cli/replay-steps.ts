/**
 * All steps of a replay in one go, for a person at a terminal: the plan is shown and agreed to, run, its differences are shown, and it is
 * published if that is agreed to as well. Each step leaves what the commands of their own leave, so any of them can go on from here.
 */
import { isEqual } from '../replay/comparison.ts'
import type { Call } from './command.ts'
import type { OpenedParts } from './compose.ts'
import { confirm } from './confirm.ts'
import type { MadePlan } from './make-plan.ts'
import type { OpenReplays } from './open-replays.ts'
import { costOf } from './replay-cost.ts'
import { diffReplay } from './replay-diff.ts'
import { tellDiff } from './replay-diff-text.ts'
import { planData, printPlan } from './replay-plan-text.ts'
import { publishPlanned } from './replay-publish.ts'
import { runPlannedReplay } from './replay-run.ts'

export interface StepsOptions {
  /** Do not ask. */
  readonly yes?: true
}

export interface PlannedSteps {
  readonly open: OpenReplays
  readonly opened: OpenedParts
  readonly made: MadePlan
}

const SAMPLE_ROWS = 5

/** The plan alone, and how to go on. */
export async function tellPlan(
  call: Call<unknown>,
  { open, made }: Pick<PlannedSteps, 'open' | 'made'>,
): Promise<void> {
  const cost = costOf(made.plan, made.facts.partitions, await open.replays.list())
  if (call.json) call.out.json(planData(made, cost))
  else printPlan(call.out, made, cost)
}

/** @throws USAGE where nobody can be asked; what the steps throw */
export async function goThrough(call: Call<StepsOptions>, steps: PlannedSteps): Promise<void> {
  const { open, opened, made } = steps
  const { id } = made.plan
  const yes = call.options.yes === true
  using interrupt = call.interrupt()
  if (!call.json) await tellPlan(call, steps)
  if (!(await confirm(call, 'Run it?', { yes }))) {
    call.tell(`nothing was run; \`tidemark replay run ${id}\` does it later`)
    call.fail(1)
    return
  }
  const pace = { zone: open.pipeline.time.zone }
  const wishes = { pace, parallel: undefined, workers: undefined, signal: interrupt.signal }
  const result = await runPlannedReplay(call, { replays: open, opened }, made, wishes)
  const views =
    result &&
    (await diffReplay(call, open, await open.replays.get(id), {
      sample: SAMPLE_ROWS,
      signal: interrupt.signal,
    }))
  if (views === undefined) {
    call.tell(`stopped before its end; \`tidemark replay run ${id}\` goes on from there`)
    call.fail(1)
    return
  }
  if (!call.json) tellDiff(call, await open.replays.get(id), views)
  if (views.every(isEqual) && !changesRecord(made)) {
    if (call.json) call.out.json({ replay: id, outcome: 'equal' })
    call.tell('there is nothing to publish')
    return
  }
  const none = { reason: undefined, force: false, catchUp: true, dryRun: false, abandon: false }
  await publishPlanned(call, { open, opened }, id, { ...none, yes })
}

/** Amendments and definitions hold for what is still to come, also where no row differs yet. */
function changesRecord({ plan: { record }, facts: { stored } }: MadePlan): boolean {
  const meaning = ({ policy, views, amendments }: typeof record): string =>
    JSON.stringify([
      policy,
      views.map(({ name, version, hash }) => [name, version, hash]),
      amendments,
    ])
  return meaning(record) !== meaning(stored)
}
