/** What follows the plan of an amendment: it is shown, or all steps are done at once. */
import type { Command } from 'commander'
import type { AmendOptions } from './amend.ts'
import type { Call } from './command.ts'
import { goThrough, tellPlan } from './replay-steps.ts'
import type { PlannedSteps, StepsOptions } from './replay-steps.ts'

export function addAmendOptions(command: Command): Command {
  return command
    .option('--start <kind>', 'where to begin reading, as for `tidemark replay plan`')
    .option(
      '--allow-incomplete',
      'also where the log does not reach back far enough; rows say from which day on they are whole',
    )
    .option('--yes', 'run and publish it at once, without asking')
    .requiredOption('--reason <text>', 'why, for the audit trail')
}

export async function goOn(
  call: Call<AmendOptions & StepsOptions>,
  steps: PlannedSteps,
): Promise<void> {
  if (call.options.yes === true) await goThrough(call, steps)
  else await tellPlan(call, steps)
}
