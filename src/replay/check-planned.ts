/** A plan is run with the pipeline file that it was made with: its record says what that was. */
import type { Pipeline } from '../core/definition.ts'
import { policyDifferences, recordOf } from '../core/generation.ts'
import { planViews } from '../core/view-plan.ts'
import { TidemarkError } from '../errors.ts'
import type { ReplayPlan } from './plan.ts'

/** @throws DEFINITION_CHANGED */
export function checkPlanned({
  plan,
  pipeline,
  zoneData,
}: {
  readonly plan: ReplayPlan
  readonly pipeline: Pipeline
  readonly zoneData: string
}): void {
  const { record } = plan
  const now = recordOf(pipeline, planViews(pipeline), {
    generation: record.generation,
    zoneData,
    origins: [],
    log: undefined,
  })
  const differences = policyDifferences(record, now)
  for (const { name, version, hash } of record.views) {
    const view = now.views.find((one) => one.name === name && one.version === version)
    if (view === undefined) differences.push(`views.${name}: version ${version} is gone`)
    else if (view.hash !== hash)
      differences.push(`views.${name}: version ${version} has another definition`)
  }
  for (const { name, version } of now.views) {
    if (record.views.some((one) => one.name === name && one.version === version)) continue
    differences.push(`views.${name}: version ${version} is new`)
  }
  if (differences.length === 0) return
  throw new TidemarkError(
    'DEFINITION_CHANGED',
    `the pipeline file is another one than replay ${plan.id} was planned with:\n` +
      differences.map((difference) => `  ${difference}`).join('\n') +
      `\nNothing was read. Undo the change, or plan it again: \`tidemark replay plan\``,
    { details: { differences } },
  )
}
