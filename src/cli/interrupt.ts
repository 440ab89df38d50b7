/**
 * Ctrl-C and SIGTERM. The first asks for a clean stop and gives it a deadline; the second ends the process at once. A
 * crash is always safe (the state holds what was committed), so neither way out loses anything.
 */
import process from 'node:process'

/** Supervisors usually kill after 10 s or more; before that, a message says that it was not clean. */
const DEADLINE_MS = 9_500

export interface Interrupt extends Disposable {
  readonly signal: AbortSignal
}

export interface InterruptWords {
  /** Says that the stop was understood. */
  readonly tell: (text: string) => void
  /** Ends the process at once. */
  readonly leave: () => void
}

export function listenForInterrupt({ tell, leave }: InterruptWords): Interrupt {
  const controller = new AbortController()
  let deadline: NodeJS.Timeout | undefined
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      tell(
        `second ${name}: leaving at once; what was committed is kept, the next start goes on from there`,
      )
      leave()
      return
    }
    tell(`${name}: stopping cleanly; again to leave at once`)
    deadline = setTimeout(() => {
      tell(
        `not stopped after ${DEADLINE_MS / 1000} s: leaving; the next start goes on from the last commit`,
      )
      leave()
    }, DEADLINE_MS).unref()
    controller.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(deadline)
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
    },
  }
}
