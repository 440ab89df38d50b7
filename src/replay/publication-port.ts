/** What publishing a replay does to tables, and what it asks of the log: the ports. Their adapters are put together in `src/cli/open-publication.ts`. */
import type { DayIndex } from '../core/day.ts'
import type { GenerationStore } from '../engine/ports.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { AmendedRecords } from '../engine/amended-port.ts'
import type { StateSnapshot } from '../engine/ports.ts'
import type { ReplayRecords } from './records.ts'
import type { Place } from './staged.ts'

export interface PublicationParts {
  readonly replays: ReplayRecords
  readonly generations: GenerationStore
  readonly handOvers: HandOvers
  readonly amended: AmendedRecords
  readonly tables: PublicationTables
  /** Whether the log still has the record at `offset` of a partition, or ends there. */
  readonly reaches: (partition: number, offset: number) => Promise<boolean>
  /**
   * The state of a partition on this machine, of a generation before `generation`, which nobody is at work with; undefined where
   * there is none. An owner that never came into the generation has kept it.
   */
  readonly stateBefore: (
    partition: number,
    generation: number,
  ) => Promise<StateSnapshot | undefined>
  /** Provenance of what is written. */
  readonly run: string
}

/** Changes are decided when they are committed, on the newest version. Errors: TABLE_UNAVAILABLE (retry), TABLE_REFUSED. */
export interface PublicationTables {
  /** Newest versions of those that exist. */
  versions(tables: readonly string[]): Promise<Readonly<Record<string, number>>>
  /** What staging tables hold, all of it. Undefined: there is none of this name. */
  staged(
    replay: string,
    table: string,
  ): Promise<
    { readonly files: number; readonly rows: number; readonly version: number } | undefined
  >
  /** Staged files come into a table, which is made where there is none. */
  publish(order: SwapOrder): Promise<Swap>
  /** The table says again what it said before the first transaction of generation `before`; undefined: there was none yet. */
  restore(order: SwapOrder, before: number): Promise<Swap | undefined>
  /** The generation alone, of a table that exists. */
  raise(order: SwapOrder): Promise<Swap>
}

export interface SwapOrder {
  readonly table: string
  readonly generation: number
  /** Hash slots of a partition's day. */
  readonly slots: number
  readonly replay: string
  readonly covers: (place: Place) => boolean
  /** Of a rollback, by partition: days before it the owner with the state that comes back will not write, if they are not dirty in it. */
  readonly writtenFrom?: ReadonlyMap<number, DayIndex>
  /** Last complete days that are taken back, by partition. */
  readonly complete?: ReadonlyMap<number, DayIndex>
  /** Places whose files are gone stay as they are: the rest is done all the same. */
  readonly leavesGone: boolean
  readonly onProgress?: (copied: number, files: number) => void
}

export interface Swap {
  readonly table: string
  /** Files and rows that come in, as it looks now. */
  readonly files: number
  readonly rows: number
  /** Places that stay as they are, since files of theirs are gone; never any unless it was asked for. */
  readonly left: readonly Place[]
  /** Files that should come in and are gone: a vacuum has taken them. */
  missing(): Promise<readonly MissingFile[]>
  /** Copies what comes in, under names that no reader sees. */
  prepare(): Promise<void>
  /** One transaction; repeated, it changes nothing. */
  commit(): Promise<SwapOutcome>
  /** Deletes copies that are not wanted. */
  discard(): Promise<void>
}

export type MissingFile = Place & { readonly path: string }

export interface SwapOutcome {
  /** Undefined: there is no table, and none was made. */
  readonly version: number | undefined
  readonly filesIn: number
  readonly filesOut: number
  /** Files whose slot an owner of the new generation had written already. */
  readonly kept: number
  readonly isRepeated: boolean
}
