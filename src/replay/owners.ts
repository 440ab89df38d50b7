/**
 * What the owners of partitions still do with the days of a replay: which days may get records and rows from them. Decides whether its
 * rows can be swapped in beside their states, or its states have to become theirs. Pure.
 */
import { createCalendar, formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { PartitionKnowledge } from './knowledge.ts'
import type { StateHead } from '../engine/ports.ts'
import { OPEN_DAY } from './plan.ts'
import type { DayRange, ReplayPlan } from './plan.ts'
import { earliestDay } from './range.ts'
import type { RangePolicy } from './range.ts'
import { stagedDays } from './staged.ts'

/** Last day into which no record can come any more; undefined where that is not known; Infinity where there is no event to correct. */
function finalDay(
  { state, log }: PartitionKnowledge,
  { calendar, outOfOrdernessMs, allowedLatenessMs }: RangePolicy,
): DayIndex | undefined {
  if (state === undefined) return log.end <= log.start ? Infinity : undefined
  const { maxEventTime } = state.head.time
  if (maxEventTime === undefined) return state.head.nextOffset >= log.end ? Infinity : undefined
  return calendar.dayOf(maxEventTime - outOfOrdernessMs - allowedLatenessMs) - 1
}

/**
 * No event has come to it since the origin. The first one may be of any day, and may come before a replay is run to the end of the log: the
 * state that is handed over then has closed days of which no owner has written anything.
 */
export function awaitsFirstEvent({ state, log }: PartitionKnowledge, origin: number): boolean {
  if (state === undefined) return log.end <= origin
  const { nextOffset, time } = state.head
  return time.maxEventTime === undefined && nextOffset >= log.end
}

/** All that it has was read, and nothing of it is so late: the replay changes no tile of it, and its owner goes on with the same. */
function isQuietSince({ state, log }: PartitionKnowledge, timeMs: number): boolean {
  if (state === undefined || state.head.nextOffset < log.end) return false
  return (state.head.time.maxEventTime ?? -Infinity) < timeMs
}

/**
 * Why owners must take the states of the replay over, in words; undefined where they may go on with theirs.
 * @param first of the days that are counted anew; `last`: of the rows that change
 */
export function handOverReason(
  partitions: readonly PartitionKnowledge[],
  { first, last, policy }: DayRange & { readonly policy: RangePolicy },
): string | undefined {
  if (last >= OPEN_DAY) return 'the range goes on to the end of the log'
  for (const known of partitions) {
    // Swapped in over what an owner has not written yet, they could not be taken back: nobody would write it any more.
    const owed = known.state?.dirty.find(({ day }) => day >= first && day <= last)
    if (owed !== undefined)
      return `partition ${known.partition} has still to write rows or tiles of ${formatDay(owed.day)}`
    if (isQuietSince(known, policy.calendar.startOf(first))) continue
    const final = finalDay(known, policy)
    if (final === undefined)
      return `how far partition ${known.partition} has come is not known here`
    // A day apart: the log must have shown that the last day is final, by a day that it closed afterwards.
    if (last >= final - 1)
      return `rows up to ${formatDay(last)} change, and partition ${known.partition} can still correct rows from ${formatDay(final + 1)} on`
  }
  return undefined
}

/**
 * The first day that the replay has to stage where its states are handed over: rows that owners have not written yet, or may still
 * correct, are written by nobody else.
 */
export function ownersNeed(
  first: DayIndex,
  partitions: readonly PartitionKnowledge[],
  policy: RangePolicy,
): DayIndex {
  const needed = partitions.map((known) => {
    const final = finalDay(known, policy)
    if (final === undefined) return earliestDay(policy)
    const dirty = known.state?.dirty.map(({ day }) => day) ?? []
    return Math.min(final + 1, ...dirty)
  })
  return Math.max(earliestDay(policy), Math.min(first, ...needed))
}

/** Whether a replay may follow owners with such a state: as if it had been planned when they stood there. */
export function standsUpon(plan: ReplayPlan, head: StateHead): boolean {
  const { partition } = head
  const { policy: recorded } = plan.record
  const policy = { ...recorded, calendar: createCalendar(recorded.zone) }
  const known: PartitionKnowledge = {
    partition,
    // It goes on: what comes after it is read again.
    log: { start: 0, end: Infinity, unit: 'records', recordBytes: 0 },
    state: { from: 'handed over', head, milestones: [], dirty: [], tilesTo: undefined },
    checkpoints: [],
  }
  const { first, last } = stagedDays(plan, partition)
  return plan.handsOver
    ? ownersNeed(first, [known], policy) >= first
    : handOverReason([known], { first: plan.range.first, last, policy }) === undefined
}

/** The offset at which `last` had become final; where there is no event, that up to which none has come. */
export function stopAfter(
  { state, log }: PartitionKnowledge,
  last: DayIndex,
  { calendar, allowedLatenessMs }: RangePolicy,
): number {
  const finalMs = calendar.endOf(last) + allowedLatenessMs
  const after = state?.milestones.find(({ watermark }) => watermark >= finalMs)
  return after?.offset ?? state?.head.nextOffset ?? log.end
}
