/** Whether a replay may be published now: all that can stand in the way is looked for before anything is written. */
import type { GenerationRecord } from '../core/generation.ts'
import { acceptedOf } from '../engine/amended-port.ts'
import { replayPlace } from '../engine/hand-over-port.ts'
import { invariant, TidemarkError } from '../errors.ts'
import type { CarryOut } from './carry-out.ts'
import { standsUpon } from './owners.ts'
import type { PublicationParts } from './publication-port.ts'
import type { Replay, ReplayResult } from './records.ts'
import { isDiscarded, madeBy, standingGenerations, undoneBy } from './standing.ts'

/** @throws REPLAY_REFUSED */
export async function checkPublishable(
  parts: PublicationParts,
  { replay, records, record }: Omit<CarryOut, 'onProgress'>,
): Promise<ReplayResult> {
  const { plan, result } = replay
  const { id } = plan
  if (isDiscarded(replay))
    throw refusedPublish(
      id,
      'it was discarded, with what it had staged. Plan it again: `tidemark replay plan`',
    )
  if (result === undefined || result.partitions.length < plan.partitions.length)
    throw refusedPublish(
      id,
      `it has not been run to its end. Run it: \`tidemark replay run ${id}\``,
    )
  checkBase(replay, records)
  await checkOwners(parts, replay, records)
  await checkStates(parts, replay, result)
  await checkStaged(parts, id, result)
  const accepted = acceptedOf(record.amendments)
  if (accepted.length > 0 && (await parts.amended.get(accepted)) === undefined)
    throw refusedPublish(
      id,
      `the late records that it accepts are missing (${parts.amended.place(accepted)}). Plan it again, while the late ledger has them: \`tidemark late heal\``,
    )
  return result
}

/** What was staged is what the result tells of: nobody has deleted any of it, and no run has gone on since. */
async function checkStaged(
  { tables }: PublicationParts,
  id: string,
  result: ReplayResult,
): Promise<void> {
  for (const { name, files, rows, version } of result.tables) {
    const found = await tables.staged(id, name)
    const hasRows = found?.files === files && found.rows === rows
    if (hasRows && (version === undefined || found.version === version)) continue
    const what = hasRows
      ? 'was written again since'
      : `has ${found?.rows ?? 'no'} rows, and had ${rows} when it was run`
    throw refusedPublish(
      id,
      `its staging table ${name} ${what}. Run it again: \`tidemark replay run ${id}\``,
    )
  }
}

/** What was planned for must still be so: records of the log would be judged otherwise, or columns be others. */
function checkBase({ plan }: Replay, records: readonly GenerationRecord[]): void {
  const newest = records.at(-1)
  const base = records.find(({ generation }) => generation === plan.base)
  invariant(newest, 'there is a generation')
  const isBase = base !== undefined && contentOf(newest) === contentOf(base)
  if (isBase || contentOf(newest) === contentOf(plan.record)) return
  throw refusedPublish(
    plan.id,
    `it was planned for what follows generation ${plan.base}, and generation ${newest.generation} says something else: definitions, time policy or amendments have changed since. Plan it again: \`tidemark replay plan\``,
  )
}

function contentOf({ generation: _, handOver: __, ...content }: GenerationRecord): string {
  return JSON.stringify(content)
}

/**
 * What to stage was decided by where owners stood when it was planned: all else they had written. States that were handed over since and
 * stand further back have days to write and to correct again; who replaces them has to write these, too.
 */
async function checkOwners(
  { handOvers }: PublicationParts,
  { plan }: Replay,
  records: readonly GenerationRecord[],
): Promise<void> {
  for (const record of comeFrom(records)) {
    const { generation, handOver } = record
    if (generation <= plan.base || handOver?.kind !== 'states') continue
    const takesBack = takenBackBy(record, records) <= plan.base
    for (const { partition, offset } of handOver.partitions) {
      const stored = await handOvers.states(handOver.place).list(partition)
      const head = stored.find((each) => each.head.nextOffset <= offset)?.head
      if (!takesBack && head !== undefined && standsUpon(plan, head)) continue
      throw refusedPublish(
        plan.id,
        `it was planned for what follows generation ${plan.base}, and generation ${generation} has set the owner of partition ${partition} back to offset ${offset} since: it has rows to write that this replay lacks. Plan it again: \`tidemark replay plan\``,
      )
    }
  }
}

/** Where the states of owners come from: the newest hand-over, and where that took back what stood on another, also that one. */
function comeFrom(records: readonly GenerationRecord[]): Set<GenerationRecord> {
  const all = [standingGenerations(records).map(({ record }) => record), records]
  return new Set(all.flatMap((some) => some.findLast(handsStatesOver) ?? []))
}

function handsStatesOver({ handOver }: GenerationRecord): boolean {
  return handOver?.kind === 'states'
}

/** What a rollback took back; Infinity where it is none. */
function takenBackBy(record: GenerationRecord, records: readonly GenerationRecord[]): number {
  const made = madeBy(record)
  return made?.did === 'rollback' ? undoneBy(made, records) : Infinity
}

async function checkStates(
  { handOvers, reaches }: PublicationParts,
  { plan: { id, handsOver } }: Replay,
  { partitions }: ReplayResult,
): Promise<void> {
  if (!handsOver) return
  const states = handOvers.states(replayPlace(id))
  for (const { partition, offset, checkpoint } of partitions) {
    const kept = await states.list(partition)
    if (!kept.some((each) => each.id === checkpoint))
      throw refusedPublish(
        id,
        `the state of partition ${partition} that it is to hand over is missing (_tidemark/states/${replayPlace(id)}). Run it again: \`tidemark replay run ${id}\``,
      )
    if (!(await reaches(partition, offset)))
      throw refusedPublish(
        id,
        `it ended at offset ${offset} of partition ${partition}, and the log no longer reaches back there: what has come since could not be read. Plan it again: \`tidemark replay plan\``,
      )
  }
}

export function refusedPublish(
  id: string,
  reason: string,
  details: Readonly<Record<string, unknown>> = {},
): TidemarkError {
  return new TidemarkError(
    'REPLAY_REFUSED',
    `replay ${id} cannot be published: ${reason}. Nothing was changed`,
    { details },
  )
}
