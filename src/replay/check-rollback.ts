/** Whether a publish may be taken back now: the states and files of before must still be there, and the log must reach back to them. */
import type { GenerationRecord, HandOver } from '../core/generation.ts'
import { replacedPlace } from '../engine/hand-over-port.ts'
import type { StateHead } from '../engine/ports.ts'
import { invariant, TidemarkError } from '../errors.ts'
import type { PublicationParts, Swap } from './publication-port.ts'
import type { Made } from './standing.ts'

/** @throws REPLAY_REFUSED */
export async function handOverBack(
  parts: PublicationParts,
  made: Made,
  records: readonly GenerationRecord[],
): Promise<HandOver> {
  const record = records.find(({ generation }) => generation === made.generation)
  invariant(record, `generation ${made.generation} has a record`)
  checkPartitions(made, records, record)
  const by = { did: 'rollback', replay: made.replay } as const
  if (record.handOver?.kind === 'own') return { ...record.handOver, by }
  const partitions: { partition: number; offset: number }[] = []
  for (const { partition } of record.segments) {
    const head = await keptState(parts, made, partition)
    if (head === undefined)
      throw refusedRollback(
        made,
        `the owner of partition ${partition} has not come into generation ${made.generation} yet, and its state is not here: what it stood at before is kept when it does. ` +
          'Start it, or wait a moment where it runs, and try again',
      )
    checkKept(made, records, head)
    const offset = head.nextOffset
    if (!(await parts.reaches(partition, offset)))
      throw refusedRollback(
        made,
        `the state of partition ${partition} from before it stands at offset ${offset}, and the log no longer reaches back there: what has come since could not be read again. ` +
          'Replay the days instead, with the definitions and amendments as they should be: `tidemark replay plan`',
      )
    partitions.push({ partition, offset })
  }
  return { kind: 'states', place: replacedPlace(made.generation), partitions, by }
}

/** @throws REPLAY_REFUSED where it regrouped entities */
function checkPartitions(
  made: Made,
  records: readonly GenerationRecord[],
  { segments }: GenerationRecord,
): void {
  const before = records.findLast(({ generation }) => generation < made.generation)
  if (before === undefined || before.segments.length === segments.length) return
  throw refusedRollback(
    made,
    `it brought in the partitions that were added (${before.segments.length} -> ${segments.length}), and the log cannot lose them again: what came since is in none of the old ones. ` +
      'Replay the days instead: `tidemark replay plan`',
  )
}

/** What the owner kept, or what lies here because it never came into the generation; that is kept now. */
async function keptState(
  { handOvers, stateBefore, run }: PublicationParts,
  { generation }: Made,
  partition: number,
): Promise<StateHead | undefined> {
  const place = handOvers.replaced(generation)
  const [kept] = await place.list(partition)
  if (kept !== undefined) return kept.head
  await using state = await stateBefore(partition, generation)
  return state && (await place.write(state, run)).head
}

/** @throws REPLAY_REFUSED where the state is older than what came before the publish */
function checkKept(
  made: Made,
  records: readonly GenerationRecord[],
  { partition, generation }: StateHead,
): void {
  const replaced = records.find(
    (record) =>
      record.generation > generation &&
      record.generation < made.generation &&
      record.handOver?.kind === 'states',
  )
  if (replaced === undefined) return
  throw refusedRollback(
    made,
    `the state of partition ${partition} from before it is of generation ${generation}, which generation ${replaced.generation} had replaced already: its owner had slept through that. ` +
      'Replay the days instead: `tidemark replay plan`',
  )
}

/** @throws REPLAY_REFUSED */
export async function checkFiles(made: Made, swaps: readonly Swap[]): Promise<void> {
  for (const swap of swaps) {
    const missing = await swap.missing()
    if (missing.length === 0) continue
    throw refusedRollback(
      made,
      `${missing.length} files of ${swap.table} from before it are gone, ${missing[0]?.path ?? ''} among them: \`tidemark table vacuum\` has taken them. ` +
        'Replay the days instead, with the definitions and amendments as they should be: `tidemark replay plan`',
    )
  }
}

export function refusedRollback({ generation, replay }: Made, reason: string): TidemarkError {
  return new TidemarkError(
    'REPLAY_REFUSED',
    `generation ${generation} (replay ${replay}) cannot be taken back: ${reason}. Nothing was changed`,
  )
}
