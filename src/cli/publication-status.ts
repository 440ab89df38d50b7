/** Publishes and rollbacks that have not come to their end, and days that one has left as they were: what operators have to know of. */
import type { DayIndex } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { readRecords } from '../engine/hand-over.ts'
import type { PublicationParts } from '../replay/publication-port.ts'
import { leftDays } from '../replay/left-days.ts'
import type { LeftDays } from '../replay/left-days.ts'
import type { Replay } from '../replay/records.ts'
import { allMade, isFinished } from '../replay/standing.ts'
import type { Made } from '../replay/standing.ts'
import { dayOrNull, dayWords, instantOrNull, instantWords } from './words.ts'

export interface PublicationStatus {
  readonly unfinished: readonly UnfinishedPublication[]
  readonly left: readonly LeftDays[]
}

export interface UnfinishedPublication extends Made {
  /** Undefined where the trail does not tell. */
  readonly sinceMs: number | undefined
  readonly by: string | undefined
  /** What carries it out. */
  readonly command: string
}

export type PublicationRecords = Pick<PublicationParts, 'replays' | 'generations'>

export const NO_PUBLICATIONS: PublicationStatus = { unfinished: [], left: [] }

/** @throws TABLE_* */
export async function publicationStatus({
  replays,
  generations,
}: PublicationRecords): Promise<PublicationStatus> {
  const records = await readRecords(generations)
  const ids = new Set(allMade(records).map(({ replay }) => replay))
  return publicationStatusOf(await Promise.all([...ids].map((id) => replays.get(id))), records)
}

/** @param replays those that were published, at least */
export function publicationStatusOf(
  replays: readonly Replay[],
  records: readonly GenerationRecord[],
): PublicationStatus {
  const unfinished = allMade(records).flatMap((made) => {
    const replay = replays.find(({ plan }) => plan.id === made.replay)
    return replay && !isFinished(replay, made) ? [begunOf(made, replay)] : []
  })
  return { unfinished, left: leftDays(replays, records) }
}

function begunOf(made: Made, { trail }: Replay): UnfinishedPublication {
  const begun = trail.findLast(
    ({ did, generation }) => did === made.did && generation === made.generation,
  )
  const { did, replay } = made
  const reason = did === 'rollback' ? ' --reason TEXT' : ''
  const command = `tidemark replay ${did} ${replay}${reason}`
  return { ...made, sinceMs: begun?.atMs, by: begun?.by, command }
}

/** A line each. */
export function publicationLines({ unfinished, left }: PublicationStatus): string[] {
  return [
    ...unfinished.map(({ did, replay, generation, sinceMs, by, command }) => {
      const since = sinceMs === undefined ? '' : `, begun ${instantWords(sinceMs)} by ${by ?? '-'}`
      return `UNFINISHED: the ${did} of replay ${replay} (generation ${generation}${since}); if nobody is at it, finish it: \`${command}\``
    }),
    ...left.map(({ table, first, last, by }) => {
      return `LEFT: ${table} has rows of ${dayWords(first)} to ${dayWords(last)} that the ${by.did} of replay ${by.replay} could not bring back; count them again: \`tidemark replay --days ${dayWords(first)}..${dayWords(last)} --reason TEXT\``
    }),
  ]
}

export function publicationData({ unfinished, left }: PublicationStatus): {
  readonly unfinished: readonly object[]
  readonly left: readonly object[]
} {
  return {
    unfinished: unfinished.map(({ sinceMs, by, ...made }) => {
      return { ...made, since: instantOrNull(sinceMs), by: by ?? null }
    }),
    left: left.map(({ table, by, ...days }) => ({ table, ...daysOf(days), by })),
  }
}

function daysOf({ first, last }: { readonly first: DayIndex; readonly last: DayIndex }): object {
  return { first: dayOrNull(first), last: dayOrNull(last) }
}
