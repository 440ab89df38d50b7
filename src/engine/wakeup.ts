/** A wait that ends early when there is something to do. */
import type { Clock } from './ports.ts'

export class Wakeup {
  readonly #clock: Clock
  #alarm: AbortController | undefined
  #notified = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  notify(): void {
    this.#notified = true
    this.#alarm?.abort()
  }

  /** Waits for `notify`, for `ms` at most; not at all when one came since the last wait. */
  async wait(ms: number): Promise<void> {
    if (!this.#notified) {
      this.#alarm = new AbortController()
      await this.#clock.sleep(ms, this.#alarm.signal)
      this.#alarm = undefined
    }
    this.#notified = false
  }
}
