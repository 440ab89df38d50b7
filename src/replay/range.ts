/**
 * What is to be counted anew, as it is typed, and the days that it comes to. Offsets and instants become days by what is known of the
 * log: a record at or after an offset can still reach every day that was not final there.
 */
import type { Calendar, DayIndex } from '../core/day.ts'
import { formatDay, parseDay } from '../core/day.ts'
import { parseInstant } from '../core/instant.ts'
import { TidemarkError } from '../errors.ts'
import type { Milestone } from '../engine/ports.ts'
import type { PartitionKnowledge } from './knowledge.ts'
import { OPEN_DAY } from './plan.ts'
import type { DayRange } from './plan.ts'

/** The options of the command line, as they are typed. */
export interface TypedRange {
  readonly days?: string
  readonly since?: string
  readonly until?: string
  readonly fromOffset?: string
  readonly toOffset?: string
}

export type RangeRequest =
  | { readonly kind: 'days'; readonly range: DayRange }
  /** Records from `since` on, and before `until`, by their timestamps, ms. */
  | { readonly kind: 'times'; readonly since: number; readonly until: number | undefined }
  /** By partition: the first offset, and the first one after the range. */
  | {
      readonly kind: 'offsets'
      readonly from: ReadonlyMap<number, number>
      readonly to: ReadonlyMap<number, number> | undefined
    }

/** @throws USAGE */
export function parseRange(typed: TypedRange, calendar: Calendar): RangeRequest {
  const { days, since, until, fromOffset, toOffset } = typed
  const beginnings = [days, since, fromOffset].filter((each) => each !== undefined)
  if (beginnings.length !== 1) {
    const given = beginnings.length === 0 ? 'none of them is given' : 'more than one is given'
    throw usage(
      `which days? Expected one of --days 2026-01-01..2026-03-31, --since TIME and --from-offset 0=1200,1=1180; ${given}`,
    )
  }
  refuseStray('--until', until, since === undefined ? '--since' : undefined)
  refuseStray('--to-offset', toOffset, fromOffset === undefined ? '--from-offset' : undefined)
  if (days !== undefined) return { kind: 'days', range: parseDays(days) }
  if (since !== undefined) return parseTimes(since, until, calendar)
  const from = parseOffsets('--from-offset', fromOffset ?? '')
  const to = toOffset === undefined ? undefined : parseOffsets('--to-offset', toOffset)
  for (const [partition, end] of to ?? []) {
    const begin = from.get(partition) ?? 0
    if (end <= begin)
      throw usage(
        `--to-offset: partition ${partition} ends at ${end}, which is not after its beginning, ${begin}`,
      )
  }
  return { kind: 'offsets', from, to }
}

function refuseStray(option: string, value: string | undefined, lacks: string | undefined): void {
  if (value !== undefined && lacks !== undefined)
    throw usage(`${option} ends a range that ${lacks} begins; give ${lacks} too`)
}

/** `A..B`, `A..` (to the end of the log), or one day. */
function parseDays(typed: string): DayRange {
  const at = typed.indexOf('..')
  const first = parseTypedDay(at < 0 ? typed : typed.slice(0, at))
  const lastText = at < 0 ? typed : typed.slice(at + 2)
  const last = lastText === '' ? OPEN_DAY : parseTypedDay(lastText)
  if (last < first)
    throw usage(`--days: ${formatDay(last)} is before ${formatDay(first)}; turn them round`)
  return { first, last }
}

function parseTypedDay(text: string): DayIndex {
  const day = parseDay(text.trim())
  if (day !== undefined) return day
  throw usage(
    `--days: expected dates such as 2026-01-01..2026-03-31, 2026-01-05 or 2026-01-05.., received ${JSON.stringify(text)}`,
  )
}

function parseTimes(since: string, until: string | undefined, calendar: Calendar): RangeRequest {
  const begin = parseTime('--since', since, calendar)
  const end = until === undefined ? undefined : parseTime('--until', until, calendar)
  if (end !== undefined && end <= begin)
    throw usage(`--until: ${String(until)} is not after ${since}`)
  return { kind: 'times', since: begin, until: end }
}

/** An instant, or the beginning of a day of the pipeline's time zone. */
function parseTime(option: string, typed: string, calendar: Calendar): number {
  const day = parseDay(typed)
  if (day !== undefined) return calendar.startOf(day)
  const instant = parseInstant(typed)
  if (typeof instant === 'number') return instant
  throw usage(`${option}: ${instant}, or a date such as 2026-01-05`)
}

