/**
 * Reads of the state by followers, between batches.
 *
 * The state allows one call at a time and no read across a write, so followers do not call it: they queue a short read, and
 * the partition's loop runs queued reads when no write is in flight. What a read sees is what the last commit left.
 */
import type { Clock } from './ports.ts'
import { Wakeup } from './wakeup.ts'

interface QueuedRead {
  readonly run: () => Promise<void>
  readonly refuse: (reason: Error) => void
}

export class ReadTurns {
  /** Notified when a read is queued. */
  readonly wakeup: Wakeup
  readonly #clock: Clock
  #queue: QueuedRead[] = []
  #closed: Error | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.wakeup = new Wakeup(clock)
  }

  /** Resolves with what `read` gives, once the loop has had a turn for it. Rejects when the partition stops. */
  read<T>(read: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed)
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run: () => read().then(resolve, reject), refuse: reject })
      this.wakeup.notify()
    })
  }

  /** Runs queued reads, those that follow at once on them too, for about `budgetMs`. Returns how many ran. */
  async serve(budgetMs: number): Promise<number> {
    const end = this.#clock.monotonicMs() + budgetMs
    for (let served = 0; ; served += 1) {
      const next = this.#queue.shift()
      if (next === undefined) return served
      await next.run()
      // Lets the follower that waited for this read take its next step, which often queues the next one.
      await Promise.resolve()
      if (this.#clock.monotonicMs() >= end) return served + 1
    }
  }

  /** Refuses all reads from now on, those that wait too. */
  close(reason: Error): void {
    this.#closed = reason
    const waiting = this.#queue
    this.#queue = []
    for (const { refuse } of waiting) refuse(reason)
  }
}
