/**
 * One start of the program on a machine, as the operating system sees it: it runs, is stopped for a while (SIGSTOP, a long
 * collection of garbage, a laptop's lid) or is dead. Answers and timers reach it only while it runs.
 *
 * A stopped process finds all of them when it goes on, in any order, believing what it believed before: a zombie.
 */
import type { Clock } from '../src/engine/ports.ts'
import type { Chance } from './chance.ts'
import type { Scheduler } from './scheduler.ts'

export type ProcessStatus = 'running' | 'stopped' | 'dead'

/** Looks at the clock between two steps of the world: more than any honest loop needs. */
const ASKED_MAX = 100_000

export interface ProcessParts {
  readonly name: string
  readonly scheduler: Scheduler
  readonly chance: Chance
  /** The machine's wall clock. */
  readonly wallMs: () => number
  /** Called once, at its end of whatever kind. */
  readonly onDeath: () => void
}

export class Process {
  readonly name: string
  readonly clock: Clock
  readonly chance: Chance
  status: ProcessStatus = 'running'
  /** Nothing of its group reaches it, and it does not mind: it believes in what it was given. */
  isDeaf = false
  readonly #parts: ProcessParts
  readonly #startMs: number
  #monotonicOffsetMs: number
  #waiting: (() => void)[] = []
  /** Ends each sleep without a word: what listens to a signal for ever is never collected. */
  readonly #sleeping = new Set<() => void>()
  #askedAt = 0
  #asked = 0

  constructor(parts: ProcessParts) {
    this.#parts = parts
    this.name = parts.name
    this.chance = parts.chance
    this.#startMs = parts.scheduler.nowMs
    this.#monotonicOffsetMs = parts.chance.integer(0, 1_000_000)
    this.clock = {
      wallMs: () => Math.floor(parts.wallMs()),
      monotonicMs: () => this.#monotonicMs(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
    }
  }

  get isDead(): boolean {
    return this.status === 'dead'
  }

  /** Lets an answer or a timer through; later, where the process is stopped; never, where it is dead. */
  deliver(action: () => void): void {
    if (this.status === 'running') action()
    else if (this.status === 'stopped') this.#waiting.push(action)
  }

  stop(): void {
    if (this.status === 'running') this.status = 'stopped'
  }

  /** @param sleptMs how much its monotonic clock did not count: a suspended machine's stands still */
  resume(sleptMs: number): void {
    if (this.status !== 'stopped') return
    this.status = 'running'
    this.#monotonicOffsetMs -= sleptMs
    const waiting = this.chance.shuffled(this.#waiting)
    this.#waiting = []
    for (const action of waiting) this.#parts.scheduler.after(0, () => this.deliver(action))
  }

  jumpMonotonic(ms: number): void {
    this.#monotonicOffsetMs += ms
  }

  kill(): void {
    if (this.isDead) return
    this.status = 'dead'
    this.#waiting = []
    for (const forget of this.#sleeping) forget()
    this.#parts.onDeath()
  }

  /** @throws where it is asked again and again while nothing happens: the process would turn round for ever */
  #monotonicMs(): number {
    const { scheduler } = this.#parts
    if (this.#askedAt !== scheduler.fired) {
      this.#askedAt = scheduler.fired
      this.#asked = 0
    }
    this.#asked += 1
    if (this.#asked > ASKED_MAX) throw new Error('a busy loop: time stands still')
    return scheduler.nowMs - this.#startMs + this.#monotonicOffsetMs
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const forget = (): void => {
        cancel()
        signal?.removeEventListener('abort', done)
        this.#sleeping.delete(forget)
      }
      const done = (): void => {
        forget()
        resolve()
      }
      this.#sleeping.add(forget)
      const cancel = this.#parts.scheduler.after(ms, () => this.deliver(done))
      signal?.addEventListener('abort', done)
    })
  }
}
