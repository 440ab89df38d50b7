/**
 * Partitions were added: what the old ones have up to their recorded ends becomes states of the new ones, each at its origin.
 *
 *     each old partition: copy -> fold to its end            (old-partition.ts)
 *     all of them, side by side -> states of the new ones     entities by their home, ids to all, the latest time
 *     each new partition: rows and tiles of the days that owners still write or may correct are dirty; ready
 *
 * Streamed: memory holds a page of each old state. A state that is not ready is filled again from the beginning with the same.
 */
import { createCalendar } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { SeenId } from '../core/event.ts'
import type { Regrouped } from '../core/generation.ts'
import { homesOf } from '../core/home.ts'
import type { TimeState } from '../core/partition-time.ts'
import { NO_TIME } from '../core/partition-time.ts'
import { planRecorded } from '../engine/open-generation.ts'
import type { PartitionState, StateHead, TileWrite } from '../engine/ports.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { dueSlots, markDue } from './due-slots.ts'
import { emptyHead, nothingBut, originOf, UNREADY, viewStates } from './heads.ts'
import { foldOld, oldParts, oldRecord } from './old-partition.ts'
import { regroupedBy } from './plan.ts'
import type { ReplayPlan } from './plan.ts'
import { entitiesOf, TileMerger } from './regroup-entities.ts'
import type { ReplayOptions, ReplayParts } from './run-parts.ts'
import type { StartParts } from './start-parts.ts'

/** Tiles or ids written to a state at once. */
const PAGE = 5_000
/** States that are filled by one pass over the old ones. */
const STATES_AT_ONCE = 32

/** @returns false where it was stopped before its end. @throws REPLAY_REFUSED, OFFSET_GONE, CHECKPOINT_*, TABLE_*, STATE_* */
export async function regroup(
  parts: ReplayParts,
  start: StartParts,
  options: ReplayOptions,
): Promise<boolean> {
  const { plan, states } = parts
  const regrouped = regroupedBy(plan)
  invariant(regrouped, 'the plan regroups')
  const unready: number[] = []
  for (const { partition } of plan.partitions) {
    const head = await states.peekState(partition)
    if (head?.generation !== plan.record.generation) unready.push(partition)
  }
  if (unready.length === 0) return true
  for (const old of regrouped.from) {
    await foldOld(parts, start, { old, options })
    if (options.signal.aborted) return false
  }
  const olds: PartitionState[] = []
  try {
    for (const { partition } of regrouped.from)
      olds.push(await oldParts(parts).states.openState(partition))
    checkWaiting(parts, olds)
    for (let at = 0; at < unready.length; at += STATES_AT_ONCE) {
      const group = unready.slice(at, at + STATES_AT_ONCE)
      if (!(await fillStates(parts, start, { regrouped, olds, group, options }))) return false
    }
  } finally {
    for (const old of olds) await old[Symbol.asyncDispose]()
  }
  return true
}

/** One that is accepted at the close of its day would never be: its position is none of the new partitions'. */
function checkWaiting(
  { plan, pipeline: { time } }: ReplayParts,
  olds: readonly PartitionState[],
): void {
  const calendar = createCalendar(time.zone)
  for (const { head } of olds) {
    const newest = head?.time.maxEventTime ?? -Infinity
    const closed =
      newest === -Infinity ? -Infinity : calendar.dayOf(newest - time.outOfOrdernessMs) - 1
    const waiting = plan.record.amendments.find(
      (each) => each.kind === 'accept' && each.partition === head?.partition && each.day > closed,
    )
    if (waiting === undefined) continue
    throw new TidemarkError(
      'REPLAY_REFUSED',
      `replay ${plan.id}: the late record at offset ${waiting.offset} of partition ${waiting.partition} is accepted when its day closes, which it has not by the end of that old partition. ` +
        'Nothing was changed. Plan it again with a later end (`--old-ends`), or go on with a new topic',
    )
  }
}

interface Fill {
  readonly regrouped: Regrouped
  /** In the order of `regrouped.from`. */
  readonly olds: readonly PartitionState[]
  readonly group: readonly number[]
  readonly options: ReplayOptions
}

interface NewState {
  readonly partition: number
  readonly origin: number
  readonly state: PartitionState
  readonly unready: StateHead
  page: TileWrite[]
  oldestDay: DayIndex
}

/** @returns false where it was stopped. */
async function fillStates(parts: ReplayParts, start: StartParts, fill: Fill): Promise<boolean> {
  const { plan, states } = parts
  const { group, options } = fill
  const news = new Map<number, NewState>()
  try {
    for (const partition of group) {
      options.onProgress?.({ ...nowhere(plan, partition), phase: 'preparing' })
      const unready = { ...emptyHead(start, partition), generation: UNREADY }
      const state = await states.openState(partition)
      const origin = originOf(plan, partition)
      news.set(partition, { partition, origin, state, unready, page: [], oldestDay: Infinity })
    }
    if (!(await fillTiles(parts, fill, news))) return false
    if (!(await fillIds(parts, fill, [...news.values()]))) return false
    for (const each of news.values()) await makeReady(start, fill, each)
  } finally {
    for (const { state } of news.values()) await state[Symbol.asyncDispose]()
  }
  return true
}

