/** What a run is made of. The command line builds the adapters and hands them in; the engine knows only the ports. */
import type { DayIndex } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { AmendedRecords } from './amended-port.ts'
import type { CheckpointStore } from './checkpoint-port.ts'
import type { HandOvers } from './hand-over-port.ts'
import type {
  Clock,
  Decoder,
  GenerationStore,
  Lease,
  Log,
  OnlineStore,
  PartitionState,
  RecordSource,
  StateHead,
  TableStore,
} from './ports.ts'
import type { RejectSink } from './reject-port.ts'
import type { IdleReason } from './idle-ticks.ts'
import type { PartitionMeters } from './meters.ts'

export interface RunParts {
  readonly pipeline: Pipeline
  readonly source: RecordSource
  /** Undefined: this process reads every partition. */
  readonly lease: Lease | undefined
  readonly decoder: Decoder
  /** @throws STATE_LOCKED, STATE_DAMAGED */
  openState(partition: number): Promise<PartitionState>
  /**
   * Makes the files of a checkpoint the partition's state on this machine. One that is there is moved aside, whole, and deleted
   * only once the new one stands. @param generation what the state's head says of it afterwards, where that is to change
   * @throws STATE_LOCKED, STATE_WRITE_FAILED, and what reading the files throws
   */
  restoreState(
    partition: number,
    files: AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>,
    generation?: number,
  ): Promise<void>
  /** The head of a partition's state, also while another process has it open; undefined where there is none here. */
  peekState(partition: number): Promise<StateHead | undefined>
  readonly online: OnlineStore | undefined
  readonly tables: TableStore | undefined
  /** Undefined: none are kept. */
  readonly checkpoints: CheckpointStore | undefined
  readonly generations: GenerationStore
  /** Late records that generations accept. Absent: a run of a generation that accepts none. */
  readonly amended?: AmendedRecords
  /** States that one generation hands to the next. Undefined: a run that no other generation can follow (preview, a replay). */
  readonly handOvers: HandOvers | undefined
  readonly rejects: RejectSink
  readonly clock: Clock
  readonly log: Log
  /** Unique per process start; provenance, and the owner's name in scan ids. */
  readonly run: string
  /** Version of the time zone data in use. */
  readonly zoneData: string
}

export interface RunOptions {
  /** Stop, committed and drained, at what was the end of the log when the run started. */
  readonly untilEnd: boolean
  /** Of a run without a lease: only these partitions; all by default. */
  readonly partitions?: readonly number[]
  /** By partition, with `untilEnd`: the first offset that is not read, where that is not the end of the log. */
  readonly stopAt?: ReadonlyMap<number, number>
  /** Only slots of these days, and of views with these titles, are written to tables; all by default. */
  readonly writes?: TableScope
  /** Aborting it stops the run cleanly: commit, release. */
  readonly signal: AbortSignal
  /** Called every so often while the run goes on; every half second by default. */
  readonly onProgress?: (progress: RunProgress) => void
  readonly progressEveryMs?: number
}

/** What of the tables a run writes. */
export interface TableScope {
  readonly first: DayIndex
  readonly last: DayIndex
  readonly views: ReadonlySet<string>
}

export interface RunProgress {
  /** Titles by the number that a view has in states and in lists by view: the order of the generation's record, not of the file. */
  readonly views: readonly string[]
  readonly partitions: readonly PartitionProgress[]
  /** `joining`: no partitions are assigned yet, or the lease was lost; `alone`: there is no group. */
  readonly lease: 'alone' | 'joining' | 'held'
  /** Partitions that are held, those still being opened included. */
  readonly assigned: number
  readonly generation: number
}

export interface PartitionProgress {
  readonly partition: number
  /** In the log's own unit (bytes for files, records for Kafka). */
  readonly startOffset: number
  readonly nextOffset: number
  readonly endOffset: number
  /** Records read by this run. */
  readonly records: number
  /** Records by outcome since the origin, and what they were when this run took the partition. */
  readonly counts: Readonly<Record<string, number>>
  readonly startCounts: Readonly<Record<string, number>>
  /** What the reject limit compares: halved every 10,000 records. */
  readonly rejectShare: number
  readonly watermark: number | undefined
  readonly closedDay: number | undefined
  /** Rows written to tables by this run. */
  readonly rowsWritten: number
  /** Values written to the online store by this run. */
  readonly valuesWritten: number
  readonly phase: 'starting' | 'catching up' | 'live' | 'draining' | 'stopped'
  /** Largest event time accepted and the offset of its record: it holds the watermark. */
  readonly newest: { readonly eventTime: number; readonly offset: number } | undefined
  /** Monotonic ms: when the loop last went round; when the position last moved or there was nothing to read. */
  readonly turnedMs: number
  readonly advancedMs: number
  /** A follower holds the fold back. */
  readonly held: boolean
  /** Offsets until the position is reached at which a hand-over found the partition: nothing is told or written before. */
  readonly toFormerPosition: number
  /** Idle, and time ticks; or why it does not. */
  readonly idle: IdleReason
  readonly online: OnlineProgress | undefined
  readonly table: TableProgress | undefined
  readonly checkpoint: CheckpointProgress | undefined
  readonly meters: PartitionMeters
}

export interface OnlineProgress {
  readonly failing: boolean
  /** Changed values that are committed and not told. */
  readonly backlog: number
  /** By view, wall clock ms: timestamp of the oldest record whose change is not told; undefined when all is. */
  readonly untoldSince: readonly (number | undefined)[]
  /** Offset up to which everything is told, and the as-of day of what is served. */
  readonly position: number
  readonly asOf: number
  readonly refused: number
  /** Values that another partition holds: a key in two partitions. */
  readonly foreign: number
  readonly scan:
    { readonly reason: string; readonly slotsDone: number; readonly slots: number } | undefined
  readonly scansByReason: Readonly<Record<string, number>>
}

export interface TableProgress {
  readonly failing: boolean
  readonly dirtySlots: number
  /** Closed days that are not whole in the table. */
  readonly waitingDays: number
  /** By view: the last day whose every slot is in. */
  readonly complete: readonly (number | undefined)[]
  /** Rows of days that had been written before. */
  readonly corrections: number
}

/** What this run stored; undefined where it has stored none yet. */
export interface CheckpointProgress {
  readonly failing: boolean
  /** Of the last one: its next offset, and the wall clock of its beginning, ms. */
  readonly offset: number | undefined
  readonly createdMs: number | undefined
  readonly count: number
  /** Bytes added to the store. */
  readonly bytes: number
}

export interface RunSummary extends RunProgress {
  /** What the run did with partitions that other members have now. */
  readonly released: readonly PartitionProgress[]
  readonly reason: 'end of log' | 'stopped'
  readonly seconds: number
}
