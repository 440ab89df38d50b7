/** States that one generation hands to the next: the port. Its adapter is `src/cli/open-hand-overs.ts`, checkpoints in a folder each. */
import type { DayIndex } from '../core/day.ts'
import type { CheckpointStore } from './checkpoint-port.ts'
import type { StateHead } from './ports.ts'

export interface HandOvers {
  /** States that owners are to take over. @param place `HandOver.place` of a generation's record */
  states(place: string): CheckpointStore
  /** States as they were when owners came into `generation`: what a rollback begins with. */
  replaced(generation: number): CheckpointStore
}

/** `HandOver.place` of what `replaced` holds. */
export function replacedPlace(generation: number): string {
  return `replaced/${generation}`
}

export function replayPlace(id: string): string {
  return `replays/${id}`
}

/**
 * What the head of a state of an earlier generation says where this one takes it over. What it had written to the tables proves nothing
 * any more: a publish or a rollback swaps them, and an owner may come before that.
 */
export function takenOver(head: StateHead, generation: number): StateHead {
  return {
    ...head,
    generation,
    table: { complete: [], awaits: generation, owed: wholeDays(head) },
  }
}

/**
 * By view: of the days that a state has closed, the last one up to which the tables have them, or are about to get them by a publish: what
 * they lack of these is dirty in the state.
 */
export function wholeDays({ views, time, table }: StateHead): readonly (DayIndex | undefined)[] {
  const { whole, owed = whole } = table
  // A replay's state wrote to the side and owes nothing; of days before its first tile it could not even say anything.
  return owed ?? views.map(() => time.closedDay)
}
