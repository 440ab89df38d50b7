/** Rows and tiles that a replay writes although none of the records that it reads has dirtied them: owners would still have written them. */
import { formatSlot } from '../core/dirty-slot.ts'
import type { PartitionState, StateHead } from '../engine/ports.ts'
import { nothingBut } from './heads.ts'
import type { DayRange } from './plan.ts'
import type { StartParts } from './start-parts.ts'

/** Slots marked by one commit. */
const MARKED_MAX = 20_000

/** Every row and tile of these days: what is published speaks for whole days. */
export function dueSlots(
  { views, plan }: Pick<StartParts, 'views' | 'plan'>,
  { first, last }: DayRange,
): string[] {
  const due: string[] = []
  for (const { index: view } of views) {
    for (let day = first; day <= last; day += 1) {
      for (let slot = 0; slot < plan.record.slots; slot += 1) {
        for (const kind of ['rows', 'tiles'] as const)
          due.push(formatSlot({ kind, view, day, slot }))
      }
    }
  }
  return due
}

/** @param head as the state has it until all is marked: a crash begins here again */
export async function markDue(
  state: PartitionState,
  head: StateHead,
  due: readonly string[],
): Promise<void> {
  for (let at = 0; at < due.length; at += MARKED_MAX) {
    const dirty = due.slice(at, at + MARKED_MAX).map((slot) => [slot, head.nextOffset - 1] as const)
    await state.commit({ ...nothingBut(head), dirty: new Map(dirty) })
  }
}

/** The last step: nothing but what is due is dirty. */
export async function settleDue(
  state: PartitionState,
  ready: StateHead,
  due: readonly string[],
): Promise<void> {
  const wanted = new Set(due)
  const cleared = [...(await state.dirtySlots()).keys()].filter((slot) => !wanted.has(slot))
  await state.commit({ ...nothingBut(ready), cleared })
}
