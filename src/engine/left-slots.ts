/**
 * What generations before have left in the tables, of days that this state may still write: a rollback, say, brings a state back that
 * stands before the days which the generation that is taken back had closed. Nothing is written before the fold has passed the position
 * that they were written at; and when such a day closes, these slots are written too, also where this generation has nothing for them.
 */
import type { DayIndex } from '../core/day.ts'
import { formatSlot } from '../core/dirty-slot.ts'
import type { DirtySlot } from '../core/dirty-slot.ts'
import type { ViewTables } from './table-lane.ts'

export class LeftSlots {
  /** Where the partition stood when the last of them was written; -Infinity where there are none. */
  readonly position: number
  readonly #slots: readonly DirtySlot[]

  private constructor(slots: readonly DirtySlot[], position: number) {
    this.#slots = slots
    this.position = position
  }

  /** @param tables by view; opened, so that no earlier generation writes them any more. @param at `from`: the first of the days */
  static async of(
    tables: readonly ViewTables[],
    { partition, from }: { readonly partition: number; readonly from: DayIndex },
  ): Promise<LeftSlots> {
    const slots: DirtySlot[] = []
    let last = -Infinity
    for (const [view, ofView] of tables.entries()) {
      for (const kind of ['rows', 'tiles'] as const) {
        for (const { day, slot, position } of await ofView[kind].left(partition, from - 1)) {
          slots.push({ kind, view, day, slot })
          if (Number.isFinite(position)) last = Math.max(last, position)
        }
      }
    }
    return new LeftSlots(slots, last)
  }

  /** Of days that close now. @param offset of a record before the position that is committed with it */
  dirtied(
    { after, through }: { readonly after: DayIndex; readonly through: DayIndex },
    offset: number,
  ): Map<string, number> {
    const due = this.#slots.filter(({ day }) => day > after && day <= through)
    return new Map(due.map((slot) => [formatSlot(slot), offset]))
  }
}
