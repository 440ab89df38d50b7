/** What earlier generations have left in a table, given its snapshot. Pure. */
import type { DayIndex } from '../core/day.ts'
import type { LeftSlot } from '../engine/ports.ts'
import type { Snapshot } from './delta/snapshot.ts'
import { dayOfFolder, parseDataFilePath } from './file-name.ts'
import type { SlotRange } from './file-name.ts'

/** Slots that have rows of earlier generations, of a partition's days after `after`. */
export function slotsLeft(
  snapshot: Snapshot,
  {
    generation,
    partition,
    after,
  }: { readonly generation: number; readonly partition: number; readonly after: DayIndex },
): LeftSlot[] {
  const found: LeftSlot[] = []
  for (const folder of snapshot.folders()) {
    const day = dayOfFolder(folder)
    if (day === undefined || day <= after) continue
    for (const { path } of snapshot.filesIn(folder)) {
      const name = parseDataFilePath(path)
      if (name?.partition !== partition || name.generation >= generation) continue
      found.push(...slotsOf(name.slots).map((slot) => ({ day, slot, position: name.position })))
    }
  }
  return found
}

function slotsOf(slots: SlotRange): number[] {
  return slots.kind === 'one' ? [slots.slot] : Array.from({ length: slots.count }, (_, i) => i)
}
