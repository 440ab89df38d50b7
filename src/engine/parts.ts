/** What a run is made of. The command line builds the adapters and hands them in; the engine knows only the ports. */
import type { Pipeline } from '../core/definition.ts'
import type {
  Clock,
  Decoder,
  GenerationStore,
  Log,
  OnlineStore,
  PartitionState,
  RecordSource,
  RejectSink,
  TableStore,
} from './ports.ts'

export interface RunParts {
  readonly pipeline: Pipeline
  readonly source: RecordSource
  readonly decoder: Decoder
  /** @throws STATE_LOCKED, STATE_DAMAGED */
  openState(partition: number): Promise<PartitionState>
  readonly online: OnlineStore | undefined
  readonly tables: TableStore | undefined
  readonly generations: GenerationStore
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
  /** Aborting it stops the run cleanly: commit, release. */
  readonly signal: AbortSignal
  /** Called about twice a second while the run goes on. */
  readonly onProgress?: (progress: RunProgress) => void
}

export interface RunProgress {
  readonly partitions: readonly PartitionProgress[]
}

export interface PartitionProgress {
  readonly partition: number
  /** In the log's own unit (bytes for files, records for Kafka). */
  readonly startOffset: number
  readonly nextOffset: number
  readonly endOffset: number
  /** Records read by this run. */
  readonly records: number
  readonly counts: Readonly<Record<string, number>>
  readonly watermark: number | undefined
  readonly closedDay: number | undefined
  readonly onlineBacklog: number
  readonly dirtySlots: number
  /** Rows written to tables by this run. */
  readonly rowsWritten: number
  /** Values written to the online store by this run. */
  readonly valuesWritten: number
  readonly phase: 'starting' | 'catching up' | 'live' | 'draining' | 'stopped'
}

export interface RunSummary extends RunProgress {
  readonly reason: 'end of log' | 'stopped'
  readonly seconds: number
}
