/**
 * Opening a partition: its state is checked against the log, the definitions and the tables, and the loop is made ready. Nothing
 * is written before all of it has passed. The online store is compared by its follower, since a run may begin without it.
 */
import { createCalendar } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import { oldestDay } from '../core/dirty-slot.ts'
import { NO_TIME, PartitionTime } from '../core/partition-time.ts'
import { TileCodec } from '../core/tile-codec.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { titleOf } from '../core/view-title.ts'
import { BEGIN_ANEW, TidemarkError } from '../errors.ts'
import type { Amendments } from './amendments.ts'
import { BatchFold } from './batch-fold.ts'
import { CheckpointFollower } from './checkpoint-follower.ts'
import { IdleTicks } from './idle-ticks.ts'
import { LeftSlots } from './left-slots.ts'
import { OnlineFollower } from './online-follower.ts'
import { noteCommitted } from './partition-context.ts'
import type { Committed, PartitionContext } from './partition-context.ts'
import { PartitionTask } from './partition-task.ts'
import { PartitionMeters } from './meters.ts'
import { formerPosition, settledSlots } from './hand-over.ts'
import type { Inheritance } from './hand-over.ts'
import { openTable } from './open-table.ts'
import type { RunParts, TableScope } from './parts.ts'
import type { PartitionReader, PartitionState, StateHead, ViewState } from './ports.ts'
import { regroupingOf } from './regrouping.ts'
import { retryForEver } from './retry.ts'
import type { TableFollower } from './table-follower.ts'
import type { ViewTables } from './table-lane.ts'
import { ReadTurns } from './turns.ts'

export interface OpenPartition {
  readonly context: PartitionContext
  readonly task: PartitionTask
  readonly online: OnlineFollower | undefined
  readonly table: TableFollower | undefined
  readonly checkpoints: CheckpointFollower | undefined
  readonly reader: PartitionReader
  /** Aborted once the loop has left: ends the followers. */
  readonly left: AbortController
}

export interface Assignment {
  readonly partition: number
  readonly partitions: number
  /** Where a partition without a state begins. */
  readonly origin: number
  readonly generation: number
  readonly slots: number
  readonly views: readonly ViewPlan[]
  readonly tables: readonly ViewTables[]
  readonly untilEnd: boolean
  /** Where to stop, with `untilEnd`; undefined: at what is the end of the log now. */
  readonly stopAt: number | undefined
  /** What of the tables is written; undefined: all. */
  readonly writes: TableScope | undefined
  readonly inheritance: Inheritance
  readonly amendments: Amendments
  /** Ends everything at once, after a failure. */
  readonly failed: AbortSignal
  /** Ends the partition cleanly: the run stops, or another member takes it over. */
  readonly stop: AbortSignal
}

/** @throws DEFINITION_CHANGED, SOURCE_CHANGED, OFFSET_GONE, STATE_*, TABLE_* */
export async function openPartition(
  parts: RunParts,
  assignment: Assignment,
  state: PartitionState,
): Promise<OpenPartition> {
  const { partition, tables, inheritance } = assignment
  const head = openHead(parts, assignment, state.head)
  const reader = await openReader(parts, assignment, head.nextOffset)
  checkLog(parts, head, await reader.identity())
  const calendar = createCalendar(parts.pipeline.time.zone)
  const policy = { ...parts.pipeline.time, origin: head.origin }
  const time = new PartitionTime(calendar, policy, head.time)
  const leaving = new AbortController()
  const regrouping = regroupingOf(inheritance.regrouped, assignment.views, head.origin)
  const former = { partition, inheritance, signal: stopping(assignment) }
  const leftSlots = await LeftSlots.of(tables, { partition, from: await firstWritten(state, time) })
  const context: PartitionContext = {
    ...contextOf(parts, assignment, head),
    regrouping,
    heldUntil: Math.max(await formerPosition(parts, former), leftSlots.position),
    calendar,
    state,
    signal: AbortSignal.any([assignment.failed, leaving.signal]),
    committed: committedAt(time, head),
  }
  const { online: store } = parts
  // A state that others have left begins with something to tell.
  const origin = regrouping?.offset ?? head.origin
  const online = store && new OnlineFollower(context, store, { online: head.online, origin })
  const from = { ...context, generation: state.head?.generation ?? Infinity }
  const settled = (dirty: Iterable<string>): string[] => settledSlots(inheritance, from, dirty)
  const table = tables.length === 0 ? undefined : await openTable(context, tables, head, settled)
  const checkpoints = parts.checkpoints && new CheckpointFollower(context, parts.checkpoints)
  const task = new PartitionTask({
    context,
    topic: parts.source.topic,
    reader,
    decoder: parts.decoder,
    rejects: parts.rejects,
    head,
    batchFold: new BatchFold(context, {
      time,
      rejects: head.rejects,
      topic: parts.source.topic,
      amendments: assignment.amendments.get(partition),
    }),
    online,
    table,
    leftSlots,
    checkpoints,
    ticks: openTicks(parts, assignment, { online, table }),
    stopAt: assignment.untilEnd
      ? (assignment.stopAt ?? (await askAgain(parts, assignment, () => reader.endOffset())))
      : undefined,
    stop: assignment.stop,
    failed: assignment.failed,
    publish: (nextOffset) => parts.lease?.publish(partition, nextOffset),
  })
  return { context, task, online, table, checkpoints, reader, left: leaving }
}

/** The first day that is dirty, that has still to close, or that a record can still come into. */
async function firstWritten(state: PartitionState, time: PartitionTime): Promise<DayIndex> {
  const dirty = await state.dirtySlots()
  return Math.min(time.finalDay + 1, time.closedDay + 1, oldestDay(dirty.keys()) ?? Infinity)
}

