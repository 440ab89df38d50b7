/**
 * When to ask one broker for what: its two lanes, the pace of requests that wait for records to come, and its backoff.
 *
 *   behind   partitions with records to get now: the broker answers at once
 *   tail     partitions at their end: the broker holds the request until a record comes, at most LONG_POLL_MS
 *
 * One that gets room while the tail's request waits at the broker is polled through the other lane, briefly, so that it
 * neither waits nor holds up those behind. When the tail comes back with nothing it waits for that poll, to take all along.
 */
import type { ConnectionLane } from './cluster.ts'

export type FetchLane = Exclude<ConnectionLane, 'control'>

export interface FetchPlan {
  readonly lane: FetchLane
  /** Which of those that want something. */
  readonly of: 'behind' | 'atEnd'
  /** How long the broker may wait for the first record. */
  readonly waitMs: number
}

const LONG_POLL_MS = 500
const SHORT_POLL_MS = 40
/** Between the starts of two requests that wait: records that come one by one are fetched together. */
const PACE_MS = 4
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 2_000

export class BrokerLanes {
  /** Lanes with a request under way, and how long it may wait at the broker. */
  readonly #busy = new Map<FetchLane, number>()
  readonly #pacedMs: Record<FetchLane, number> = { behind: 0, tail: 0 }
  #mayGather = false
  #notBeforeMs = 0
  #backoffMs = 0

  /** What to send now, to be begun with `begin`; `wakeMs`: when to ask again, if nothing happens before. */
  plan(
    has: { readonly behind: boolean; readonly atEnd: boolean },
    nowMs: number,
  ): { readonly sends: readonly FetchPlan[]; readonly wakeMs?: number } {
    if (this.#notBeforeMs > nowMs) return { sends: [], wakeMs: this.#notBeforeMs }
    const sends: FetchPlan[] = []
    if (has.behind && !this.#busy.has('behind'))
      sends.push({ lane: 'behind', of: 'behind', waitMs: 0 })
    const lane = has.atEnd ? this.#laneToWaitIn(sends.length > 0) : undefined
    if (lane === undefined) return { sends }
    if (this.#pacedMs[lane] > nowMs) return { sends, wakeMs: this.#pacedMs[lane] }
    const waitMs = lane === 'tail' ? LONG_POLL_MS : SHORT_POLL_MS
    return { sends: [...sends, { lane, of: 'atEnd', waitMs }] }
  }

  begin({ lane, waitMs }: FetchPlan, nowMs: number): void {
    this.#busy.set(lane, waitMs)
    if (waitMs > 0) this.#pacedMs[lane] = nowMs + PACE_MS
  }

  end(lane: FetchLane, foundSomething: boolean): void {
    this.#busy.delete(lane)
    if (lane === 'tail') this.#mayGather = !foundSomething
  }

  answered(): void {
    this.#backoffMs = 0
  }

  /** The first time it is asked again at once: a broker closes connections that were idle for long. */
  failed(nowMs: number): void {
    this.holdUntil(nowMs + this.#backoffMs)
    this.#backoffMs = Math.min(Math.max(this.#backoffMs * 2, BACKOFF_FIRST_MS), BACKOFF_MAX_MS)
  }

  holdUntil(atMs: number): void {
    this.#notBeforeMs = atMs
  }

  #laneToWaitIn(behindIsTaken: boolean): FetchLane | undefined {
    const isPolling = (this.#busy.get('behind') ?? 0) > 0
    if (!this.#busy.has('tail')) return isPolling && this.#mayGather ? undefined : 'tail'
    return behindIsTaken || this.#busy.has('behind') ? undefined : 'behind'
  }
}
