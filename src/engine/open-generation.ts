/**
 * Which generation a run writes: the stored one when nothing that can change a value has changed, the next one when only
 * columns were added that need no replay, the first one in an empty place; otherwise a refusal that tells the ways on.
 */
import type { DayIndex } from '../core/day.ts'
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { compareGenerations } from '../core/generation-change.ts'
import type { StatesNow } from '../core/generation-change.ts'
import { policyDifferences, recordOf } from '../core/generation.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { TidemarkError } from '../errors.ts'
import type { RunParts } from './parts.ts'
import type { StateHead } from './ports.ts'

interface OpenedGeneration {
  readonly record: GenerationRecord
  readonly views: readonly ViewPlan[]
}

/** @param heads of the states of all partitions. @throws DEFINITION_CHANGED */
export async function openGeneration(
  parts: RunParts,
  heads: readonly (StateHead | undefined)[],
): Promise<OpenedGeneration> {
  const { pipeline, generations, zoneData } = parts
  const stored = parseRecord((await generations.list()).at(-1)?.record)
  const origins = heads.map((head) => head?.origin ?? 0)
  const wanted = recordOf(pipeline, planViews(pipeline), {
    generation: stored?.generation ?? 1,
    zoneData,
    origins,
  })
  const record = stored === undefined ? wanted : nextRecord(pipeline, { stored, wanted }, heads)
  if (record !== stored) {
    const text = `${JSON.stringify(record, undefined, 2)}\n`
    const kept = await generations.put(record.generation, text)
    if (kept !== text)
      throw changed(pipeline, record.generation, [
        'another process has begun this generation just now',
      ])
  }
  return { record, views: planRecorded(pipeline, record) }
}

function parseRecord(text: string | undefined): GenerationRecord | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as GenerationRecord)
}

function nextRecord(
  pipeline: Pipeline,
  { stored, wanted }: { readonly stored: GenerationRecord; readonly wanted: GenerationRecord },
  heads: readonly (StateHead | undefined)[],
): GenerationRecord {
  checkPartitions(pipeline, stored.segments.length, heads.length)
  const policy = policyDifferences(stored, wanted)
  const change = compareGenerations(stored, wanted, statesNow(pipeline, heads))
  const differences = [...policy, ...(change.kind === 'refused' ? change.differences : [])]
  if (differences.length > 0) throw changed(pipeline, stored.generation, differences)
  if (change.kind !== 'additive') return stored
  if (heads.some((head) => head === undefined)) {
    throw changed(pipeline, stored.generation, [
      'columns were added, but the state of a partition is missing: run once with the old file first',
    ])
  }
  return change.record
}

/** @throws SOURCE_CHANGED: a key may lie in another partition now */
function checkPartitions({ name }: Pipeline, before: number, now: number): void {
  if (before === now) return
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `${name}: the log had ${before} partitions and has ${now} now, so keys may have moved between them. Nothing was read. ` +
      'Bring the old number back, or begin anew in empty places (state, sinks) on the log as it is',
  )
}

function statesNow(pipeline: Pipeline, heads: readonly (StateHead | undefined)[]): StatesNow {
  const calendar = createCalendar(pipeline.time.zone)
  const latest = (days: readonly (DayIndex | undefined)[]): DayIndex | undefined => {
    const known = days.filter((day) => day !== undefined)
    return known.length === 0 ? undefined : Math.max(...known)
  }
  return {
    closedDay: latest(heads.map((head) => head?.time.closedDay)),
    newestDay: latest(
      heads.map((head) => {
        const newest = head?.time.maxEventTime
        return newest === undefined ? undefined : calendar.dayOf(newest)
      }),
    ),
  }
}

/** Views in the order of their numbers, with the first days of the columns that were added. */
function planRecorded(pipeline: Pipeline, record: GenerationRecord): ViewPlan[] {
  const views = record.views.flatMap(({ name, version }) =>
    pipeline.views.filter((view) => view.name === name && view.version === version),
  )
  return planViews({ ...pipeline, views }, (view) =>
    record.views.find(({ name, version }) => name === view.name && version === view.version),
  )
}

function changed(
  pipeline: Pipeline,
  generation: number,
  differences: readonly string[],
): TidemarkError {
  return new TidemarkError(
    'DEFINITION_CHANGED',
    `${pipeline.name}: the pipeline file no longer means what generation ${generation} of the state and the tables was built with:\n` +
      differences.map((difference) => `  ${difference}`).join('\n') +
      '\nNothing was written. Undo the change, or begin anew in empty places (state, sinks). ' +
      'tidemark validate --against OLD tells what each change asks for',
    { details: { differences } },
  )
}
