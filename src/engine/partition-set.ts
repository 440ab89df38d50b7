/**
 * The partitions that this process holds. Each is opened when it is assigned; revoked, it commits, tells its followers for a
 * moment, and releases its state. One that stays assigned goes on as if nothing had happened. The first failure ends all.
 */
import { TidemarkError } from '../errors.ts'
import { openPartition } from './open-partition.ts'
import type { Assignment, OpenPartition } from './open-partition.ts'
import { openBeyond, openState } from './open-state.ts'
import type { PartitionProgress, RunParts } from './parts.ts'
import type { PartitionState } from './ports.ts'
import type { StateWish } from './restore.ts'

/** What the partitions of a run have in common. */
export type SharedAssignment = Omit<
  Assignment,
  'partition' | 'origin' | 'stopAt' | 'failed' | 'stop'
> & {
  /** By partition: where to stop, with `untilEnd`. */
  readonly stopsAt: ReadonlyMap<number, number> | undefined
  /** By partition. */
  readonly origins: readonly number[]
  /** Of the log as a whole, where the record has one. */
  readonly logIdentity: string | undefined
}

interface Held {
  readonly partition: number
  /** Aborted when the partition is revoked or the run stops. */
  readonly stop: AbortController
  opened: OpenPartition | undefined
  ended: boolean
  done: Promise<void>
}

export class PartitionSet {
  readonly #parts: RunParts
  readonly #shared: SharedAssignment
  readonly #failed = new AbortController()
  readonly #held = new Map<number, Held>()
  /** Revoked and not released yet. */
  readonly #leaving = new Set<Held>()
  readonly #released: PartitionProgress[] = []
  #failure: { readonly cause: unknown } | undefined
  #stopped = false
  #onChange: () => void = () => undefined

  constructor(parts: RunParts, shared: SharedAssignment) {
    this.#parts = parts
    this.#shared = shared
  }

  /** The whole set that is held from now on. */
  assign(partitions: ReadonlySet<number>): void {
    if (this.#stopped) return
    for (const held of [...this.#held.values()]) {
      if (!partitions.has(held.partition)) this.#revoke(held)
    }
    for (const partition of [...partitions].sort((a, b) => a - b)) {
      if (!this.#held.has(partition)) this.#take(partition)
    }
    this.#onChange()
  }

  get assigned(): number {
    return this.#held.size
  }

  get progress(): PartitionProgress[] {
    return [...this.#held.values()]
      .sort((a, b) => a.partition - b.partition)
      .flatMap(({ opened }) => (opened ? [opened.task.progress] : []))
  }

  /** What was done with partitions that are held no more. */
  get released(): readonly PartitionProgress[] {
    return this.#released
  }

  /** Every partition that is held has come to its end by itself. */
  get allEnded(): boolean {
    return [...this.#held.values()].every(({ ended }) => ended)
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** Ends all partitions at once, each where its last commit left it. The first cause is thrown by `close`. */
  fail(cause: unknown): void {
    this.#failure ??= { cause }
    this.#failed.abort(cause)
    for (const { opened } of [...this.#held.values(), ...this.#leaving])
      opened?.context.turns.wakeup.notify()
    this.#onChange()
  }

  /** Resolves when an assignment, an end or a failure has changed something. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve
    })
  }

  /** Stops all cleanly and waits for them. @throws the first failure */
  async close(): Promise<void> {
    this.#stopped = true
    const all = [...this.#held.values(), ...this.#leaving]
    for (const { stop } of all) stop.abort()
    await Promise.all(all.map(({ done }) => done))
    if (this.#failure) throw this.#failure.cause
  }

  #take(partition: number): void {
    const former = [...this.#leaving].find((held) => held.partition === partition)
    const stop = new AbortController()
    const held: Held = { partition, stop, opened: undefined, ended: false, done: Promise.resolve() }
    this.#held.set(partition, held)
    held.done = (former?.done ?? Promise.resolve())
      .then(() => this.#run(held))
      .catch((cause: unknown) => {
        // Given away while it still waited for a log that could not be reached.
        const isMoot = cause instanceof TidemarkError && cause.retryable && stop.signal.aborted
        if (!isMoot) this.fail(cause)
      })
      .finally(() => {
        held.ended = true
        this.#onChange()
      })
  }

  #revoke(held: Held): void {
    const { partition, stop } = held
    this.#held.delete(partition)
    this.#leaving.add(held)
    const at = this.#positionOf(partition)
    this.#parts.log.info({ partition }, `${at}: given to another member; stopping here`)
    stop.abort()
    held.done = held.done.then(() => {
      this.#leaving.delete(held)
      if (held.opened) this.#released.push(held.opened.task.progress)
    })
  }

  async #run(held: Held): Promise<void> {
    const { partition, stop } = held
    const { origins, logIdentity, stopsAt, ...shared } = this.#shared
    const assignment: Assignment = {
      ...shared,
      partition,
      origin: origins[partition] ?? 0,
      stopAt: stopsAt?.get(partition),
      failed: this.#failed.signal,
      stop: stop.signal,
    }
    const signal = AbortSignal.any([stop.signal, this.#failed.signal])
    const wish: StateWish = { ...assignment, logIdentity, signal }
    const state = await openState(this.#parts, wish)
    if (state === undefined) return
    const offset = state.head?.nextOffset ?? assignment.origin
    try {
      await this.#runOn(held, assignment, state)
    } catch (cause) {
      const isGone = cause instanceof TidemarkError && cause.code === 'OFFSET_GONE'
      if (!isGone || held.opened !== undefined) throw cause
      const newer = await openBeyond(this.#parts, { ...wish, offset }, cause)
      if (newer) await this.#runOn(held, assignment, newer)
    }
  }

  /** Closes the state at the end, however that comes. */
  async #runOn(held: Held, assignment: Assignment, state: PartitionState): Promise<void> {
    try {
      const opened = await openPartition(this.#parts, assignment, state)
      held.opened = opened
      this.#onChange()
      try {
        await this.#runOpened(opened)
      } finally {
        await opened.reader[Symbol.asyncDispose]()
      }
    } finally {
      await state[Symbol.asyncDispose]()
    }
  }

  #positionOf(partition: number): string {
    return `${this.#parts.source.topic}[${partition}]`
  }

  /** The loop and its followers; whichever fails first stops the run. */
  async #runOpened(opened: OpenPartition): Promise<void> {
    const { context, task, online, table, checkpoints, left } = opened
    const guard = async (part: Promise<void>): Promise<void> => {
      try {
        await part
      } catch (cause) {
        if (!left.signal.aborted) this.fail(cause)
      }
    }
    const followers = [online, table, checkpoints].flatMap((follower) =>
      follower ? [guard(follower.run())] : [],
    )
    await guard(task.run())
    left.abort()
    context.turns.close(new Error('the partition has stopped'))
    online?.wake()
    table?.wake()
    checkpoints?.wake()
    await Promise.all(followers)
    // The next owner, on whatever machine, begins where this one ended.
    if (checkpoints && !this.hasFailed) await checkpoints.handOver()
  }
}
