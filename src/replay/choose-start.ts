/**
 * Where the replay of a partition begins: of all beginnings that give the right values the one that reads least. Pure.
 *
 *                    ids are remembered       records count
 *     log  ──┬──────────────┬───────────────────────┬───────────────┬──────────────> end
 *          origin      milestone s'            milestone s     first tile that is needed
 *
 * A milestone s serves if the largest event time before it lies before the first tile: then no record of that tile, or of a later
 * one, is before s. Its time is exact. Duplicates are told by the ids since s': end(newest day that an id was remembered under at s') +
 * duplicatesWithin <= watermark at s, so no older id counts any more. That day is no accepted event's where a duplicate lay ahead of all.
 * Which verdict a record between the two got does not matter: accepted or duplicate, its id is remembered under its own day.
 */
import type { Calendar, DayIndex } from '../core/day.ts'
import { formatDay } from '../core/day.ts'
import type { TimeState } from '../core/partition-time.ts'
import type { KnownState, PartitionKnowledge } from './knowledge.ts'
import { latestBefore, latestOf, pointsOf, rememberingFrom, timeAt } from './known-points.ts'
import type { DayRange, ReplayStart } from './plan.ts'

/** Among which there is a choice. */
export type StartKind = Exclude<ReplayStart['kind'], 'regrouped'>
export const START_KINDS: readonly StartKind[] = [
  'origin',
  'checkpoint',
  'milestone',
  'tiles',
  'live',
]

/** What a beginning has to provide. */
export interface StartNeeds {
  readonly calendar: Calendar
  readonly outOfOrdernessMs: number
  /** Undefined: events have no ids. */
  readonly duplicatesWithinMs: number | undefined
  readonly allowedLatenessMs: number
  /** Rows of days from here on are written. */
  readonly first: DayIndex
  /** Events of days from here on are counted from the log; those of days before may be taken from states. Not before `first`. */
  readonly countedFirst: DayIndex
  /** The first day whose tile matters. */
  readonly firstTile: DayIndex
  /** Where the generation began to read. */
  readonly origin: number
  /** Partitions were added: what came before the origin lies under other partitions, and only states hold it. */
  readonly isRegrouped: boolean
  /** First offset that is judged otherwise than before: what is known of later ones is of no use. Infinity: none. */
  readonly changesFrom: number
  /** Milestones hold: the policy is that of the state, and positions are those of its log. */
  readonly timeHolds: boolean
  /** Tiles of the tile tables answer what the definitions ask for. */
  readonly tilesHold: boolean
  /** Of days before this one: later ones wait for a publication that has not come to its end, or could not. */
  readonly tilesBefore: DayIndex
  /** Those of checkpoints do, too, which are not kept for longer than the windows of then. */
  readonly statesHold: boolean
  /** All that is asked for is in stored tiles and in the live state: nothing is counted anew. */
  readonly liveHolds: boolean
  /** The generation that live states have to be of. */
  readonly generation: number
  /** Undefined: the cheapest. */
  readonly wanted: StartKind | undefined
  readonly allowIncomplete: boolean
}

export interface ChosenStart {
  /** Undefined: there is none. */
  readonly start: ReplayStart | undefined
  /** Tiles that matter are missing before it. */
  readonly incomplete: boolean
  /** By kind, in words, why it does not serve. */
  readonly refused: ReadonlyMap<StartKind, string>
}

/** Loading tiles costs more than reading as many records: they are worth it where most of the reading is saved. */
const TILES_SHARE_MAX = 0.5

export function chooseStart(known: PartitionKnowledge, needs: StartNeeds): ChosenStart {
  const refused = new Map<StartKind, string>()
  const found: ReplayStart[] = []
  for (const kind of START_KINDS) {
    if (needs.wanted !== undefined && needs.wanted !== kind) continue
    const start = BEGINNINGS[kind](known, needs)
    if (typeof start === 'string') refused.set(kind, start)
    else found.push(start)
  }
  const start = cheapest(found, known.log.end)
  if (start !== undefined) return { start, incomplete: false, refused }
  if (!needs.allowIncomplete) return { start, incomplete: false, refused }
  return { start: whatThereIs(known, needs), incomplete: true, refused }
}