function nowhere(
  { record }: ReplayPlan,
  partition: number,
): { partition: number; nextOffset: number; endOffset: number; records: number } {
  const offset = record.segments[partition]?.origin ?? 0
  return { partition, nextOffset: offset, endOffset: offset, records: 0 }
}

async function fillTiles(
  parts: ReplayParts,
  { regrouped, olds, options }: Fill,
  news: ReadonlyMap<number, NewState>,
): Promise<boolean> {
  const { plan, pipeline } = parts
  const { slots, segments } = plan.record
  for (const view of planRecorded(pipeline, oldRecord(parts))) {
    const { index } = view
    const home = homesOf(view, regrouped.partitioner, segments.length)
    const layouts = olds.map(({ head }) => head?.views[index]?.layouts ?? [view.layout.signature])
    const merger = new TileMerger(view, layouts)
    for (let slot = 0; slot < slots; slot += 1) {
      if (options.signal.aborted) return false
      for await (const old of entitiesOf(olds, index, slot)) {
        const { entity } = old
        const into = news.get(home(entity))
        if (into === undefined) continue
        const offset = into.origin - 1
        for (const { day, bytes } of merger.merged(old, offset)) {
          into.page.push({ view: index, slot, entity, day, offset, bytes })
          into.oldestDay = Math.min(into.oldestDay, day)
        }
        if (into.page.length >= PAGE) await putPage(into)
      }
    }
  }
  for (const into of news.values()) await putPage(into)
  return true
}

async function putPage(into: NewState): Promise<void> {
  const { state, unready, page } = into
  into.page = []
  if (page.length > 0) await state.commit({ ...nothingBut(unready), tiles: page })
}

/** An id carries no key: any of the new partitions may get a repetition. */
async function fillIds(
  { pipeline }: ReplayParts,
  { olds, options }: Fill,
  news: readonly NewState[],
): Promise<boolean> {
  if (pipeline.event.id === undefined) return true
  for (const old of olds) {
    let after: SeenId | undefined
    do {
      if (options.signal.aborted) return false
      const ids = await old.scanIds(after, PAGE)
      after = ids.length < PAGE ? undefined : ids.at(-1)
      for (const { state, unready } of news)
        if (ids.length > 0) await state.commit({ ...nothingBut(unready), ids })
    } while (after !== undefined)
  }
  return true
}

async function makeReady(
  start: StartParts,
  { regrouped, olds }: Fill,
  { partition, origin, state, unready, oldestDay }: NewState,
): Promise<void> {
  const { plan, views } = start
  const time = timeOf(start, { regrouped, olds, origin })
  const first = Math.max(regrouped.first, oldestDay)
  const due = dueSlots(start, { first, last: time.closedDay ?? -Infinity })
  await markDue(state, unready, due)
  const logIdentity = olds.find(({ head }) => head?.partition === partition)?.head?.logIdentity
  const { generation } = plan.record
  const ready = { ...unready, generation, logIdentity, time, views: viewStates(views) }
  await state.commit(nothingBut(ready))
}

/**
 * The latest of the old partitions': by an earlier one records could come into days whose tiles those that were further have dropped.
 * Ticks of before go with it, as they stood when it was planned.
 */
function timeOf(
  { calendar, time, plan }: StartParts,
  at: {
    readonly regrouped: Regrouped
    readonly olds: readonly PartitionState[]
    readonly origin: number
  },
): TimeState {
  const times = at.olds.flatMap(({ head }) => head?.time ?? [])
  const newest = Math.max(...times.map(({ maxEventTime }) => maxEventTime ?? -Infinity))
  if (newest === -Infinity) return NO_TIME
  const logClosed = calendar.dayOf(newest - time.outOfOrdernessMs) - 1
  const closedDay = Math.max(logClosed, at.regrouped.closedDay ?? -Infinity)
  const tickCloses: [DayIndex, number][] = []
  for (let day = Math.max(logClosed, closedDay - TICKS_MAX) + 1; day <= closedDay; day += 1)
    tickCloses.push([day, plan.audit.atMs])
  const completeFrom = Math.max(...times.map((each) => each.completeFrom ?? -Infinity))
  const newestIdDay = Math.max(...times.map((each) => each.newestIdDay ?? -Infinity))
  return {
    maxEventTime: newest,
    maxEventOffset: at.origin - 1,
    ticked: closedDay > logClosed ? calendar.endOf(closedDay) : undefined,
    closedDay,
    tickCloses,
    completeFrom,
    ...(newestIdDay === -Infinity ? {} : { newestIdDay }),
  }
}

/** Days whose ticks are remembered, as time itself remembers them. */
const TICKS_MAX = 400
