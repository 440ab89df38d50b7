/** Bugs in replays that are published beside a running consumer: what owners take over, keep and hold back, and what tables swap. */
import { edit } from '../../test/mutations/edit.ts'
import type { SimulatedMutation } from './mutation.ts'

const HAND_OVER = 'src/engine/hand-over.ts'
const SWAP_PLAN = 'src/table/swap-plan.ts'

export const HAND_OVER_MUTATIONS: readonly SimulatedMutation[] = [
  {
    name: 'an owner goes on with its state of the old generation',
    edits: [
      edit(
        HAND_OVER,
        'return handedOver !== undefined && generation < handedOver.generation',
        'return handedOver !== undefined && generation < handedOver.generation && generation < 0',
      ),
    ],
  },
  {
    name: 'the online store is told before the former position is passed',
    edits: [
      edit(
        'src/engine/online-follower.ts',
        'return committed.nextOffset < Math.max(heldUntil, told)',
        'return committed.nextOffset < Math.min(heldUntil, told, 0)',
      ),
    ],
  },
  {
    name: 'the state that is replaced is not kept',
    edits: [
      edit(
        HAND_OVER,
        'const { id, head } = await store.write(snapshot, run)',
        'if (run !== "") return\n      const { id, head } = await store.write(snapshot, run)',
      ),
    ],
  },
  {
    name: 'the scan of a new generation tells only what lies above the marker',
    edits: [
      edit(
        'src/engine/online-marker.ts',
        "reason === 'generation' || this.#now.generation < this.#context.generation",
        "reason === 'generation' && this.#now.generation > this.#context.generation",
      ),
    ],
  },
  {
    name: 'a swap replaces what owners of its generation have written meanwhile',
    edits: [
      edit(
        SWAP_PLAN,
        'const written = writtenSlots(request, context, { place, active })',
        'const written = writtenSlots(request, context, { place, active }).slice(99)',
      ),
    ],
  },
  {
    name: 'a swap takes away days that the replay has not closed',
    edits: [
      edit(
        'src/replay/staged.ts',
        'day <= (closed.get(partition) ?? -Infinity)',
        'day <= (closed.get(partition) ?? -Infinity) + 999',
      ),
    ],
  },
  {
    name: 'a late writer believes control of the next generation',
    edits: [
      edit(
        'src/table/delta-table.ts',
        'if (tableGeneration(snapshot) > generation) checkGeneration(name, snapshot, generation)',
        'if (tableGeneration(snapshot) > generation + 99) checkGeneration(name, snapshot, generation)',
      ),
    ],
  },
  {
    name: 'a handed-over state is read on where the former owner stood',
    edits: [
      edit(
        'src/engine/open-partition.ts',
        'const reader = await openReader(parts, assignment, head.nextOffset)',
        'const stood = await formerPosition(parts, { partition: assignment.partition, inheritance: assignment.inheritance, signal: assignment.failed })\n' +
          '  const reader = await openReader(parts, assignment, Math.max(stood, head.nextOffset))',
      ),
    ],
  },
  {
    name: 'a swap that is carried out again is not recognised',
    edits: [
      edit(
        SWAP_PLAN,
        'return newestSwap(table, snapshot) >= generation',
        'return newestSwap(table, snapshot) > generation',
      ),
    ],
  },
  {
    name: 'a swap does not raise the generation of its table',
    edits: [
      edit(
        SWAP_PLAN,
        'if (now >= generation && columns === undefined) return []',
        'if (now >= 0 && columns === undefined) return []',
      ),
    ],
  },
  {
    name: 'what a replay still had to write to its tables is handed over as written',
    edits: [
      edit(
        'src/replay/fold-partition.ts',
        'writes: { ...stagedDays(plan, partition), views: new Set(plan.views) },',
        'writes: { ...plan.staged, last: plan.staged.last - 1, views: new Set(plan.views.slice(1)) },',
      ),
    ],
  },
]
