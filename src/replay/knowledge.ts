/**
 * What a planner knows of a partition: where its log begins and ends, and what the newest state that could be found says of its past.
 * Facts only; nothing here is decided.
 */
import type { DayIndex } from '../core/day.ts'
import type { DirtySlot } from '../core/dirty-slot.ts'
import type { TimeState } from '../core/partition-time.ts'
import type { Milestone, StateHead } from '../engine/ports.ts'

export interface PartitionKnowledge {
  readonly partition: number
  readonly log: LogSpan
  /** Undefined: no state on this machine, and none kept elsewhere. */
  readonly state: KnownState | undefined
  /** Those that are states of the present generation; what a regrouping made is among them. */
  readonly checkpoints: readonly KnownCheckpoint[]
}

export interface LogSpan {
  /** First offset that it still has. */
  readonly start: number
  readonly end: number
  /** What offsets count. */
  readonly unit: 'records' | 'bytes'
  /** Bytes of a record, on average of a sample; 0 where it is empty. */
  readonly recordBytes: number
}

/** Of a state at some position: all that it says holds there; of what came later it knows nothing. */
export interface KnownState {
  /** Where it was found. */
  readonly from: 'state' | 'checkpoint' | 'handed over'
  readonly head: Pick<StateHead, 'generation' | 'origin' | 'nextOffset' | 'time'>
  /** Ascending by offset, then day. */
  readonly milestones: readonly Milestone[]
  readonly dirty: readonly DirtySlot[]
  /** The last day whose tiles are in the tile tables of all views; undefined where some table has none. */
  readonly tilesTo: DayIndex | undefined
}

export interface KnownCheckpoint {
  readonly id: string
  /** Of states that were handed over: where they are. Absent: among the pipeline's checkpoints. */
  readonly place?: string
  readonly nextOffset: number
  readonly time: TimeState
  readonly bytes: number
}
