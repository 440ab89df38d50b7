/** The machine's own clock: the adapter of the `Clock` port. */
import { setTimeout } from 'node:timers/promises'
import type { Clock } from '../engine/ports.ts'

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await setTimeout(ms, undefined, signal && { signal })
    } catch (error) {
      if (signal?.aborted !== true) throw error
    }
  },
}
