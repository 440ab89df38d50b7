/**
 * A run of a replay: its partitions, some at once, here or in processes of their own; at the end the checksums of what they staged.
 * Where partitions were added, the states of the old ones first become states of the new ones.
 *
 * Killed at any point and run again it goes on from the last commit of each partition, to the same values.
 */
import { checkPlanned } from './check-planned.ts'
import { regroupedBy } from './plan.ts'
import type { PartitionReplay } from './plan.ts'
import type { PartitionResult, ReplayResult } from './records.ts'
import { regroup } from './regroup.ts'
import { partitionRunner, startParts } from './run-partition.ts'
import type { PartitionRunner, ReplayOptions, ReplayParts } from './run-parts.ts'

/**
 * @param runner of single partitions; in this process where it is left out
 * @returns undefined where it was stopped before its end
 * @throws every failure of a partition; the others are stopped then
 */
export async function runReplay(
  parts: ReplayParts,
  options: ReplayOptions,
  runner?: PartitionRunner,
): Promise<ReplayResult | undefined> {
  const { plan, clock, run } = parts
  const startedMs = clock.monotonicMs()
  checkPlanned(parts)
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  if (regroupedBy(plan) && !(await regroup(parts, await startParts(parts), options)))
    return undefined
  const replay = runner ?? (await partitionRunner(parts, options.pace))
  const waiting: PartitionReplay[] = [...plan.partitions]
  const done: PartitionResult[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const result = await replay(next, { ...options, signal })
      if (result) done.push(result)
    }
  }
  await all(Array.from({ length: options.parallel }, work), failed)
  if (done.length < plan.partitions.length) return undefined
  return {
    finishedMs: clock.wallMs(),
    run,
    seconds: (clock.monotonicMs() - startedMs) / 1_000,
    partitions: done.sort((a, b) => a.partition - b.partition),
    tables: await parts.staged(),
  }
}

/** Waits for all, the first failure stopping the others. @throws it */
async function all(works: readonly Promise<void>[], failed: AbortController): Promise<void> {
  const outcomes = await Promise.allSettled(
    works.map((work) =>
      work.catch((cause: unknown) => {
        failed.abort(cause)
        throw cause
      }),
    ),
  )
  if (failed.signal.aborted) throw failed.signal.reason
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
