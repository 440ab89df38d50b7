/**
 * Which generation a run writes: the stored one when nothing that can change a value has changed, the next one when only
 * columns were added that need no replay, the first one in an empty place; otherwise a refusal that tells the ways on.
 */
import type { DayIndex } from '../core/day.ts'
import { createCalendar } from '../core/day.ts'
import type { Pipeline, ViewDefinition } from '../core/definition.ts'
import { compareGenerations } from '../core/generation-change.ts'
import type { StatesNow } from '../core/generation-change.ts'
import { policyDifferences, recordOf, recordText } from '../core/generation.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { planViews } from '../core/view-plan.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { titleOf } from '../core/view-title.ts'
import { BEGIN_ANEW, regroupOr, TidemarkError } from '../errors.ts'
import { inheritanceOf, readRecords } from './hand-over.ts'
import type { Inheritance } from './hand-over.ts'
import type { RunParts } from './parts.ts'
import type { GenerationStore, RecordSource, StateHead, Topology } from './ports.ts'

interface OpenedGeneration {
  readonly record: GenerationRecord
  readonly views: readonly ViewPlan[]
  readonly inheritance: Inheritance
}

/** @throws DEFINITION_CHANGED, SOURCE_CHANGED */
export async function openGeneration(
  parts: RunParts,
  topology: Topology,
): Promise<OpenedGeneration> {
  const { pipeline, generations } = parts
  const heads = once(() => peekHeads(parts, topology.partitions))
  for (;;) {
    const known = await readRecords(generations)
    const records = known.length > 0 ? known : await recordsBesideStates(generations, heads)
    const stored = records.at(-1)
    const record = stored
      ? await nextRecord(parts, { stored, records, topology, heads })
      : await firstRecord(parts, topology, heads)
    const inheritance = inheritanceOf(records)
    if (record === stored) return { record, views: planRecorded(pipeline, record), inheritance }
    const text = recordText(record)
    const kept = await generations.put(record.generation, text)
    if (kept === text) return { record, views: planRecorded(pipeline, record), inheritance }
    // Another process has begun this generation just now: what it wrote is the record, and is compared like any other.
  }
}

type Heads = () => Promise<readonly (StateHead | undefined)[]>

function once<T>(get: () => Promise<T>): () => Promise<T> {
  let got: Promise<T> | undefined
  return () => (got ??= get())
}

function peekHeads(parts: RunParts, partitions: number): Promise<(StateHead | undefined)[]> {
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  return Promise.all(all.map((partition) => parts.peekState(partition)))
}

/** A state without a record (the tables were moved away) keeps its origin. */
async function firstRecord(
  { pipeline, source, zoneData }: RunParts,
  topology: Topology,
  heads: Heads,
): Promise<GenerationRecord> {
  const origins = await source.origins()
  const known = await heads()
  for (const head of known) if (head !== undefined) checkUnrecorded(pipeline, topology, head)
  return recordOf(pipeline, planViews({ ...pipeline, views: inOrderOf(pipeline, known) }), {
    generation: 1,
    zoneData,
    log: topology.identity,
    origins: origins.map((origin, partition) => known[partition]?.origin ?? origin),
  })
}

/** A state numbers its views: the file may have them in another order by now. */
function inOrderOf(
  { views }: Pipeline,
  heads: readonly (StateHead | undefined)[],
): readonly ViewDefinition[] {
  const numbered = heads.find((head) => head !== undefined)?.views.map(titleOf)
  const number = (view: ViewDefinition): number => numbered?.indexOf(titleOf(view)) ?? 0
  return views.toSorted((a, b) => number(a) - number(b))
}

/**
 * Beside a state whose record is gone the first one may be written anew, if that is what the state was built with.
 * @throws SOURCE_CHANGED, DEFINITION_CHANGED
 */
function checkUnrecorded(pipeline: Pipeline, { partitions }: Topology, head: StateHead): void {
  checkPartitions(pipeline, head.partitions, partitions)
  const hashes = (views: readonly { name: string; version: number; hash: string }[]): string =>
    JSON.stringify(
      views.map(({ name, version, hash }) => `${titleOf({ name, version })} ${hash}`).toSorted(),
    )
  if (head.generation === 1 && hashes(head.views) === hashes(pipeline.views)) return
  throw new TidemarkError(
    'DEFINITION_CHANGED',
    `${pipeline.name}: the state of partition ${head.partition} is of generation ${head.generation}, whose record is missing (${RECORDS}), and it was not built with the views as the pipeline file has them now, or not with them alone. ` +
      `Nothing was written. Bring the record back from a copy, undo the change of the file, or ${BEGIN_ANEW}`,
  )
}

