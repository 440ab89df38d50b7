/** What one process of a group looks at once a minute, beside the fold: that which has partition 0, since it concerns all. */
import type { Clock } from '../engine/ports.ts'
import type { RunProgress } from '../engine/parts.ts'

const EVERY_MS = 60_000

export class MinuteLook implements AsyncDisposable {
  readonly #clock: Clock
  /** Throws nothing. */
  readonly #look: (signal: AbortSignal) => Promise<void>
  readonly #stopping = new AbortController()
  #lookedMs = -Infinity
  #looking: Promise<void> | undefined

  constructor(clock: Clock, look: (signal: AbortSignal) => Promise<void>) {
    this.#clock = clock
    this.#look = look
  }

  /** Begins a look where one is due. False: it is another process's business. */
  update({ partitions }: RunProgress): boolean {
    const isMine = partitions.some(({ partition }) => partition === 0)
    const now = this.#clock.monotonicMs()
    if (!isMine || now - this.#lookedMs < EVERY_MS || this.#looking) return isMine
    this.#lookedMs = now
    this.#looking = this.#look(this.#stopping.signal).finally(() => {
      this.#looking = undefined
    })
    return true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#looking
  }
}
