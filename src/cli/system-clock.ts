/** The machine's own clock: the adapter of the `Clock` port. */
import { setMaxListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Clock } from '../engine/ports.ts'

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    // Every partition may wait on one signal at once; by default Node warns of more than ten, on stderr.
    if (signal) setMaxListeners(0, signal)
    try {
      await setTimeout(ms, undefined, signal && { signal })
    } catch (error) {
      if (signal?.aborted !== true) throw error
    }
  },
}
