/**
 * Which days change no more: no record can come into any of them, and no slot waits to be written. From copies of the
 * state, so that a run may go on; a day that is final stays final.
 */
import { createCalendar } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import { parseSlot } from '../core/dirty-slot.ts'
import type { SlotKind } from '../core/dirty-slot.ts'
import { PartitionTime } from '../core/partition-time.ts'
import { titleOf } from '../core/view-title.ts'
import { TidemarkError } from '../errors.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import { stateDirectory } from './compose.ts'

export interface PartitionDays {
  readonly partition: number
  readonly generation: number
  /** -Infinity: none. */
  readonly finalDay: DayIndex
  readonly isDirty: (slots: {
    readonly kind: SlotKind
    /** Title. */
    readonly view: string
    readonly day: DayIndex
  }) => boolean
}

/** @throws USAGE where a partition has no state here */
export async function finalDays(pipeline: Pipeline, partitions: number): Promise<PartitionDays[]> {
  const days: PartitionDays[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    days.push(await partitionDays(pipeline, partition))
  }
  return days
}

async function partitionDays(pipeline: Pipeline, partition: number): Promise<PartitionDays> {
  const directory = stateDirectory(pipeline, partition)
  const state = await openStateCopy(directory)
  try {
    const head = state?.head
    if (state === undefined || head === undefined) {
      throw new TidemarkError(
        'USAGE',
        `there is no state of partition ${partition} in ${directory}, so nothing says which days are final. Run this where the pipeline runs, after its first run`,
      )
    }
    const policy = { ...pipeline.time, origin: head.origin }
    const time = new PartitionTime(createCalendar(pipeline.time.zone), policy, head.time)
    // The state numbers its views; a pipeline file may have them in another order.
    const titles = head.views.map(titleOf)
    const dirty = new Set(
      [...(await state.dirtySlots()).keys()].map((key) => {
        const { kind, view, day } = parseSlot(key)
        return `${kind} ${titles[view] ?? ''} ${day}`
      }),
    )
    return {
      partition,
      generation: head.generation,
      finalDay: time.finalDay,
      isDirty: ({ kind, view, day }) => dirty.has(`${kind} ${view} ${day}`),
    }
  } finally {
    await state?.[Symbol.asyncDispose]()
  }
}
