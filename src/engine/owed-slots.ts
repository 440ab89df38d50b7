/**
 * What a state that was taken over owes the tables: of days that its former owner had closed and not wholly written, slots may say what
 * another generation has put there meanwhile, also such as it found empty and was done with. They are written anew, all of them.
 */
import type { DayIndex } from '../core/day.ts'
import { formatSlot } from '../core/dirty-slot.ts'
import type { PartitionState, StateHead } from './ports.ts'

/** Once: the commit that marks them says so. @param slots hash slots of a day */
export async function markOwed(state: PartitionState, slots: number): Promise<void> {
  const { head } = state
  const owed = head?.table.owed
  if (head === undefined || owed === undefined) return
  const known = await state.dirtySlots()
  const first = await firstClosed(state, head)
  const dirty = new Map<string, number>()
  for (const view of head.views.keys()) {
    const whole = owed[view] ?? undefined
    for (let day = whole === undefined ? first : whole + 1; day <= closed(head); day += 1) {
      for (let slot = 0; slot < slots; slot += 1) {
        for (const kind of ['rows', 'tiles'] as const) {
          const name = formatSlot({ kind, view, day, slot })
          if (!known.has(name)) dirty.set(name, head.origin)
        }
      }
    }
  }
  const { owed: _, ...table } = head.table
  const nothing = { tiles: [], ids: [], milestones: [], cleared: [] }
  await state.commit({ ...nothing, head: { ...head, table: { ...table, whole: owed } }, dirty })
}

function closed({ time }: StateHead): DayIndex {
  return time.closedDay ?? -Infinity
}

async function firstClosed(state: PartitionState, { time }: StateHead): Promise<DayIndex> {
  const [milestone] = await state.milestones()
  const [tick] = time.tickCloses
  return Math.min(milestone?.day ?? Infinity, tick?.[0] ?? Infinity)
}