function contextOf(
  { pipeline, run, clock, log }: RunParts,
  { partition, views, generation, slots, writes }: Assignment,
  head: StateHead,
): Omit<
  PartitionContext,
  'calendar' | 'state' | 'signal' | 'committed' | 'heldUntil' | 'regrouping'
> {
  return {
    partition,
    pipeline,
    views,
    codecs: views.map((view, i) => new TileCodec(view.layout, head.views[i]?.layouts ?? [])),
    generation,
    slots,
    writes,
    run,
    turns: new ReadTurns(clock),
    clock,
    log,
    meters: new PartitionMeters(views.map(({ definition }) => definition.freshnessMs / 1_000)),
  }
}

function openReader(
  parts: RunParts,
  assignment: Assignment,
  offset: number,
): Promise<PartitionReader> {
  return askAgain(parts, assignment, () => parts.source.open(assignment.partition, offset))
}

/** A log that cannot be reached now is waited for, as it is while reading. */
function askAgain<T>(
  { clock, log, source }: RunParts,
  assignment: Assignment,
  ask: () => Promise<T>,
): Promise<T> {
  const what = `opening ${source.topic}[${assignment.partition}]`
  return retryForEver(ask, { clock, log, what, signal: stopping(assignment) })
}

function stopping({ stop, failed }: Assignment): AbortSignal {
  return AbortSignal.any([stop, failed])
}

function openTicks(
  { pipeline, clock, log, online: store }: RunParts,
  { partition, inheritance: { handedOver } }: Assignment,
  { online, table }: Pick<OpenPartition, 'online' | 'table'>,
): IdleTicks {
  // Days that a poisoned watermark had closed before are not taken over: neither those of the marker of then, nor the table's, which may
  // still have to follow.
  const since = handedOver?.forgetsDays.get(partition) ?? 0
  const forgets = since === handedOver?.generation
  return new IdleTicks({
    policy: pipeline.time,
    clock,
    log,
    storeNowMs: store && (() => store.nowMs()),
    claimedDay: () =>
      Math.max(
        online && online.generation >= since ? online.asOf - 1 : -Infinity,
        ...(forgets ? [] : completeDays(table)),
      ),
  })
}

function completeDays(table: TableFollower | undefined): DayIndex[] {
  return (table?.complete ?? []).flatMap((day) => (day === undefined ? [] : [day]))
}

function committedAt(time: PartitionTime, head: StateHead): Committed {
  const committed = {
    nextOffset: 0,
    closedDay: 0,
    completeDay: 0,
    sawEnd: false,
    finalDay: 0,
    watermark: 0,
    completeFrom: undefined,
    catchingUp: false,
  }
  noteCommitted(committed, time, { nextOffset: head.nextOffset, catchingUp: true })
  return committed
}

/** The stored head under the definitions of now, or the head of a partition that begins. */
function openHead(
  { pipeline }: RunParts,
  assignment: Assignment,
  stored: StateHead | undefined,
): StateHead {
  const { partition, partitions, origin, generation, views } = assignment
  const head: StateHead = stored ?? {
    format: 1,
    pipeline: pipeline.name,
    partition,
    partitions,
    logIdentity: undefined,
    generation,
    origin,
    nextOffset: origin,
    time: NO_TIME,
    views: [],
    rejects: { judged: 0, rejected: 0 },
    counts: {},
    online: undefined,
    table: { complete: [] },
  }
  if (head.pipeline !== pipeline.name || head.partition !== partition) {
    throw new TidemarkError(
      'STATE_DAMAGED',
      `the state of partition ${partition} says that it belongs to pipeline ${head.pipeline}, partition ${head.partition}. The directories were mixed up; put each back in its place`,
    )
  }
  checkNumbers(head, views)
  return { ...head, generation, views: views.map((view) => viewState(view, head)) }
}

/** Tiles and dirty slots name views by number. */
function checkNumbers(
  { partition, generation, views: known }: StateHead,
  views: readonly ViewPlan[],
): void {
  const wanted = views.map(({ title }) => title).join(', ')
  const found = known.map(titleOf).join(', ')
  if (known.length === 0 || found === wanted) return
  throw new TidemarkError(
    'STATE_DAMAGED',
    `the state of partition ${partition}, of generation ${generation}, has the views ${found}, and the record of the generation ${wanted}, in this order: the two do not belong together. Nothing was read. Bring back the record (_tidemark/generations) that the state was built under, or ${BEGIN_ANEW}`,
  )
}

export function viewState(view: ViewPlan, head: StateHead): ViewState {
  const { name, version, hash } = view.definition
  const known = head.views.find(
    (candidate) => candidate.name === name && candidate.version === version,
  )
  const layouts = known?.layouts ?? []
  const own = view.layout.signature
  const isKnown = layouts.some((layout) => JSON.stringify(layout) === JSON.stringify(own))
  return { name, version, hash, layouts: isKnown ? layouts : [...layouts, own] }
}

/** The log must be the one that the state was built from. */
function checkLog({ source }: RunParts, head: StateHead, identity: string | undefined): void {
  if (head.logIdentity === undefined || identity === undefined || head.logIdentity === identity)
    return
  throw new TidemarkError(
    'SOURCE_CHANGED',
    `${source.topic}[${head.partition}] is another log than the one that the state was built from: it was deleted and made again. ` +
      `Nothing was read. Bring the old log back, or ${BEGIN_ANEW}`,
  )
}