export function parseOffsets(option: string, typed: string): Map<number, number> {
  const offsets = new Map<number, number>()
  for (const pair of typed.split(',')) {
    const match = /^\s*(\d{1,6})=(\d{1,16})\s*$/.exec(pair)
    if (match === null)
      throw usage(
        `${option}: expected PARTITION=OFFSET, several joined by commas (0=1200,1=1180), received ${JSON.stringify(pair)}`,
      )
    const partition = Number(match[1])
    if (offsets.has(partition)) throw usage(`${option}: partition ${partition} is given twice`)
    offsets.set(partition, Number(match[2]))
  }
  return offsets
}

/** What turns offsets and instants into days. */
export interface RangePolicy {
  readonly calendar: Calendar
  readonly outOfOrdernessMs: number
  readonly allowedLatenessMs: number
  readonly maxFutureMs: number
  /** No event is older, ms. */
  readonly notBeforeMs: number
}

/** The days that the range comes to, over all partitions that it names. @throws USAGE */
export function resolveRange(
  request: RangeRequest,
  partitions: readonly PartitionKnowledge[],
  policy: RangePolicy,
): DayRange {
  if (request.kind === 'days') return request.range
  if (request.kind === 'times') return daysOfTimes(request, partitions, policy)
  const { from, to } = request
  for (const partition of [...from.keys(), ...(to?.keys() ?? [])])
    if (!partitions.some((each) => each.partition === partition))
      throw usage(
        `there is no partition ${partition}: the log has ${partitions.length}, numbered from 0`,
      )
  const named = partitions.filter(({ partition }) => from.has(partition) || to?.has(partition))
  const firsts = named.map((each) => firstDayReached(each, from.get(each.partition) ?? 0, policy))
  const lasts = named.map((each) => {
    const end = to?.get(each.partition)
    return end === undefined ? OPEN_DAY : lastDayBefore(each, end, policy)
  })
  return spanOf(firsts, lasts)
}

/** The earliest day into which a record at or after `offset` could still come. */
export function firstDayReached(
  { state }: PartitionKnowledge,
  offset: number,
  policy: RangePolicy,
): DayIndex {
  const before = lastAtOrBefore(state?.milestones ?? [], offset)
  return before === undefined ? earliestDay(policy) : reachedFrom(before, policy)
}

/** The day that an event of the earliest time that is accepted has. */
export function earliestDay({ calendar, notBeforeMs }: RangePolicy): DayIndex {
  return calendar.dayOf(notBeforeMs)
}

function reachedFrom({ watermark }: Milestone, policy: RangePolicy): DayIndex {
  const { calendar, allowedLatenessMs } = policy
  return Math.max(calendar.dayOf(watermark - allowedLatenessMs), earliestDay(policy))
}

/** The newest day of an event before `offset`: exact at a milestone, else by the next one. */
function lastDayBefore(
  { state }: PartitionKnowledge,
  offset: number,
  { calendar }: RangePolicy,
): DayIndex {
  const after = state?.milestones.find((each) => each.offset >= offset)
  if (after !== undefined) return calendar.dayOf(after.maxEventTime)
  const newest = state?.head.time.maxEventTime
  return state === undefined || newest === undefined || offset > state.head.nextOffset
    ? OPEN_DAY
    : calendar.dayOf(newest)
}

function lastAtOrBefore(milestones: readonly Milestone[], offset: number): Milestone | undefined {
  return milestones.findLast((each) => each.offset <= offset)
}

/** Where the log has no timestamps of its own, instants are event times. */
function daysOfTimes(
  { since, until }: Extract<RangeRequest, { kind: 'times' }>,
  partitions: readonly PartitionKnowledge[],
  policy: RangePolicy,
): DayRange {
  const { calendar, maxFutureMs } = policy
  const firsts = partitions.map(({ state }) => {
    const milestones = state?.milestones ?? []
    if (milestones.length === 0) return earliestDay(policy)
    if (milestones.some(({ timestamp }) => Number.isNaN(timestamp))) return calendar.dayOf(since)
    // Producers' clocks differ: a milestone counts only if none before it is as late.
    const late = milestones.findIndex(({ timestamp }) => timestamp >= since)
    const before = late < 0 ? milestones.at(-1) : milestones[late - 1]
    return before === undefined ? earliestDay(policy) : reachedFrom(before, policy)
  })
  // No record has an event time later than its timestamp + maxFuture.
  const last = until === undefined ? OPEN_DAY : calendar.dayOf(until + maxFutureMs)
  return spanOf(firsts, [last])
}

function spanOf(firsts: readonly DayIndex[], lasts: readonly DayIndex[]): DayRange {
  const first = Math.min(...firsts)
  return { first, last: Math.max(first, ...lasts) }
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
