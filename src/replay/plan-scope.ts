/**
 * Which days, rows and views a replay is about, and whether owners take its states over: what was asked for, widened to what else has
 * to be written by nobody but the replay. Pure.
 */
import { createCalendar, formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { recordOf } from '../core/generation.ts'
import type { Amendment, GenerationRecord } from '../core/generation.ts'
import { replayedRecord } from '../core/replayed-record.ts'
import { planViews } from '../core/view-plan.ts'
import { titleOf } from '../core/view-title.ts'
import { TidemarkError } from '../errors.ts'
import type { StartKind, StartNeeds } from './choose-start.ts'
import type { PartitionKnowledge } from './knowledge.ts'
import { awaitsFirstEvent, handOverReason, ownersNeed } from './owners.ts'
import { OPEN_DAY } from './plan.ts'
import type { AuditStamp, DayRange, ReplaySource } from './plan.ts'
import { earliestDay, firstDayReached, resolveRange } from './range.ts'
import type { RangePolicy, RangeRequest } from './range.ts'

export interface ReplayRequest {
  readonly id: string
  /** As it was typed: for people. */
  readonly text: string
  /** Undefined: the days that the amendments reach. */
  readonly range: RangeRequest | undefined
  /** Titles; undefined: all. */
  readonly views: readonly string[] | undefined
  /** Rows after the range, whose windows reach into it, stay as they are. */
  readonly onlyRange: boolean
  /** Undefined: the cheapest. */
  readonly start: StartKind | undefined
  readonly allowIncomplete: boolean
  /** Beside those that hold already. */
  readonly amendments: readonly Amendment[]
  readonly audit: AuditStamp
}

export interface ReplayFacts {
  readonly pipeline: Pipeline
  /** The newest record. */
  readonly stored: GenerationRecord
  readonly zoneData: string
  readonly source: ReplaySource
  /** All of the log, ascending. */
  readonly partitions: readonly PartitionKnowledge[]
  /** Stored tiles of this day on are not, or not yet, what the newest generation says. Undefined: all are as they should be. */
  readonly tilesLeftFrom?: DayIndex | undefined
}

type Change = ReturnType<typeof replayedRecord>

/** Which days and views, before it is known where to begin. */
export interface Scope {
  readonly range: DayRange
  readonly staged: DayRange
  readonly views: readonly string[]
  readonly handsOverBecause: string | undefined
  readonly change: Change
  readonly policy: RangePolicy
  /** First day of which a partition has to stage rows. */
  stagedFirst(known: PartitionKnowledge): DayIndex
  /** @param counted instead of the range's first day */
  needs(known: PartitionKnowledge, first: DayIndex, counted?: DayIndex): StartNeeds
}

/** @throws USAGE, DEFINITION_CHANGED, REPLAY_REFUSED */
export function scopeOf(request: ReplayRequest, facts: ReplayFacts): Scope {
  const { pipeline, stored, partitions } = facts
  const policy = policyOf(pipeline)
  const wanted = wantedRecord(facts)
  const change = replayedRecord(stored, wanted, { fillsColumns: asksForAll(request) })
  if (change.kind === 'refused') throw cannotFollow(pipeline, change.differences)
  const all = wanted.views.map(titleOf)
  const asked = request.views ?? all
  const range = rangeOf(request, facts, { policy, change })
  const judgesAnew = JSON.stringify(stored.policy) !== JSON.stringify(wanted.policy)
  const reach = request.onlyRange ? 0 : longestOf(wanted, asked)
  const last = Math.min(OPEN_DAY, range.last + reach)
  const handsOverBecause =
    changeReason(request, change) ??
    handOverReason(partitions, { first: range.first, last, policy })
  if (handsOverBecause !== undefined && request.onlyRange)
    throw onlyRangeOpen(range, handsOverBecause)
  const isOpen = handsOverBecause !== undefined
  const views = isOpen ? all : asked
  const staged = isOpen
    ? {
        first: judgesAnew ? earliestDay(policy) : ownersNeed(range.first, partitions, policy),
        last: OPEN_DAY,
      }
    : { first: range.first, last }
  // Columns that are filled hold from one day on for all partitions.
  const fills = replayedRecord(stored, wanted, { fillsColumns: true }).kind !== 'same'
  const isApart = isOpen && !judgesAnew && !fills
  const stagedFirst = (known: PartitionKnowledge): DayIndex => {
    if (isOpen && awaitsFirstEvent(known, originOf(stored, known))) return earliestDay(policy)
    return isApart ? ownersNeed(range.first, [known], policy) : staged.first
  }
  const longest = longestOf(wanted, views)
  const needs: Scope['needs'] = (known, first, counted = range.first) => ({
    calendar: policy.calendar,
    outOfOrdernessMs: policy.outOfOrdernessMs,
    allowedLatenessMs: pipeline.time.allowedLatenessMs,
    duplicatesWithinMs:
      pipeline.event.id === undefined ? undefined : pipeline.event.duplicatesWithinMs,
    first,
    countedFirst: Math.max(first, counted),
    firstTile: first - longest,
    origin: originOf(stored, known),
    isRegrouped: stored.regrouped !== undefined,
    changesFrom: changesFrom(request.amendments, known.partition),
    timeHolds: !judgesAnew,
    tilesHold: !judgesAnew && (change.kind === 'same' || change.answeredByTiles),
    statesHold: !judgesAnew && change.kind === 'same',
    liveHolds:
      asksForAll(request) &&
      facts.source.kind === 'log' &&
      staysInPlace(change) &&
      facts.tilesLeftFrom === undefined,
    tilesBefore: facts.tilesLeftFrom ?? Infinity,
    generation: stored.generation,
    wanted: request.start,
    allowIncomplete: request.allowIncomplete,
  })
  return { range, staged, views, handsOverBecause, change, policy, stagedFirst, needs }
}

export function policyOf({ time }: Pipeline): RangePolicy {
  const { zone, outOfOrdernessMs, allowedLatenessMs, maxFutureMs, notBeforeMs } = time
  return {
    calendar: createCalendar(zone),
    outOfOrdernessMs,
    allowedLatenessMs,
    maxFutureMs,
    notBeforeMs,
  }
}

/** What the pipeline file says now. */
export function wantedRecord({ pipeline, stored, zoneData }: ReplayFacts): GenerationRecord {
  return recordOf(pipeline, planViews(pipeline), {
    generation: stored.generation,
    zoneData,
    log: stored.log,
    origins: stored.segments.map(({ origin }) => origin),
  })
}

function originOf({ segments }: GenerationRecord, known: PartitionKnowledge): number {
  return segments.find(({ partition }) => partition === known.partition)?.origin ?? 0
}

function longestOf({ views }: GenerationRecord, titles: readonly string[]): number {
  const chosen = views.filter((view) => titles.includes(titleOf(view)))
  return Math.max(...chosen.map(({ longestWindow }) => longestWindow))
}

/** No days are named: it is about what the pipeline file changed, and about all of it. */
function asksForAll({ range, amendments }: ReplayRequest): boolean {
  return range === undefined && amendments.length === 0
}

/** Stored tiles answer it, under the numbers that views have in states. */
function staysInPlace(change: Change): boolean {
  return change.kind === 'changed' && change.answeredByTiles && change.retired.length === 0
}

/** What was asked for, and every day that an amendment can reach. */
function rangeOf(
  request: ReplayRequest,
  { partitions, pipeline }: ReplayFacts,
  { policy, change }: { readonly policy: RangePolicy; readonly change: Change },
): DayRange {
  const { range: typed, amendments } = request
  if (asksForAll(request) && change.kind === 'changed') {
    // Where views only go, rows of the others stay: states are made without them, of the days that owners still write.
    const first =
      change.views.length === 0 ? ownersNeed(OPEN_DAY, partitions, policy) : earliestDay(policy)
    return { first, last: OPEN_DAY }
  }
  const { calendar, allowedLatenessMs } = policy
  const reached = amendments.map((amendment) => {
    if (amendment.kind === 'accept') {
      // Where events have ids, a record that came after the close may turn out to repeat this one.
      return pipeline.event.id === undefined
        ? amendment.day
        : Math.min(amendment.day, calendar.dayOf(calendar.endOf(amendment.day) - allowedLatenessMs))
    }
    const known = partitions.find(({ partition }) => partition === amendment.partition)
    return known ? firstDayReached(known, amendment.offset, policy) : earliestDay(policy)
  })
  const range = typed && resolveRange(typed, partitions, policy)
  if (range === undefined && reached.length === 0)
    throw new TidemarkError(
      'USAGE',
      'which days? Give --days 2026-01-01..2026-03-31, --since TIME or --from-offset 0=1200,1=1180. Only what the pipeline file changed needs none of them, and it means what the stored generation means',
    )
  const first = Math.min(range?.first ?? Infinity, ...reached)
  const found = { first, last: reached.length > 0 ? OPEN_DAY : (range?.last ?? OPEN_DAY) }
  checkPast(found, partitions, policy)
  return found
}

/** @throws USAGE where no event has come so far */
function checkPast(
  { first }: DayRange,
  partitions: readonly PartitionKnowledge[],
  { calendar }: RangePolicy,
): void {
  if (partitions.some(({ state }) => state === undefined)) return
  const newest = Math.max(
    ...partitions.map(({ state }) => state?.head.time.maxEventTime ?? -Infinity),
  )
  if (newest !== -Infinity && first <= calendar.dayOf(newest)) return
  const words =
    newest === -Infinity
      ? 'there is no event yet'
      : `the newest event is of ${formatDay(calendar.dayOf(newest))}`
  throw new TidemarkError('USAGE', `nothing to replay from ${formatDay(first)} on: ${words}`)
}

function changeReason({ amendments }: ReplayRequest, change: Change): string | undefined {
  if (amendments.length > 0) return 'it changes what becomes of records of the log'
  return change.kind === 'changed' ? 'the definitions change' : undefined
}

function changesFrom(amendments: readonly Amendment[], partition: number): number {
  const dropped = amendments.filter((each) => each.kind === 'drop' && each.partition === partition)
  return Math.min(Infinity, ...dropped.map(({ offset }) => offset))
}

function cannotFollow({ name }: Pipeline, differences: readonly string[]): TidemarkError {
  return new TidemarkError(
    'DEFINITION_CHANGED',
    `${name}: no replay can bring these changes of the pipeline file in:\n${differences.map((each) => `  ${each}`).join('\n')}\nNothing was planned`,
    { details: { differences } },
  )
}

function onlyRangeOpen({ last }: DayRange, because: string): TidemarkError {
  return new TidemarkError(
    'REPLAY_REFUSED',
    `--only-range: ${because}, so rows after ${formatDay(last)} change, too. Plan it without --only-range, or a range that ends earlier`,
  )
}
