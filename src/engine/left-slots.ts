/**
 * What generations before have left in the tables, of days that this state has still to close or to correct: a rollback, say, brings a
 * state back that stands before the days which the generation that is taken back had closed. When such a day closes, these slots are
 * written too, also where this generation has nothing for them.
 */
import type { DayIndex } from '../core/day.ts'
import { formatSlot } from '../core/dirty-slot.ts'
import type { DirtySlot } from '../core/dirty-slot.ts'
import type { PartitionContext } from './partition-context.ts'
import type { ViewTables } from './table-lane.ts'

export class LeftSlots {
  readonly #slots: readonly DirtySlot[]

  private constructor(slots: readonly DirtySlot[]) {
    this.#slots = slots
  }

  /** @param tables by view; opened, so that no earlier generation writes them any more */
  static async of(
    { partition, committed }: Pick<PartitionContext, 'partition' | 'committed'>,
    tables: readonly ViewTables[],
  ): Promise<LeftSlots> {
    const { closedDay } = committed
    const found: DirtySlot[] = []
    for (const [view, ofView] of tables.entries()) {
      for (const kind of ['rows', 'tiles'] as const) {
        const left = await ofView[kind].left(partition, closedDay)
        found.push(...left.map(({ day, slot }) => ({ kind, view, day, slot })))
      }
    }
    return new LeftSlots(found)
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

/** Where the partition stood when earlier generations wrote what a state may write again, -Infinity where there is no such thing. */
export async function writtenPosition(
  { partition, from }: { readonly partition: number; readonly from: DayIndex },
  tables: readonly ViewTables[],
): Promise<number> {
  let last = -Infinity
  for (const { rows, tiles } of tables) {
    for (const table of [rows, tiles]) {
      for (const { position } of await table.left(partition, from - 1))
        if (Number.isFinite(position)) last = Math.max(last, position)
    }
  }
  return last
}
