/**
 * Which generation a run writes: the stored one when nothing that can change a value has changed, the first one in an empty
 * place, and otherwise a refusal that tells the ways on.
 */
import { recordOf, policyDifferences } from '../core/generation.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import type { RunParts } from './parts.ts'

/** @throws DEFINITION_CHANGED */
export async function openGeneration(
  parts: RunParts,
  partitions: number,
): Promise<GenerationRecord> {
  const { pipeline, tables, zoneData } = parts
  const origins = Array.from({ length: partitions }, () => 0)
  const stored = (await tables?.generations())?.at(-1)
  if (stored === undefined) {
    const first = recordOf(pipeline, { generation: 1, zoneData, partitions, origins })
    const kept = await tables?.putGeneration(1, `${JSON.stringify(first, undefined, 2)}\n`)
    return kept === undefined ? first : checkGeneration(pipeline, parse(kept), first)
  }
  const record = parse(stored.record)
  return checkGeneration(
    pipeline,
    record,
    recordOf(pipeline, { generation: record.generation, zoneData, partitions, origins }),
  )
}

function parse(text: string): GenerationRecord {
  return JSON.parse(text) as GenerationRecord
}

function checkGeneration(
  pipeline: Pipeline,
  stored: GenerationRecord,
  wanted: GenerationRecord,
): GenerationRecord {
  const differences = [...policyDifferences(stored, wanted), ...viewDifferences(stored, wanted)]
  if (differences.length === 0) return stored
  throw new TidemarkError(
    'DEFINITION_CHANGED',
    `${pipeline.name}: the pipeline file no longer means what generation ${stored.generation} of the state and the tables was built with:\n` +
      differences.map((difference) => `  ${difference}`).join('\n') +
      '\nNothing was read or written. Either undo the change; or give a changed view the next version, which starts beside the old one; ' +
      'or begin anew in empty places (state, sinks). tidemark validate --against OLD tells what each change asks for',
    { details: { differences } },
  )
}

function viewDifferences(stored: GenerationRecord, wanted: GenerationRecord): string[] {
  const differences: string[] = []
  for (const view of wanted.views) {
    const before = stored.views.find(
      ({ name, version }) => name === view.name && version === view.version,
    )
    if (before === undefined) differences.push(`views.${view.name}: version ${view.version} is new`)
    else if (before.hash !== view.hash)
      differences.push(`views.${view.name}: another definition under version ${view.version}`)
  }
  for (const { name, version } of stored.views) {
    if (!wanted.views.some((view) => view.name === name && view.version === version)) {
      differences.push(`views.${name}: version ${version} is gone`)
    }
  }
  return differences
}
