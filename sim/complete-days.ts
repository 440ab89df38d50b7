/** Days that a table calls complete: each slot that has something to say of them is in before. */
import type { ActiveFile } from './table-replay.ts'
import { slotName, type Version } from './table-file.ts'

const DAY_MS = 86_400_000

/** A control entry at work. */
export interface RaisedDays {
  readonly partition: number
  readonly before: number
  readonly day: number
}

/**
 * A slot that had something to say of the day before has something to say of this one: a value, or that all is empty now.
 * So its file is there before the day is complete. (Other slots of the day may be missing: they hold nothing.)
 */
export function missingSlots(
  files: Iterable<ActiveFile>,
  seen: ReadonlyMap<string, Version>,
  { partition, before, day: through }: RaisedDays,
): string[] {
  const missing: string[] = []
  for (const { name, add, rows = [] } of files) {
    const day = Date.parse(name.ds) / DAY_MS + 1
    if (name.partition !== partition || day <= before || day > through) continue
    const isEmpty = rows.every(({ cells }) => cells.get('_max_event_time') === null)
    if (name.slot === undefined || isEmpty) continue
    const ds = new Date(day * DAY_MS).toISOString().slice(0, 10)
    const slot = slotName({ ds, partition, slot: name.slot })
    if (!seen.has(slot))
      missing.push(`${ds} is complete, but slot ${slot} is missing that follows ${add.path}`)
  }
  return missing
}
