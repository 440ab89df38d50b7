/** What a flush has to read: dirty slots by view and hash slot, each with all its dirty days. */
import { parseSlot } from '../core/dirty-slot.ts'
import { invariant } from '../errors.ts'
import type { SlotWork } from './slot-reader.ts'

/** By view; slots and days ascending. */
export function planSlots(dirty: Iterable<string>, views: number): SlotWork[][] {
  const plan = Array.from({ length: views }, () => new Map<number, SlotWork>())
  for (const key of dirty) {
    const { view, slot, kind, day } = parseSlot(key)
    const ofView = plan[view]
    invariant(ofView, `slot ${key} is of a known view`)
    let work = ofView.get(slot)
    if (work === undefined) ofView.set(slot, (work = { slot, rows: [], tiles: [] }))
    work[kind].push(day)
  }
  for (const work of plan.flatMap((ofView) => [...ofView.values()])) {
    work.rows.sort((a, b) => a - b)
    work.tiles.sort((a, b) => a - b)
  }
  return plan.map((ofView) => [...ofView.values()].sort((a, b) => a.slot - b.slot))
}
