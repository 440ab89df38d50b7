/**
 * What somebody amends by a replay: drops a record, a poisoned one first of all, or accepts some of the late ledger. As the commands
 * do it: the bytes of what is accepted are stored first, with those of earlier amendments.
 */
import type { Amendment, GenerationRecord } from '../src/core/generation.ts'
import { acceptedOf } from '../src/engine/amended-port.ts'
import { TidemarkError } from '../src/errors.ts'
import { AmendedFiles } from '../src/storage/amended-records.ts'
import type { Chance } from './chance.ts'
import { furthestState } from './replay-knowledge.ts'
import type { ReplayTools } from './replay-parts.ts'
import type { World } from './world.ts'

const ACCEPTED_MAX = 3

/** Beside those of the newest record; none where there is nothing to amend. */
export async function drawAmendments(
  world: World,
  chance: Chance,
  stored: GenerationRecord,
): Promise<Amendment[]> {
  const late = lateRecords(world, stored)
  if (late.length > 0 && chance.happens(0.85)) {
    const some = chance.shuffled(late).slice(0, chance.integer(1, ACCEPTED_MAX))
    return some.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  }
  return drawDrop(world, chance, stored)
}

/** What the ledger has that a view could use. */
function lateRecords({ rejects }: World, { amendments }: GenerationRecord): Amendment[] {
  return [...rejects.values()].flatMap(({ partition, offset, late }): Amendment[] => {
    const isKnown = isAmended(amendments, partition, offset)
    if (late === undefined || late.entities.length === 0 || isKnown) return []
    return [{ kind: 'accept', partition, offset, day: late.day }]
  })
}

async function drawDrop(
  world: World,
  chance: Chance,
  { amendments }: GenerationRecord,
): Promise<Amendment[]> {
  const partition = chance.integer(0, world.log.partitions - 1)
  const head = (await furthestState(world, partition))?.head
  if (head === undefined) return []
  const offsets = world.log
    .records(partition)
    .map(({ offset }) => offset)
    .filter((offset) => offset < head.nextOffset && !isAmended(amendments, partition, offset))
  if (offsets.length === 0) return []
  const { maxEventOffset = NaN } = head.time
  const moved = offsets.includes(maxEventOffset) && chance.happens(0.6)
  const offset = moved ? maxEventOffset : chance.pick(offsets)
  return [{ kind: 'drop', partition, offset }]
}

function isAmended(amendments: readonly Amendment[], partition: number, offset: number): boolean {
  return amendments.some((one) => one.partition === partition && one.offset === offset)
}

/** Before the plan is made. */
export async function keepAccepted(
  { storage, world }: ReplayTools,
  stored: GenerationRecord,
  added: readonly Amendment[],
): Promise<void> {
  if (acceptedOf(added).length === 0) return
  const files = new AmendedFiles(storage)
  const before = acceptedOf(stored.amendments)
  const kept = before.length === 0 ? [] : await files.get(before)
  if (kept === undefined)
    throw new TidemarkError('TABLE_REFUSED', 'what is accepted already is not kept any more')
  const records = acceptedOf(added).flatMap(({ partition, offset }) =>
    world.log
      .records(partition)
      .filter((record) => record.offset === offset)
      .map((record) => ({ ...record, partition, headers: record.headers ?? [] })),
  )
  await files.put([...kept, ...records])
}
