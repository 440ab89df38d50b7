/** A process that runs seeds of a range, every so many, and tells its parent of each. */
import { setMaxListeners } from 'node:events'
import { runSeed, type SeedResult } from './run-seed.ts'

export interface WorkerOrder {
  readonly from: number
  readonly to: number
  readonly step: number
}

export type WorkerNote =
  | { readonly kind: 'begun'; readonly seed: number }
  | { readonly kind: 'done'; readonly result: Omit<SeedResult, 'lines'> }

// Many calls of one process may wait for one signal.
setMaxListeners(0)

process.once('message', (order: WorkerOrder) => {
  void run(order)
})

async function run({ from, to, step }: WorkerOrder): Promise<void> {
  for (let seed = from; seed < to; seed += step) {
    tell({ kind: 'begun', seed })
    const { lines: _, ...result } = await runSeed(seed)
    tell({ kind: 'done', result })
  }
  process.disconnect()
}

function tell(note: WorkerNote): void {
  process.send?.(note)
}
