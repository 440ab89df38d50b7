/**
 * A publish, or a rollback, that the tables of a partition are still to get: its record stands, and owners have taken its states over,
 * but whoever made it has not come to the tables yet, or has died. What it brings, nobody else writes; so until it is there no
 * further day is called complete.
 */
import type { PartitionContext } from './partition-context.ts'
import { retryForEver } from './retry.ts'
import type { ViewLanes } from './table-lane.ts'

const LOOK_EVERY_MS = 2_000

export class AwaitedSwap {
  readonly #context: PartitionContext
  /** Undefined: nothing is awaited. */
  #generation: number | undefined
  #lookedAtMs = -Infinity

  constructor(context: PartitionContext, generation: number | undefined) {
    this.#context = context
    this.#generation = generation
  }

  get generation(): number | undefined {
    return this.#generation
  }

  /** Now and then: whether it has come since. Then the lanes know what their tables call complete. */
  async hasCome(lanes: readonly ViewLanes[]): Promise<boolean> {
    const { clock, partition, signal } = this.#context
    const generation = this.#generation
    if (generation === undefined || clock.monotonicMs() - this.#lookedAtMs < LOOK_EVERY_MS)
      return false
    this.#lookedAtMs = clock.monotonicMs()
    const what = `looking for generation ${generation} in the tables`
    const all = lanes.flatMap(({ rows, tiles }) => [rows, tiles])
    const days = await retryForEver(
      async () => {
        const found: (number | undefined)[] = []
        for (const { table } of all) {
          if ((await table.swapped()) < generation) return undefined
          found.push((await table.complete()).get(partition))
        }
        return found
      },
      { ...this.#context, signal, what },
    )
    if (days === undefined) return false
    for (const [i, lane] of all.entries()) lane.restate(days[i])
    this.#generation = undefined
    return true
  }
}
