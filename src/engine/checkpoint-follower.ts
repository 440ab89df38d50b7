/**
 * The checkpoint follower of a partition: every so often, what the last commit left goes to the checkpoint store, and once
 * more when the partition is handed over. Nothing depends on it but the time that a new owner needs.
 *
 * The loop stops only for the snapshot, in a turn between two commits; storing goes on beside it. A checkpoint that is not
 * whole is never found, so this may die anywhere, and two owners of a partition may both write: each checkpoint is what
 * the log says up to its offset.
 */
import type { PartitionContext } from './partition-context.ts'
import type { CheckpointProgress } from './parts.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint-port.ts'
import type { StateHead, StateSnapshot } from './ports.ts'
import { invariant } from '../errors.ts'
import { retryForEver } from './retry.ts'
import { Wakeup } from './wakeup.ts'

/** Within the time that a stop may take; a checkpoint that needs longer is left to who comes next. */
const HAND_OVER_MS = 5_000
/** So that partitions do not all store at one time: the first wait is between a half and the whole interval. */
const SPREAD = 0.618
/** Timers know no waits of months. */
const LONGEST_WAIT_MS = 60_000

export class CheckpointFollower {
  readonly #context: PartitionContext
  readonly #store: CheckpointStore
  readonly #everyMs: number
  readonly #wakeup: Wakeup
  #dueMs: number
  #last: Checkpoint | undefined
  #count = 0
  #bytes = 0
  #failing = false
  /** Under way; never rejects. */
  #storing: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined

  constructor(context: PartitionContext, store: CheckpointStore) {
    const { checkpoints } = context.pipeline
    invariant(checkpoints, 'a pipeline that keeps checkpoints says how often')
    const { everyMs } = checkpoints
    this.#context = context
    this.#store = store
    this.#everyMs = everyMs
    this.#wakeup = new Wakeup(context.clock)
    const spread = (context.partition * SPREAD) % 1
    this.#dueMs = context.clock.monotonicMs() + everyMs * (0.5 + spread / 2)
  }

  get progress(): CheckpointProgress {
    return {
      failing: this.#failing,
      offset: this.#last?.head.nextOffset,
      createdMs: this.#last?.createdMs,
      count: this.#count,
      bytes: this.#bytes,
    }
  }

  /** Ends a wait of `run` early. */
  wake(): void {
    this.#wakeup.notify()
  }

  /** Until the partition has left, or the run has failed. @throws CHECKPOINT_REFUSED */
  async run(): Promise<void> {
    const { clock, signal, turns, state } = this.#context
    while (!signal.aborted) {
      if (this.#failure) throw this.#failure.cause
      const waitMs = this.#dueMs - clock.monotonicMs()
      if (waitMs > 0 || this.#storing !== undefined) {
        await this.#wakeup.wait(Math.min(Math.max(waitMs, 100), LONGEST_WAIT_MS))
      } else {
        this.#dueMs = clock.monotonicMs() + this.#everyMs
        if (this.#hasMoved())
          this.#begin(await turns.read(() => this.#snapshot(() => state.snapshot())))
      }
    }
  }

  /**
   * The last checkpoint of this owner, after its last commit: the loop has left, the state is still open. What cannot be stored
   * in time, or at all, is left: nothing is lost by it.
   */
  async handOver(): Promise<void> {
    const { clock, log, state, partition } = this.#context
    const work = async (): Promise<void> => {
      await this.#storing
      if (!this.#hasMoved()) return
      this.#begin(await this.#snapshot(() => state.snapshot()))
      await this.#storing
    }
    // A wait that is left behind would keep the process from ending.
    const patience = new AbortController()
    await Promise.race([work(), clock.sleep(HAND_OVER_MS, patience.signal)])
    patience.abort()
    if (!this.#hasMoved()) return
    const { cause } = this.#failure ?? {}
    const why =
      cause instanceof Error ? cause.message : `it takes longer than ${HAND_OVER_MS / 1_000} s`
    log.warn(
      { partition },
      `partition ${partition}: no checkpoint at the end: ${why}. Who takes it over begins at the one before`,
    )
  }

  #hasMoved(): boolean {
    const { head } = this.#context.state
    return head !== undefined && this.#hasMovedSince(head)
  }

  #hasMovedSince({ generation, nextOffset }: StateHead): boolean {
    const last = this.#last?.head
    return nextOffset !== last?.nextOffset || generation !== last.generation
  }

  /** By who had the partition before, at this very position. */
  async #storedAlready({ head }: StateSnapshot): Promise<Checkpoint | undefined> {
    const [newest] = await this.#store.list(head.partition)
    const isSame =
      newest?.head.nextOffset === head.nextOffset && newest.head.generation === head.generation
    return isSame ? newest : undefined
  }

  async #snapshot(take: () => Promise<StateSnapshot>): Promise<StateSnapshot> {
    const { clock, meters } = this.#context
    const startedMs = clock.monotonicMs()
    const snapshot = await take()
    meters.snapshotSeconds.observe((clock.monotonicMs() - startedMs) / 1_000)
    return snapshot
  }

  /** Stores beside the loop. */
  #begin(snapshot: StateSnapshot): void {
    this.#storing = this.#storeAll(snapshot)
      .catch((cause: unknown) => {
        this.#failure = { cause }
      })
      .finally(() => {
        this.#storing = undefined
        this.#wakeup.notify()
      })
  }

  async #storeAll(snapshot: StateSnapshot): Promise<void> {
    const { clock, log, meters, partition, run, signal } = this.#context
    const startedMs = clock.monotonicMs()
    const retry = {
      clock,
      log,
      signal,
      meters,
      onTrouble: (failing: boolean) => {
        this.#failing = failing
      },
    }
    let checkpoint: Checkpoint
    try {
      const what = `storing a checkpoint of partition ${partition}`
      this.#last ??= await retryForEver(() => this.#storedAlready(snapshot), { ...retry, what })
      if (!this.#hasMovedSince(snapshot.head)) return
      checkpoint = await retryForEver(() => this.#store.write(snapshot, run), { ...retry, what })
    } finally {
      await snapshot[Symbol.asyncDispose]()
    }
    this.#last = checkpoint
    this.#count += 1
    this.#bytes += checkpoint.bytesAdded
    const seconds = (clock.monotonicMs() - startedMs) / 1_000
    meters.checkpointSeconds.observe(seconds)
    log.debug(
      { partition, checkpoint: checkpoint.id, bytes: checkpoint.bytesAdded, seconds },
      `partition ${partition}: checkpoint ${checkpoint.id}`,
    )
    await retryForEver(() => this.#store.prune(partition), {
      ...retry,
      what: `deleting old checkpoints of partition ${partition}`,
    })
  }
}
