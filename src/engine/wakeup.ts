/** A wait that ends early when there is something to do. */
import type { Clock } from './ports.ts'

/** Nobody looks at it; an error made anew each time would cost more than the wait. */
const REASON = 'notified'

export class Wakeup {
  readonly #clock: Clock
  #alarm: AbortController | undefined
  #notified = false
  #announced: Promise<void> | undefined
  #announce: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  notify(): void {
    this.#notified = true
    this.#alarm?.abort(REASON)
    this.#announce?.()
  }

  /** Resolves at the next `notify`, or at once where one came since the last wait; that wait still ends at once. */
  notified(): Promise<void> {
    if (this.#notified) return Promise.resolve()
    return (this.#announced ??= new Promise((resolve) => {
      this.#announce = () => {
        this.#announced = undefined
        this.#announce = undefined
        resolve()
      }
    }))
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