function cheapest(found: readonly ReplayStart[], end: number): ReplayStart | undefined {
  const live = found.find(({ kind }) => kind === 'live')
  if (live !== undefined) return live
  const [tiles] = found.filter(({ kind }) => kind === 'tiles')
  // The later one of equals is the one that needs more parts.
  const best = found
    .filter(({ kind }) => kind !== 'tiles')
    .reduce<ReplayStart | undefined>(
      (a, b) => (a === undefined || b.offset > a.offset ? b : a),
      undefined,
    )
  if (best === undefined || tiles === undefined) return best ?? tiles
  return end - tiles.offset <= (end - best.offset) * TILES_SHARE_MAX ? tiles : best
}

type Beginning = (known: PartitionKnowledge, needs: StartNeeds) => ReplayStart | string

const BEGINNINGS: Readonly<Record<StartKind, Beginning>> = {
  origin: originOf,
  checkpoint: checkpointOf,
  milestone: milestoneOf,
  tiles: tilesOf,
  live: liveOf,
}

function originOf(
  { log }: PartitionKnowledge,
  { origin, isRegrouped }: StartNeeds,
): ReplayStart | string {
  if (isRegrouped)
    return `partitions were added, and what came before offset ${origin} lies under the partitions of then: the log is counted anew from there on only`
  if (log.start <= origin) return { kind: 'origin', offset: origin }
  return `the generation began at offset ${origin}, and the log begins at ${log.start} now`
}

function checkpointOf(
  { checkpoints, log }: PartitionKnowledge,
  needs: StartNeeds,
): ReplayStart | string {
  const { countedFirst, changesFrom, statesHold } = needs
  if (!statesHold) return 'definitions or the policy change, so older states are of no use'
  if (checkpoints.length === 0) return 'none is kept'
  const old = checkpoints.filter(
    ({ time, nextOffset }) => nextOffset <= changesFrom && isBefore(time, needs),
  )
  const best = latestOf(old, ({ nextOffset }) => nextOffset)
  if (best === undefined) return `none is older than ${formatDay(countedFirst)}`
  if (best.nextOffset < log.start)
    return `the latest that is old enough goes on at offset ${best.nextOffset}, and the log begins at ${log.start} now`
  const { id, place, nextOffset } = best
  const at = place === undefined ? {} : { place }
  return { kind: 'checkpoint', offset: nextOffset, checkpoint: id, ...at }
}

/** No event that is counted anew is in it; and of every day whose rows it has to write it has all tiles, since none of them was final. */
function isBefore(
  { maxEventTime = -Infinity }: TimeState,
  { calendar, first, countedFirst, outOfOrdernessMs, allowedLatenessMs }: StartNeeds,
): boolean {
  if (maxEventTime < calendar.startOf(first)) return true
  if (maxEventTime >= calendar.startOf(countedFirst)) return false
  return calendar.dayOf(maxEventTime - outOfOrdernessMs - allowedLatenessMs) - 1 < first
}

function milestoneOf(known: PartitionKnowledge, needs: StartNeeds): ReplayStart | string {
  const start = countingFrom(known, needs, needs.firstTile)
  return typeof start === 'string' ? start : { kind: 'milestone', ...start }
}

function tilesOf(known: PartitionKnowledge, needs: StartNeeds): ReplayStart | string {
  if (!needs.tilesHold) return 'definitions or the policy change, so stored tiles are of no use'
  const days = storedTiles(known.state, needs)
  if (days === undefined) return `no tiles of ${formatDay(needs.firstTile)} are stored for good`
  const start = countingFrom(known, needs, days.last + 1)
  return typeof start === 'string' ? start : { kind: 'tiles', ...start, tiles: days }
}