const RECORDS = '_tidemark/generations, beside the tables or the states'

/** An answer without records may be older than the states that were found since: another process begins just now. */
async function recordsBesideStates(
  generations: GenerationStore,
  heads: Heads,
): Promise<GenerationRecord[]> {
  const hasStates = (await heads()).some((head) => head !== undefined)
  return hasStates ? readRecords(generations) : []
}

async function nextRecord(
  { pipeline, zoneData, source }: RunParts,
  now: {
    readonly stored: GenerationRecord
    readonly records: readonly GenerationRecord[]
    readonly topology: Topology
    readonly heads: Heads
  },
): Promise<GenerationRecord> {
  const { stored, records, topology, heads } = now
  checkPartitions(pipeline, stored.segments.length, topology.partitions)
  checkLog(source, stored.log, topology.identity)
  const wanted = recordOf(pipeline, planViews(pipeline), {
    generation: stored.generation,
    zoneData,
    log: stored.log,
    origins: stored.segments.map(({ origin }) => origin),
  })
  const policy = policyDifferences(stored, wanted)
  const unchanged = compareGenerations(stored, wanted, NOTHING_KNOWN)
  const change =
    unchanged.kind === 'same'
      ? unchanged
      : compareGenerations(stored, wanted, statesNow(pipeline, await heads()))
  const differences = [...policy, ...(change.kind === 'refused' ? change.differences : [])]
  if (differences.length > 0) {
    const former = records.findLast((record) => record !== stored && meansSame(record, wanted))
    throw former
      ? overtaken(pipeline, former, stored)
      : changed(pipeline, stored.generation, differences)
  }
  if (change.kind !== 'additive') return stored
  if ((await heads()).some((head) => head === undefined)) {
    throw changed(pipeline, stored.generation, [
      'columns were added, but the state of a partition is not here: run once with the old file first, on the machine that holds all of them',
    ])
  }
  return change.record
}

/** @throws SOURCE_CHANGED */
function checkLog(
  { topic }: RecordSource,
  before: string | undefined,
  now: string | undefined,
): void {
  if (before === undefined || now === undefined || before === now) return
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `${topic} is another log than the one that this pipeline was built from: it was deleted and made again (id ${before}, now ${now}). ` +
      `Nothing was read. Name the topic that holds the old records in source.kafka.topic, or ${BEGIN_ANEW}`,
  )
}

/** @throws SOURCE_CHANGED: a key may lie in another partition now */
function checkPartitions({ name }: Pipeline, before: number, now: number): void {
  if (before === now) return
  const what = `${name}: the log had ${before} partitions and has ${now} now`
  throw new TidemarkError(
    'SOURCE_CHANGED',
    now > before
      ? `${what}, so producers put keys elsewhere. Nothing was read. ${regroupOr(`log with ${now} partitions`)}`
      : `${what}: a log that loses partitions loses records. Nothing was read. Bring the old log back, or ${BEGIN_ANEW}`,
    { details: { before, now } },
  )
}

/** Enough to see that nothing has changed. */
const NOTHING_KNOWN: StatesNow = { closedDay: undefined, newestDay: undefined }

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
export function planRecorded(pipeline: Pipeline, record: GenerationRecord): ViewPlan[] {
  const views = record.views.flatMap(({ name, version }) =>
    pipeline.views.filter((view) => view.name === name && view.version === version),
  )
  return planViews({ ...pipeline, views }, (view) =>
    record.views.find(({ name, version }) => name === view.name && version === view.version),
  )
}

function meansSame(record: GenerationRecord, wanted: GenerationRecord): boolean {
  return (
    policyDifferences(record, wanted).length === 0 &&
    compareGenerations(record, wanted, NOTHING_KNOWN).kind === 'same'
  )
}

/** The file is right, and old: a replay was published that was planned with another one. */
function overtaken(
  { name }: Pipeline,
  former: GenerationRecord,
  { generation }: GenerationRecord,
): TidemarkError {
  return new TidemarkError(
    'DEFINITION_CHANGED',
    `${name}: generation ${generation} was published, from another pipeline file; the one here is that of generation ${former.generation}. Nothing was written. ` +
      `Start again with the pipeline file that generation ${generation} was published from; or take it back: \`tidemark replay rollback\``,
    { details: { generation, file: former.generation } },
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
      '\nNothing was written. Ways on: undo the change (`tidemark validate --against OLD` tells what each one asks for); ' +
      `bring it in by a replay while the consumer goes on with the old file (\`tidemark replay plan\` with the new one); or ${BEGIN_ANEW}`,
    { details: { differences } },
  )
}
