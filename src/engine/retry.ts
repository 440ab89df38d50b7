/** Retrying what is only unreachable: for ever, with backoff and jitter, told once in a while. */
import { TidemarkError } from '../errors.ts'
import type { Clock, Log } from './ports.ts'

const FIRST_MS = 100
const LONGEST_MS = 15_000

export interface RetryContext {
  readonly clock: Clock
  readonly log: Log
  /** What is being done, for the log. */
  readonly what: string
  readonly signal: AbortSignal
  readonly meters?: { retries: number }
  /** Called with true at the first failure and with false once it works again. */
  readonly onTrouble?: (failing: boolean) => void
}

/** Runs `effect` until it succeeds. Errors that a retry cannot mend, and an aborted signal, end it. */
export async function retryForEver<T>(effect: () => Promise<T>, context: RetryContext): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await effect()
      if (attempt > 0) {
        context.onTrouble?.(false)
        context.log.info({ attempts: attempt + 1 }, `${context.what}: works again`)
      }
      return result
    } catch (cause) {
      if (!(cause instanceof TidemarkError) || !cause.retryable || context.signal.aborted)
        throw cause
      if (attempt === 0) context.onTrouble?.(true)
      if (context.meters) context.meters.retries += 1
      const waitMs = backoff(attempt, context.clock)
      context.log.warn(
        { attempt: attempt + 1, waitMs },
        `${context.what}: ${cause.message}; trying again`,
      )
      await context.clock.sleep(waitMs, context.signal)
    }
  }
}

/** Jitter from the clock's fraction: spread is all that is asked of it. */
function backoff(attempt: number, clock: Clock): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10))
  const fraction = (clock.monotonicMs() * 7919) % 1
  return Math.round(ceiling * (0.5 + fraction / 2))
}
