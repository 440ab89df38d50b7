/**
 * The way of one process to the rest of the world: each call takes its time, then its effect happens, then the answer comes
 * back. In between anything may go wrong that can go wrong: the process dies before or after the effect, the effect fails, its
 * answer is lost, or the request arrives long after everybody has given it up.
 */
import type { ErrorCode } from '../src/errors.ts'
import { TidemarkError } from '../src/errors.ts'
import type { Effect, Fate, Place } from './effect.ts'
import type { Process } from './process.ts'
import type { Scheduler } from './scheduler.ts'
import type { Trace } from './trace.ts'

export interface NetworkParts {
  readonly process: Process
  readonly scheduler: Scheduler
  readonly trace: Trace
  decide(effect: Effect): Fate
  /** Told of every death at an effect and every failure, for the coverage. */
  onFault(kind: string, effect: Effect): void
  /** Told of effects of a process that is dead or asleep by then. */
  onGhost(effect: Effect): void
}

/** After which a client gives up waiting; the request may arrive nevertheless. */
const TIMEOUT_MS = 8_000

const CODES: Readonly<Record<Place, { readonly transient: ErrorCode; readonly final: ErrorCode }>> =
  {
    disk: { transient: 'STATE_WRITE_FAILED', final: 'STATE_WRITE_FAILED' },
    online: { transient: 'ONLINE_UNAVAILABLE', final: 'ONLINE_REFUSED' },
    tables: { transient: 'TABLE_UNAVAILABLE', final: 'TABLE_REFUSED' },
    rejects: { transient: 'REJECTS_UNWRITABLE', final: 'REJECTS_UNWRITABLE' },
    log: { transient: 'SOURCE_UNAVAILABLE', final: 'SOURCE_REFUSED' },
    group: { transient: 'SOURCE_UNAVAILABLE', final: 'GROUP_REFUSED' },
    checkpoints: { transient: 'CHECKPOINT_UNAVAILABLE', final: 'CHECKPOINT_REFUSED' },
  }

export class Network {
  readonly #parts: NetworkParts

  constructor(parts: NetworkParts) {
    this.#parts = parts
  }

  /** @param act the effect; `part` below 1: only that share of it happens */
  call<T>(effect: Effect, act: (part: number) => Promise<T>): Promise<T> {
    const { process, scheduler } = this.#parts
    if (process.isDead) return new Promise(() => undefined)
    const fate = this.#parts.decide(effect)
    return new Promise((resolve, reject) => {
      let isAnswered = false
      const answer = (settle: () => void): void => {
        if (isAnswered) return
        isAnswered = true
        process.deliver(settle)
      }
      const isRemote = effect.place !== 'disk'
      // A fetch is waited for by nobody in particular: the next ones come after it, however late.
      const hasTimeout = isRemote && effect.place !== 'log'
      if (hasTimeout && fate.outMs + fate.backMs > TIMEOUT_MS) {
        scheduler.after(TIMEOUT_MS, () => {
          if (isAnswered) return
          this.#fault('timeout', effect)
          answer(() => reject(failure(effect, 'no answer in time', fate)))
        })
      }
      const arrive = (): void => {
        this.#happen(effect, fate, act).then(
          (result) => {
            if (result === undefined) return
            const settle = (): void => answer(() => resolve(result.value))
            if (fate.backMs > 0) scheduler.after(fate.backMs, settle)
            else settle()
          },
          (cause: unknown) => {
            const error = cause instanceof Error ? cause : new Error(String(cause))
            scheduler.after(fate.backMs, () => answer(() => reject(error)))
          },
        )
      }
      scheduler.after(fate.outMs, isRemote ? arrive : () => process.deliver(arrive))
    })
  }

  /** Undefined: nobody is left to hear of it. */
  async #happen<T>(
    effect: Effect,
    fate: Fate,
    act: (part: number) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    const { process } = this.#parts
    if (!process.isDead && fate.death === 'before') {
      this.#die(effect, 'before')
      return undefined
    }
    if (fate.failure === 'before') throw this.#fail(effect, fate)
    const within = fate.death === 'within' || fate.failure === 'within'
    const wasDead = process.isDead
    this.#note(effect)
    const value = await act(within ? fate.part : 1)
    if (!wasDead && fate.death !== undefined && fate.death !== 'before') {
      this.#die(effect, fate.death)
      return undefined
    }
    if (fate.failure !== undefined) throw this.#fail(effect, fate)
    return { value }
  }

  #die(effect: Effect, when: 'before' | 'within' | 'after'): void {
    this.#fault(`crash ${when}`, effect)
    this.#parts.process.kill()
  }

  #fail(effect: Effect, fate: Fate): TidemarkError {
    this.#fault(`fail ${fate.failure ?? ''}`, effect)
    return failure(effect, `simulated, ${fate.failure ?? ''}`, fate)
  }

  #note(effect: Effect): void {
    const { trace, process } = this.#parts
    const isGhost = process.status !== 'running'
    if (isGhost && effect.isDurable) this.#parts.onGhost(effect)
    const remark = isGhost ? `  (sent before it was ${process.status})` : ''
    trace.note(process.name, `${effect.name}  ${effect.detail}${remark}`)
  }

  #fault(kind: string, effect: Effect): void {
    this.#parts.trace.note(this.#parts.process.name, `*** ${kind} ${effect.name}  ${effect.detail}`)
    this.#parts.onFault(kind, effect)
  }
}

function failure(effect: Effect, why: string, { isPermanent }: Fate): TidemarkError {
  const { transient, final } = CODES[effect.place]
  return new TidemarkError(isPermanent ? final : transient, `${effect.name}: ${why}`)
}
