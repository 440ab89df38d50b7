/**
 * The plan of a regrouping: partitions were added, and every entity moves to where producers put its key now. Nothing is counted anew;
 * old partitions are read up to their ends by the rules that hold, and the owners of all partitions take over what comes of it. Pure.
 */
import { createCalendar, formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { replayedRecord } from '../core/replayed-record.ts'
import { TidemarkError } from '../errors.ts'
import type { PartitionKnowledge } from './knowledge.ts'
import { ownersNeed } from './owners.ts'
import { OPEN_DAY } from './plan.ts'
import type { PartitionReplay, ReplayPlan } from './plan.ts'
import type { PlannedReplay } from './plan-replay.ts'
import { policyOf, wantedRecord } from './plan-scope.ts'
import type { ReplayFacts, ReplayRequest } from './plan-scope.ts'
import { earliestDay } from './range.ts'
import type { RangePolicy } from './range.ts'

export interface RegroupingFacts extends ReplayFacts {
  /** Ends of the old partitions. */
  readonly from: readonly { readonly partition: number; readonly end: number }[]
  readonly partitioner: string
}

/** Partitions were added since the newest generation. */
export function lacksPartitions({
  stored,
  partitions,
}: Pick<ReplayFacts, 'stored' | 'partitions'>): boolean {
  return partitions.length > stored.segments.length
}

/** @throws USAGE, DEFINITION_CHANGED, REPLAY_REFUSED with the reason and the way on */
export function planRegrouping(request: ReplayRequest, facts: RegroupingFacts): PlannedReplay {
  checkAsked(request, facts)
  checkMeaning(facts)
  const { pipeline, stored, partitions, from, partitioner } = facts
  const old = partitions.slice(0, from.length)
  for (const { partition, end } of from) checkEnd(facts, partitions[partition], end)
  const first = firstDay(old, policyOf(pipeline))
  const closed = old.flatMap(({ state }) => state?.head.time.closedDay ?? [])
  const closedDay = closed.length === 0 ? {} : { closedDay: Math.max(...closed) }
  const { handOver: _, ...kept } = stored
  const origins = partitions.map(({ partition, log }) => from[partition]?.end ?? log.start)
  const record: GenerationRecord = {
    ...kept,
    generation: stored.generation + 1,
    segments: origins.map((origin, partition) => ({ partition, origin })),
    regrouped: { partitioner, from, first, ...closedDay },
  }
  const staged = { first, last: OPEN_DAY }
  const plan: ReplayPlan = {
    format: 1,
    id: request.id,
    pipeline: pipeline.name,
    base: stored.generation,
    record,
    request: request.text,
    range: staged,
    staged,
    views: record.views.map(({ name, version }) => `${name}@${version}`),
    source: facts.source,
    partitions: partitions.map((known) => regroupedPartition(known, origins)),
    handsOver: true,
    incomplete: false,
    audit: request.audit,
  }
  const handsOverBecause = `the log had ${from.length} partitions and has ${partitions.length} now`
  return { plan, handsOverBecause, starts: [], changes: [] }
}

/** What owners write no more stays where it lies; where nothing has come yet, nothing lies anywhere. */
function firstDay(old: readonly PartitionKnowledge[], policy: RangePolicy): DayIndex {
  const day = ownersNeed(OPEN_DAY, old, policy)
  return day === OPEN_DAY ? earliestDay(policy) : day
}

function regroupedPartition(
  { partition, state, log }: PartitionKnowledge,
  origins: readonly number[],
): PartitionReplay {
  const offset = origins[partition] ?? 0
  const before = state?.head.nextOffset ?? Math.min(offset, log.start)
  const records = log.unit === 'bytes' ? undefined : Math.max(0, offset - before)
  return { partition, start: { kind: 'regrouped', offset }, stop: offset, records }
}

/** It comes alone. @throws USAGE */
export function checkAsked(
  request: ReplayRequest,
  { stored, partitions, source }: ReplayFacts,
): void {
  const { range, views, onlyRange, start, allowIncomplete, amendments } = request
  const isPlain =
    range === undefined &&
    views === undefined &&
    !onlyRange &&
    start === undefined &&
    !allowIncomplete &&
    amendments.length === 0 &&
    source.kind === 'log'
  if (isPlain) return
  throw new TidemarkError(
    'USAGE',
    `the log had ${stored.segments.length} partitions and has ${partitions.length} now: entities are regrouped first, all of them. Nothing was planned. ` +
      'Plan just that (`tidemark replay plan --reason "partitions were added"`), publish it, and plan this afterwards',
  )
}

/** @throws DEFINITION_CHANGED */
function checkMeaning(facts: ReplayFacts): void {
  const { stored, pipeline } = facts
  const change = replayedRecord(stored, wantedRecord(facts))
  if (change.kind === 'same') return
  throw new TidemarkError(
    'DEFINITION_CHANGED',
    `${pipeline.name}: partitions were added, and the pipeline file means something else than generation ${stored.generation}:\n${change.differences.map((each) => `  ${each}`).join('\n')}\n` +
      'Nothing was planned. Regroup with the file that the consumer ran with, and bring the change in afterwards',
    { details: { differences: change.differences } },
  )
}

/** @throws REPLAY_REFUSED */
function checkEnd(
  { stored, pipeline }: RegroupingFacts,
  known: PartitionKnowledge | undefined,
  end: number,
): void {
  if (known === undefined) return
  const { partition, state, log } = known
  const stands = state?.head.nextOffset ?? 0
  if (end < stands)
    throw refused(
      `the owner of partition ${partition} stands at offset ${stands}, so its records up to there count already, and it cannot end at ${end}`,
      'Give it an end at or after that (--old-ends), or leave it out',
    )
  if (end > log.end)
    throw refused(`partition ${partition} ends at offset ${log.end}, before ${end}`, LATER)
  const waiting = waitingIn(stored, known)
  if (stands < end || waiting === undefined || state === undefined) return
  throw refused(
    `partition ${partition} has not closed ${formatDay(waiting)} by offset ${end}, and a late record is accepted when it does: that close would never come`,
    pipeline.source.log.kind === 'kafka'
      ? 'Give it a later end (--old-ends)'
      : 'Begin anew in empty places',
  )
}

/** The day of a late record that is accepted at a close which has not come. */
function waitingIn(
  { policy, amendments }: GenerationRecord,
  { partition, state }: PartitionKnowledge,
): number | undefined {
  const newest = state?.head.time.maxEventTime
  if (newest === undefined) return undefined
  const closed = createCalendar(policy.zone).dayOf(newest - policy.outOfOrdernessMs) - 1
  const found = amendments.find(
    (each) => each.kind === 'accept' && each.partition === partition && each.day > closed,
  )
  return found?.kind === 'accept' ? found.day : undefined
}

const LATER = 'Leave --old-ends out, or give an offset that the partition has'

function refused(reason: string, way: string): TidemarkError {
  return new TidemarkError('REPLAY_REFUSED', `${reason}. Nothing was planned. ${way}`)
}
