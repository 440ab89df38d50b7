/**
 * Where a pipeline stands, gathered from copies of its state and from its tables, so that a run that is active notices
 * nothing. Nothing is written.
 */
import { createCalendar } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { position } from '../core/event.ts'
import { planViews } from '../core/view-plan.ts'
import type { Clock, Log, StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import { StoredReplays } from '../storage/replay-records.ts'
import type { DeltaTableStore } from '../table/delta-table.ts'
import { describeTable } from '../table/view.ts'
import { openSource, openTables, OpenedParts, stateDirectory } from './compose.ts'
import { openDayOf } from './day-close.ts'
import type { OpenDay } from './day-close.ts'
import { firewallOf } from './firewall.ts'
import type { Firewall } from './firewall.ts'
import { lookAtLog } from './log-view.ts'
import type { LagView, LogView } from './log-view.ts'
import { NO_PUBLICATIONS, publicationStatus } from './publication-status.ts'
import type { PublicationStatus } from './publication-status.ts'

export interface Status {
  readonly pipeline: string
  readonly source: string
  /** Why the log cannot be asked now; undefined where it can. */
  readonly sourceProblem: string | undefined
  /** What lags are counted in. */
  readonly lagUnit: 'records' | 'bytes'
  readonly partitions: readonly PartitionStatus[]
  /** Of the consumer group, in words; undefined where there is none. */
  readonly group: string | undefined
  /** Records that could not be used, by reason, over all partitions and since the origin. */
  readonly rejects: Readonly<Record<string, number>>
  /** Where they are kept: a directory or a topic. */
  readonly rejectPlace: string
  readonly tables: readonly TableStatus[]
  readonly publications: PublicationStatus
  readonly firewall: Firewall
}

export type PartitionStatus = UnstartedPartition | StartedPartition

export interface UnstartedPartition {
  readonly partition: number
  /** It has no state on this machine. */
  readonly state: 'not started'
  /** Undefined where the log does not tell. */
  readonly endOffset: number | undefined
  /** The member of the group that holds it; undefined: nobody, or not known. */
  readonly heldBy: string | undefined
}

export interface StartedPartition {
  readonly partition: number
  readonly state: 'started'
  /** `topic[partition]@offset` of the next record. */
  readonly position: string
  readonly nextOffset: number
  /** Undefined where the log does not tell. */
  readonly endOffset: number | undefined
  /** In the log's own unit: records, or bytes for files. */
  readonly lag: number | undefined
  /** Why it could not be read on. */
  readonly problem: string | undefined
  readonly generation: number
  readonly maxEventTime: number | undefined
  readonly watermark: number | undefined
  readonly tickedWatermark: number | undefined
  readonly closedDay: DayIndex | undefined
  readonly openDay: OpenDay | undefined
  readonly counts: Readonly<Record<string, number>>
  readonly onlinePosition: number | undefined
  /** Slots that the tables still lack. */
  readonly dirtySlots: number
  readonly stateBytes: number
}

export interface TableStatus {
  readonly view: string
  readonly table: string
  /** Last day that is whole in every partition. */
  readonly completeDay: DayIndex | undefined
  readonly rows: number
  readonly files: number
  readonly problem: string | undefined
}

/** Brokers that are away are looked for briefly: the rest is wanted soon. */
const PATIENCE_MS = 2_000

export async function gatherStatus(
  pipeline: Pipeline,
  surroundings: { readonly clock: Clock; readonly log: Log },
): Promise<Status> {
  await using opened = new OpenedParts()
  const source = opened.add(openSource(pipeline, { ...surroundings, patienceMs: PATIENCE_MS }))
  const view = await lookAtLog(pipeline, source, surroundings)
  const found: PartitionStatus[] = []
  for (const partition of view.partitions) {
    found.push(await partitionStatus(pipeline, view, partition, surroundings.clock.wallMs()))
  }
  return {
    pipeline: pipeline.name,
    source: source.topic,
    sourceProblem: view.problem,
    lagUnit: pipeline.source.log.kind === 'kafka' ? 'records' : 'bytes',
    partitions: found,
    group: view.group,
    rejects: rejectCounts(found),
    rejectPlace: rejectPlaceOf(pipeline),
    ...(await offlineStatus(pipeline, view.partitions.length, opened, surroundings)),
    firewall:
      view.problem === undefined
        ? await firewallOf(pipeline, source)
        : { future: 'unknown', words: 'the log cannot be asked now' },
  }
}

function rejectPlaceOf({ rejects }: Pipeline): string {
  return rejects.topic === undefined ? rejects.directory : `the topic ${rejects.topic}`
}

async function partitionStatus(
  pipeline: Pipeline,
  view: LogView,
  partition: number,
  wallMs: number,
): Promise<PartitionStatus> {
  const state = await openStateCopy(stateDirectory(pipeline, partition))
  try {
    const head = state?.head
    if (state === undefined || head === undefined) {
      const heldBy = view.holders.get(partition)
      return { partition, state: 'not started', endOffset: await view.end(partition), heldBy }
    }
    checkPipeline(pipeline, head)
    return {
      ...describeHead(pipeline, head, wallMs),
      position: position(view.topic, partition, head.nextOffset),
      ...(await view.lag(partition, head.nextOffset)),
      dirtySlots: (await state.dirtySlots()).size,
      stateBytes: await state.size(),
    }
  } finally {
    await state?.[Symbol.asyncDispose]()
  }
}

/** Another pipeline's numbers under this one's name would be believed. */
export function checkPipeline(pipeline: Pipeline, head: StateHead): void {
  if (head.pipeline === pipeline.name) return
  throw new TidemarkError(
    'DEFINITION_CHANGED',
    `${pipeline.state}: this state is of the pipeline ${head.pipeline}, not of ${pipeline.name}. Name another state directory`,
  )
}

function describeHead(
  { time: policy }: Pipeline,
  { partition, generation, nextOffset, time, counts, online }: StateHead,
  wallMs: number,
): Omit<StartedPartition, 'position' | keyof LagView | 'dirtySlots' | 'stateBytes'> {
  const { maxEventTime } = time
  return {
    partition,
    state: 'started',
    nextOffset,
    generation,
    maxEventTime,
    watermark: maxEventTime === undefined ? undefined : maxEventTime - policy.outOfOrdernessMs,
    tickedWatermark: time.ticked,
    closedDay: time.closedDay,
    openDay: openDayOf(time, { policy, calendar: createCalendar(policy.zone), wallMs }),
    counts,
    onlinePosition: online?.marker.position,
  }
}

const REASONS = ['undecodable', 'bad_timestamp', 'future', 'too_late', 'missing_key', 'bad_field']

/** The engine counts a view's refusals under `view@version reason`. */
export function reasonOf(outcome: string): string | undefined {
  const reason = outcome.split(' ').at(-1) ?? outcome
  return REASONS.includes(reason) ? reason : undefined
}

function rejectCounts(partitions: readonly PartitionStatus[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const each of partitions) {
    if (each.state === 'not started') continue
    for (const [outcome, count] of Object.entries(each.counts)) {
      if (reasonOf(outcome) !== undefined) total[outcome] = (total[outcome] ?? 0) + count
    }
  }
  return total
}

async function offlineStatus(
  pipeline: Pipeline,
  partitions: number,
  opened: OpenedParts,
  surroundings: { readonly clock: Clock; readonly log: Log },
): Promise<Pick<Status, 'tables' | 'publications'>> {
  const { offline } = pipeline.sinks
  if (offline === undefined) return { tables: [], publications: NO_PUBLICATIONS }
  const { store, storage } = await openTables(pipeline, offline, opened, surroundings)
  const records = {
    replays: new StoredReplays(storage),
    generations: new GenerationRecords(storage),
  }
  return {
    tables: await tableStatuses(pipeline, partitions, store),
    publications: await publicationStatus(records),
  }
}

function tableStatuses(
  pipeline: Pipeline,
  partitions: number,
  store: DeltaTableStore,
): Promise<TableStatus[]> {
  return Promise.all(
    planViews(pipeline).map(async ({ title, tableName }): Promise<TableStatus> => {
      const nothing = { view: title, table: tableName, completeDay: undefined, rows: 0, files: 0 }
      const table = store.table(tableName)
      if (!(await table.log.latest((snapshot) => snapshot !== undefined))) {
        return { ...nothing, problem: 'not made yet' }
      }
      try {
        const { complete, rows, files } = await describeTable(table)
        const completeDay =
          complete.length < partitions ? undefined : Math.min(...complete.map(({ day }) => day))
        return { ...nothing, completeDay, rows, files, problem: undefined }
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error
        return { ...nothing, problem: error.message }
      }
    }),
  )
}
