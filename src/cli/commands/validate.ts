/** `tidemark validate`: is the file right, what does it come to, and what would change against an older one. */
import type { Command } from 'commander'
import type { Pipeline } from '../../core/definition.ts'
import { comparePipelines } from '../../definition/compare.ts'
import type { PipelineComparison } from '../../definition/compare.ts'
import { describePipeline } from '../../definition/describe.ts'
import { loadPipeline } from '../../definition/load.ts'
import { action, definePipelineCommand } from '../command.ts'
import { outline } from '../outline.ts'
import type { Output } from '../output.ts'

interface ValidateOptions {
  readonly against?: string
}

export function validateCommand(): Command {
  return definePipelineCommand('validate', {
    summary: 'check the pipeline file and print what it resolves to',
    description:
      'Tells every mistake of the file with its place, or prints the definition with all defaults and the hash of each view. ' +
      'With --against, says for each feature whether it is unchanged, additive, renamed or semantic, and exits with 2 where a ' +
      'semantic change has no new version.',
    examples: [
      ['tidemark validate', 'checks the file in the working directory'],
      ['tidemark validate --against old.yaml', 'what would change, and what that asks for'],
    ],
  })
    .option('--against <old>', 'an older pipeline file to compare with')
    .action(
      action<ValidateOptions>(async (call) => {
        const { options, json, out } = call
        const pipeline = await call.pipeline()
        const old = options.against === undefined ? undefined : await loadPipeline(options.against)
        const comparison = old && comparePipelines(old, pipeline)
        if (json) out.json(report(pipeline, comparison))
        else if (comparison) printComparison(out, comparison)
        else printPipeline(out, call.pipelineFile(), pipeline)
        if (comparison?.needsVersion === true) call.fail(2)
      }),
    )
}

function report(pipeline: Pipeline, comparison: PipelineComparison | undefined): object {
  return {
    valid: true,
    pipeline: describePipeline(pipeline),
    views: pipeline.views.map(({ name, version, hash }) => ({ name, version, hash })),
    ...(comparison && { comparison }),
  }
}

function printPipeline(out: Output, file: string, pipeline: Pipeline): void {
  out.line(outline(describePipeline(pipeline)))
  out.line(`\n${file} is valid.\n`)
  out.table(
    ['VIEW', 'HASH'],
    pipeline.views.map(({ name, version, hash }) => [`${name}@${version}`, hash]),
  )
}

function printComparison(out: Output, comparison: PipelineComparison): void {
  const { changes, views } = comparison
  if (changes.length > 0) {
    out.table(
      ['CHANGED', 'ASKS FOR', 'WHY'],
      changes.map(({ what, demand, why }) => [what, demand, why]),
    )
    out.line()
  }
  for (const view of views) {
    const versions = [view.version.old, view.version.new].filter((each) => each !== undefined)
    out.line(`${view.view}@${versions.join(' -> ')}: ${view.kind}`)
    for (const { what, demand, why } of view.changes) out.line(`  ${what} (${demand}): ${why}`)
    if (view.features.length > 0) {
      out.table(
        ['  FEATURE', 'CHANGE', 'WHY'],
        view.features.map(({ feature, kind, was, why }) => [
          `  ${feature}`,
          was === undefined ? kind : `${kind} (was ${was})`,
          why,
        ]),
      )
    }
    if (view.needsVersion) {
      const next = (view.version.old ?? 0) + 1
      out.line(
        `  This changes what existing columns mean. Give the view a new version: ${view.view}@${next}, beside ${view.view} as it was`,
      )
    }
    if (view.replacesOld) {
      out.line(
        `  Version ${view.version.old} is in the file no longer: it would not be written any more`,
      )
    }
    out.line()
  }
  out.line(verdict(comparison))
}

function verdict({ needsVersion, needsGeneration }: PipelineComparison): string {
  if (needsVersion) return 'Not compatible: a semantic change has no new version.'
  return needsGeneration
    ? 'Compatible: the change begins a new generation.'
    : 'Compatible: nothing changes that is computed.'
}
