/** Where states of partitions are kept beyond this machine: the port of checkpoints. Its suite is `test/conformance/checkpoint-store.ts`. */
import type { StateHead, StateSnapshot } from './ports.ts'

/** States of partitions, kept beyond this machine. All errors: CHECKPOINT_UNAVAILABLE (retry), CHECKPOINT_REFUSED. */
export interface CheckpointStore {
  /** Durable when it resolves, and not to be found before. Files that an earlier checkpoint holds are not stored again. */
  write(snapshot: StateSnapshot, run: string): Promise<Checkpoint>
  /** Those of one partition that are complete; the highest (generation, offset) first. */
  list(partition: number): Promise<readonly Checkpoint[]>
  /** The files of a checkpoint, each checked. @throws CHECKPOINT_DAMAGED where one is missing or has other bytes */
  read(checkpoint: Checkpoint): AsyncIterable<{ readonly name: string; readonly bytes: Uint8Array }>
  /** Deletes those that the retention no longer keeps, and files that none holds. Safe beside writers. */
  prune(partition: number): Promise<PruneResult>
}

export interface Checkpoint {
  /** Unique in the partition; sorts by generation, then offset. */
  readonly id: string
  readonly partition: number
  readonly head: StateHead
  /** Wall clock of the writer, ms. */
  readonly createdMs: number
  readonly run: string
  readonly files: readonly {
    readonly name: string
    readonly bytes: number
    /** SHA-256, hex. */
    readonly digest: string
  }[]
  /** Bytes that this one added to the store. */
  readonly bytesAdded: number
}

export interface PruneResult {
  readonly checkpoints: number
  readonly files: number
  readonly bytes: number
}
