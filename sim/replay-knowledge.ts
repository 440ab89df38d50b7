/** What somebody who plans a replay finds out of the past: from the states of one machine, and from checkpoints. */
import { parseSlot } from '../src/core/dirty-slot.ts'
import type { GenerationRecord } from '../src/core/generation.ts'
import { inheritanceOf, isOutdated } from '../src/engine/hand-over.ts'
import type { PartitionKnowledge } from '../src/replay/knowledge.ts'
import { MemoryPartitionState } from '../src/memory/state.ts'
import type { Machine } from './machine.ts'
import type { ReplayTools } from './replay-parts.ts'

export async function replayKnowledge(
  { world, checkpoints }: ReplayTools,
  live: Machine,
  records: readonly GenerationRecord[],
): Promise<PartitionKnowledge[]> {
  const inheritance = inheritanceOf(records)
  const found: PartitionKnowledge[] = []
  for (let partition = 0; partition < world.log.partitions; partition += 1) {
    const state = await MemoryPartitionState.open(live.look(partition))
    const { head } = state
    const serves = head !== undefined && !isOutdated(head.generation, inheritance)
    const milestones = await state.milestones()
    const kept = (await checkpoints?.list(partition)) ?? []
    const end = world.log.endOffset(partition)
    found.push({
      partition,
      log: { start: 0, end, unit: 'records', recordBytes: 100 },
      state: serves
        ? {
            from: 'state',
            head,
            milestones: milestones.sort((a, b) => a.offset - b.offset || a.day - b.day),
            dirty: [...(await state.dirtySlots()).keys()].map(parseSlot),
            tilesTo: undefined,
          }
        : undefined,
      checkpoints: kept
        .filter((each) => !isOutdated(each.head.generation, inheritance))
        .map(({ id, head: { nextOffset, time } }) => ({ id, nextOffset, time, bytes: 1 })),
    })
  }
  return found
}
