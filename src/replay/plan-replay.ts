/**
 * From what was asked for and what is known to the plan of a replay: which days, from where, up to where, and whether owners take its
 * states over. Pure: the same request and facts give the same plan.
 */
import { formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Amendment, GenerationRecord } from '../core/generation.ts'
import { replayedRecord } from '../core/replayed-record.ts'
import { TidemarkError } from '../errors.ts'
import { chooseStart } from './choose-start.ts'
import type { ChosenStart, StartKind } from './choose-start.ts'
import type { PartitionKnowledge } from './knowledge.ts'
import { stopAfter } from './owners.ts'
import { OPEN_DAY } from './plan.ts'
import type { PartitionReplay, ReplayPlan, ReplayStart } from './plan.ts'
import { scopeOf, wantedRecord } from './plan-scope.ts'
import type { ReplayFacts, ReplayRequest, Scope } from './plan-scope.ts'
import { earliestDay } from './range.ts'

export interface PlannedReplay {
  readonly plan: ReplayPlan
  /** Why states are handed over, in words; undefined where they are not. */
  readonly handsOverBecause: string | undefined
  /** Beginnings that were not taken, by partition. */
  readonly starts: readonly (ChosenStart & { readonly partition: number })[]
  /** What the definitions change, a line each. */
  readonly changes: readonly string[]
}

/** @throws USAGE, DEFINITION_CHANGED, REPLAY_REFUSED with the reason and the way out */
export function planReplay(request: ReplayRequest, facts: ReplayFacts): PlannedReplay {
  const scope = scopeOf(request, facts)
  const starts = facts.partitions.map((known) => ({
    partition: known.partition,
    ...chooseStart(known, scope.needs(known, scope.stagedFirst(known))),
  }))
  if (starts.some(({ start }) => start === undefined))
    throw unreachable(request, facts, { scope, starts })
  const { handsOverBecause, staged, range, change } = scope
  const handsOver = handsOverBecause !== undefined
  const partitions = facts.partitions.map((known, index): PartitionReplay => {
    const start = starts[index]?.start ?? { kind: 'origin', offset: 0 }
    const stop = handsOver ? undefined : stopAfter(known, staged.last, scope.policy)
    const records = recordsBetween(known, start, stop)
    const stagedFirst = scope.stagedFirst(known)
    const apart = stagedFirst === staged.first ? {} : { stagedFirst }
    return { partition: known.partition, start, stop, ...apart, records }
  })
  const plan: ReplayPlan = {
    format: 1,
    id: request.id,
    pipeline: facts.pipeline.name,
    base: facts.stored.generation,
    record: withOrigins(recordAfter(request, facts, scope), handsOver ? partitions : []),
    request: request.text,
    range,
    staged,
    views: scope.views,
    source: facts.source,
    partitions,
    handsOver,
    incomplete: starts.some(({ incomplete }) => incomplete),
    audit: request.audit,
  }
  return {
    plan,
    handsOverBecause,
    starts,
    changes: change.kind === 'changed' ? change.differences : [],
  }
}

function recordsBetween(
  { log }: PartitionKnowledge,
  { kind, offset }: ReplayStart,
  stop: number | undefined,
): number | undefined {
  if (kind === 'live') return 0
  return log.unit === 'bytes' ? undefined : Math.max(0, (stop ?? log.end) - offset)
}

function recordAfter(
  { amendments: added }: ReplayRequest,
  facts: ReplayFacts,
  { staged, policy }: Scope,
): GenerationRecord {
  const { stored } = facts
  const isOpen = staged.last === OPEN_DAY
  const isWhole = staged.first <= earliestDay(policy)
  const change = isOpen
    ? replayedRecord(stored, wantedRecord(facts), {
        fillsColumns: true,
        ...(isWhole ? {} : { from: staged.first }),
      })
    : undefined
  const { handOver: _, ...kept } = change?.kind === 'changed' ? change.record : stored
  return {
    ...kept,
    generation: stored.generation + 1,
    amendments: joined(stored.amendments, added),
  }
}

/** States that begin later than the generation did, for want of a log, make that the origin of the next one. */
function withOrigins(
  record: GenerationRecord,
  partitions: readonly PartitionReplay[],
): GenerationRecord {
  const segments = record.segments.map((segment) => {
    const start = partitions.find(({ partition }) => partition === segment.partition)?.start
    return start?.kind === 'origin' ? { ...segment, origin: start.offset } : segment
  })
  return { ...record, segments }
}

function joined(before: readonly Amendment[], added: readonly Amendment[]): Amendment[] {
  const isKnown = ({ kind, partition, offset }: Amendment): boolean =>
    before.some(
      (each) => each.kind === kind && each.partition === partition && each.offset === offset,
    )
  return [...before, ...added.filter((each) => !isKnown(each))].sort(
    (a, b) => a.partition - b.partition || a.offset - b.offset,
  )
}

/** The reason, by partition, and the ways out. */
function unreachable(
  { start: wanted }: ReplayRequest,
  { partitions }: ReplayFacts,
  { scope, starts }: { readonly scope: Scope; readonly starts: PlannedReplay['starts'] },
): TidemarkError {
  const { staged, range } = scope
  const lines = starts
    .filter(({ start }) => start === undefined)
    .slice(0, 8)
    .flatMap(({ partition, refused }) => [
      `  partition ${partition}:`,
      ...[...refused].map(([kind, reason]) => `    from ${KIND_WORDS[kind]}: ${reason}`),
    ])
  const possible = firstPossible(staged.first, (first) =>
    partitions.every((known) => {
      // What a partition needs before the range it needs whatever the range is.
      const own = scope.stagedFirst(known)
      const from = own < range.first ? own : first
      return chooseStart(known, scope.needs(known, from, first)).start !== undefined
    }),
  )
  const other = wanted === undefined ? '' : 'another --start (auto is the one that reads least), '
  const later =
    possible === undefined ? '' : `a range that begins on ${formatDay(possible)} or later, `
  return new TidemarkError(
    'REPLAY_REFUSED',
    `${wanted === undefined ? 'the source does not reach back far enough for' : `--start ${wanted} does not serve`} rows of ${formatDay(staged.first)}:\n${lines.join('\n')}\n` +
      `Nothing was planned. Ways on: ${other}${later}an archive of the raw events (--archive), or --allow-incomplete, which marks rows by the day from which on they are whole`,
    { details: possible === undefined ? {} : { firstPossibleDay: formatDay(possible) } },
  )
}

const KIND_WORDS: Readonly<Record<StartKind, string>> = {
  origin: 'the origin',
  checkpoint: 'a checkpoint',
  milestone: 'a milestone',
  tiles: 'stored tiles',
  live: 'the live state',
}

/** Days ahead that are looked at for one that the source still reaches. */
const DAYS_AHEAD_MAX = 4_096

/** The first day after `first` that serves; whatever serves one day serves the next. */
function firstPossible(first: DayIndex, serves: (day: DayIndex) => boolean): DayIndex | undefined {
  let low = first
  let high = first + DAYS_AHEAD_MAX
  if (!serves(high)) return undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (serves(middle)) high = middle
    else low = middle
  }
  return high
}
