/**
 * Whether the brokers answer: one line in the log when they stop, one when all is well again, and the state between for
 * `/readyz` and metrics. A single failure is no outage: an idle connection that a broker closed fails once.
 */
import type { Clock, Log } from '../engine/ports.ts'

export interface ReachabilityState {
  readonly reachable: boolean
  /** Ms on the wall clock; undefined while reachable. */
  readonly sinceMs?: number
  /** What was answered, or not, last. */
  readonly reason?: string
}

interface Failing {
  times: number
  reason: string
}

const FAILURES_MIN = 2

export class Reachability {
  readonly #topic: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #failing = new Map<string, Failing>()
  #outage: { readonly sinceMs: number; readonly startMs: number } | undefined

  constructor(topic: string, parts: { readonly log: Log; readonly clock: Clock }) {
    this.#topic = topic
    this.#log = parts.log
    this.#clock = parts.clock
  }

  get state(): ReachabilityState {
    if (this.#outage === undefined) return { reachable: true }
    const reason = [...this.#failing.values()].at(-1)?.reason
    return {
      reachable: false,
      sinceMs: this.#outage.sinceMs,
      ...(reason !== undefined && { reason }),
    }
  }

  /** `who`: `broker 1`, `leaders`. `isCertain`: it has lasted already, one failure is enough. */
  failed(who: string, reason: string, isCertain = false): void {
    const failing = this.#failing.get(who) ?? { times: 0, reason }
    failing.times += isCertain ? FAILURES_MIN : 1
    failing.reason = reason
    this.#failing.set(who, failing)
    if (failing.times < FAILURES_MIN || this.#outage !== undefined) return
    this.#outage = { sinceMs: this.#clock.wallMs(), startMs: this.#clock.monotonicMs() }
    this.#log.warn(
      { topic: this.#topic, reason },
      `${this.#topic}: Kafka does not answer, trying on: ${reason}`,
    )
  }

  answered(who: string): void {
    if (this.#failing.delete(who)) this.#noteEnd()
  }

  /** Nobody asks the others any more. */
  keepOnly(who: ReadonlySet<string>): void {
    for (const name of this.#failing.keys()) if (!who.has(name)) this.#failing.delete(name)
    this.#noteEnd()
  }

  #noteEnd(): void {
    if (this.#outage === undefined || this.#failing.size > 0) return
    const seconds = Math.round((this.#clock.monotonicMs() - this.#outage.startMs) / 100) / 10
    this.#outage = undefined
    this.#log.info(
      { topic: this.#topic, seconds },
      `${this.#topic}: Kafka answers again after ${seconds} s`,
    )
  }
}
