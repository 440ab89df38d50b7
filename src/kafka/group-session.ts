/**
 * For how long the coordinator still counts this member in, as far as the member can know: a session after it *sent* the
 * last request that was answered well. The coordinator's own count began later, so it never gives our partitions away
 * before we know.
 *
 * A process that was stopped (SIGSTOP, a laptop's lid, a long collection of garbage) may find answers in its sockets before
 * its timers fire: whoever is about to believe an answer asks `check` first.
 */
import type { Clock } from '../engine/ports.ts'

export class GroupSession {
  readonly #clock: Clock
  readonly #sessionMs: number
  readonly #expired: () => void
  #renewedMs: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** `expired` is called once for each session that was not renewed in time. */
  constructor(clock: Clock, sessionMs: number, expired: () => void) {
    this.#clock = clock
    this.#sessionMs = sessionMs
    this.#expired = expired
  }

  /** Begins a session, or prolongs it: the coordinator knew us at some time after `sentMs`. */
  renew(sentMs: number): void {
    if (this.#renewedMs !== undefined && sentMs <= this.#renewedMs) return
    this.#renewedMs = sentMs
    if (this.#timer === undefined) this.#arm()
  }

  /** Ends the session now if its time is over. */
  check(): void {
    if (this.#leftMs() > 0) return
    this.end()
    this.#expired()
  }

  /** Ends it without telling. */
  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#renewedMs = undefined
  }

  #leftMs(): number {
    if (this.#renewedMs === undefined) return Infinity
    return this.#renewedMs + this.#sessionMs - this.#clock.monotonicMs()
  }

  #arm(): void {
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.check()
        if (this.#renewedMs !== undefined) this.#arm()
      },
      Math.max(1, Math.ceil(this.#leftMs())),
    )
  }
}