/** Days that the tile tables hold with everything below the state's position. */
function storedTiles(
  state: KnownState | undefined,
  { first, firstTile, tilesBefore }: StartNeeds,
): DayRange | undefined {
  if (state?.tilesTo === undefined) return undefined
  const dirty = state.dirty.filter(({ kind, day }) => kind === 'tiles' && day >= firstTile)
  const last = Math.min(
    first - 1,
    tilesBefore - 1,
    state.tilesTo,
    ...dirty.map(({ day }) => day - 1),
  )
  return last < firstTile ? undefined : { first: firstTile, last }
}

function liveOf({ state, log }: PartitionKnowledge, needs: StartNeeds): ReplayStart | string {
  if (!needs.liveHolds) return 'records are to be counted anew'
  if (state === undefined) return 'no state is here, and none is kept'
  if (state.from === 'handed over' || state.head.generation !== needs.generation)
    return 'the consumer has not run in the present generation yet'
  if (state.head.nextOffset < log.start)
    return `the state here goes on at offset ${state.head.nextOffset}, and the log begins at ${log.start} now`
  return { kind: 'live', offset: state.head.nextOffset }
}

interface Counting {
  readonly offset: number
  readonly countsFrom: number
  readonly time: TimeState
}

/** The latest milestone at which no record of `day` or a later one has been, and where ids are remembered from. */
function countingFrom(
  { state, log }: PartitionKnowledge,
  needs: StartNeeds,
  day: DayIndex,
): Counting | string {
  if (!needs.timeHolds) return 'the policy changes, so milestones are of no use'
  if (state === undefined) return 'nothing is known of the past: no state is here, and none is kept'
  const { duplicatesWithinMs, allowedLatenessMs } = needs
  // Records that came too late are not remembered, and which were is not known between two milestones.
  if (duplicatesWithinMs !== undefined && duplicatesWithinMs > allowedLatenessMs)
    return 'ids of events are remembered for longer (source.event.duplicatesWithin) than records may be late, so what counts as a duplicate hangs on all that came before'
  const usable = pointsOf(state, needs)
  const counts = latestBefore(usable, needs.calendar.startOf(day))
  if (counts === undefined) return `the log has closed no day before ${formatDay(day)}`
  const reads = rememberingFrom(usable, counts, needs)
  if (reads === undefined)
    return `ids of events would have to be remembered from the origin on, for offset ${counts.offset}`
  if (reads.offset >= log.start) {
    const { offset } = reads
    return { offset, countsFrom: counts.offset, time: timeAt(counts, state, needs.calendar) }
  }
  const what =
    counts.offset < log.start
      ? 'the records of'
      : `the ids of events that came shortly before ${formatDay(day)}, for`
  return `${what} ${formatDay(day)} need the log from offset ${reads.offset} on, and it begins at ${log.start} now`
}

/**
 * From the first milestone that the log still has, with what tiles there are, or from its beginning: rows say from which day on
 * they are whole.
 */
function whatThereIs({ state, log }: PartitionKnowledge, needs: StartNeeds): ReplayStart {
  const { calendar, changesFrom, timeHolds, origin, tilesHold } = needs
  const first = state?.milestones.find(({ offset }) => offset >= log.start && offset <= changesFrom)
  if (!timeHolds || state === undefined || first === undefined)
    return { kind: 'origin', offset: Math.max(log.start, origin) }
  const time = timeAt({ ...first, maxEventOffset: first.offset - 1 }, state, calendar)
  const completeFrom = Math.max(
    time.completeFrom ?? -Infinity,
    calendar.dayOf(first.maxEventTime) + 1,
  )
  const { offset } = first
  const begin = { offset, countsFrom: offset, time: { ...time, completeFrom } }
  const tiles = tilesHold ? storedTiles(state, needs) : undefined
  return tiles === undefined ? { kind: 'milestone', ...begin } : { kind: 'tiles', ...begin, tiles }
}
