/** What somebody who plans a replay finds out of the past: from the states of one machine, and from checkpoints. */
import { parseSlot } from '../src/core/dirty-slot.ts'
import type { GenerationRecord } from '../src/core/generation.ts'
import { inheritanceOf, isOutdated } from '../src/engine/hand-over.ts'
import type { KnownState, PartitionKnowledge } from '../src/replay/knowledge.ts'
import type { StateHead } from '../src/engine/ports.ts'
import { MemoryPartitionState } from '../src/memory/state.ts'
import type { World } from './world.ts'
import type { ReplayTools } from './replay-parts.ts'

export async function replayKnowledge(
  { world, checkpoints }: ReplayTools,
  records: readonly GenerationRecord[],
): Promise<PartitionKnowledge[]> {
  const inheritance = inheritanceOf(records)
  const found: PartitionKnowledge[] = []
  for (let partition = 0; partition < world.log.partitions; partition += 1) {
    const furthest = await furthestState(world, partition, isCurrent(records))
    const kept = (await checkpoints?.list(partition)) ?? []
    const end = world.log.endOffset(partition)
    found.push({
      partition,
      log: { start: 0, end, unit: 'records', recordBytes: 100 },
      state: furthest && (await known(furthest)),
      checkpoints: kept
        .filter((each) => !isOutdated(each.head.generation, inheritance))
        .map(({ id, head: { nextOffset, time } }) => ({ id, nextOffset, time, bytes: 1 })),
    })
  }
  return found
}

/** Of a generation whose states the newest one takes over; what others know may not hold any more. */
export function isCurrent(records: readonly GenerationRecord[]): (head: StateHead) => boolean {
  const inheritance = inheritanceOf(records)
  return ({ generation }) => !isOutdated(generation, inheritance)
}

interface Found {
  readonly state: MemoryPartitionState
  readonly head: StateHead
}

/** Of any machine. */
export async function furthestState(
  { machines }: World,
  partition: number,
  serves: (head: StateHead) => boolean = () => true,
): Promise<Found | undefined> {
  let furthest: Found | undefined
  for (const machine of machines) {
    const state = await MemoryPartitionState.open(machine.look(partition))
    const { head } = state
    if (head === undefined || !serves(head)) continue
    if (head.nextOffset > (furthest?.head.nextOffset ?? -1)) furthest = { state, head }
  }
  return furthest
}

async function known({ state, head }: Found): Promise<KnownState> {
  const milestones = await state.milestones()
  return {
    from: 'state',
    head,
    milestones: milestones.sort((a, b) => a.offset - b.offset || a.day - b.day),
    dirty: [...(await state.dirtySlots()).keys()].map(parseSlot),
    tilesTo: undefined,
  }
}
