/**
 * What publishers that died have left is carried out by whoever comes next, in the order of the generations: their records stand, and
 * nothing new may come upon tables that do not have them yet.
 *
 * Where files that a rollback needs are gone (`vacuum` waits for it, but other programs may delete what is in a table) it cannot come to its
 * end any more. So that nobody is stuck it may be ended without them: those days stay as they are, which is kept in the trail, and are
 * counted again by a replay.
 */
import { formatDay } from '../core/day.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { readRecords } from '../engine/hand-over.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { carryOut, spanOf, swapsOf } from './carry-out.ts'
import type { CarryOut, OnSwap, TableChange } from './carry-out.ts'
import type { AuditStamp, DayRange } from './plan.ts'
import { OPEN_DAY } from './plan.ts'
import type { PublicationParts, Swap } from './publication-port.ts'
import type { Replay } from './records.ts'
import { allMade, isFinished } from './standing.ts'
import type { Made } from './standing.ts'

export interface Finished {
  readonly made: Made
  readonly tables: readonly TableChange[]
}

export interface FinishOptions {
  readonly stamp: AuditStamp
  /** Days whose files are gone stay as they are. */
  readonly abandon: boolean
  readonly onProgress?: OnSwap
}

/** Generations that stand, and that the tables do not have wholly yet, ascending. @param records all of now, if they are not given */
export async function unfinished(
  { replays, generations }: Pick<PublicationParts, 'replays' | 'generations'>,
  records?: readonly GenerationRecord[],
): Promise<{ readonly made: Made; readonly replay: Replay }[]> {
  const found: { made: Made; replay: Replay }[] = []
  for (const made of allMade(records ?? (await readRecords(generations)))) {
    const replay = await replays.get(made.replay)
    if (!isFinished(replay, made)) found.push({ made, replay })
  }
  return found
}

/**
 * @param records all that the caller builds upon: one that came after them would not be carried out
 * @throws USAGE where there is nothing to abandon; REPLAY_REFUSED where files are gone
 */
export async function finishOthers(
  parts: PublicationParts,
  records: readonly GenerationRecord[],
  { stamp, abandon, onProgress }: FinishOptions,
): Promise<Finished[]> {
  const finished: Finished[] = []
  const left = await unfinished(parts, records)
  if (abandon && left.length === 0)
    throw new TidemarkError(
      'USAGE',
      'no publish or rollback is unfinished: there is nothing to abandon. Leave --abandon out',
    )
  for (const { made, replay } of left) {
    const record = records.find(({ generation }) => generation === made.generation)
    invariant(record, `generation ${made.generation} has a record`)
    const work = { made, replay, records, record, leavesGone: abandon, onProgress }
    const swaps = await (abandon ? swapsOf(parts, work) : wholeSwaps(parts, work))
    const tables = await carryOut(parts, { made, replay }, { swaps, stamp })
    finished.push({ made, tables })
  }
  return finished
}

/** @throws REPLAY_REFUSED with the way on where something that they need is gone */
async function wholeSwaps(parts: PublicationParts, work: CarryOut): Promise<Swap[]> {
  let swaps: Swap[]
  try {
    swaps = await swapsOf(parts, work)
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'TABLE_REFUSED') throw error
    throw cannotFinish(work, error.message, work.replay.plan.staged)
  }
  for (const swap of swaps) {
    const missing = await swap.missing()
    const [one] = missing
    if (one === undefined) continue
    const reason = `${missing.length} files that ${swap.table} needs for it are gone, ${one.path} among them`
    throw cannotFinish(work, reason, spanOf(missing))
  }
  return swaps
}

function cannotFinish({ made }: CarryOut, reason: string, days: DayRange): TidemarkError {
  const { did, replay, generation } = made
  const last = days.last >= OPEN_DAY ? '' : formatDay(days.last)
  return new TidemarkError(
    'REPLAY_REFUSED',
    `the ${did} of replay ${replay} (generation ${generation}) stands, and cannot come to its end: ${reason}. Nothing was changed. ` +
      `Bring them back, or end it without them: \`tidemark replay ${did} ${replay} --abandon${did === 'rollback' ? ' --reason TEXT' : ''}\` leaves those days as they are; ` +
      `then count them again: \`tidemark replay --days ${formatDay(days.first)}..${last} --reason TEXT\``,
  )
}
