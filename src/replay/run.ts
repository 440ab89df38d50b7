/**
 * A run of a replay: the engine with other parts. It reads without a group, keeps states of its own, writes tables to the side,
 * tells no online store, and stops where the plan says. What it shares with the live consumer it only reads.
 *
 *     each partition:  prepare its state -> [remember ids] -> fold to the stop -> seal, store for the hand-over
 *     at the end:      checksums of what was staged -> the result
 *
 * Killed at any point and run again it goes on from the last commit of each partition, to the same values.
 */
import { createCalendar } from '../core/day.ts'
import { planRecorded } from '../engine/open-generation.ts'
import { checkPlanned } from './check-planned.ts'
import { foldPartition } from './fold-partition.ts'
import type { PartitionReplay } from './plan.ts'
import { afterIds, prepareState } from './prepare.ts'
import type { StartParts } from './start-parts.ts'
import type { PartitionResult, ReplayResult } from './records.ts'
import type { PartitionReplayProgress, ReplayOptions, ReplayParts } from './run-parts.ts'
import { sealState } from './seal.ts'

/** @returns undefined where it was stopped before its end. @throws every failure of a partition; the others are stopped then */
export async function runReplay(
  parts: ReplayParts,
  options: ReplayOptions,
): Promise<ReplayResult | undefined> {
  const { plan, clock, run } = parts
  const startedMs = clock.monotonicMs()
  checkPlanned(parts)
  const topology = await parts.source.topology()
  const views = planRecorded(parts.pipeline, plan.record)
  const calendar = createCalendar(parts.pipeline.time.zone)
  const { time } = parts.pipeline
  const start: StartParts = { ...parts, views, calendar, time, partitions: topology.partitions }
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const waiting = [...plan.partitions]
  const done: PartitionResult[] = []
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) {
      const result = await replayPartition(start, next, { parts, options: { ...options, signal } })
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

/** Undefined where it was stopped. */
async function replayPartition(
  start: StartParts,
  replay: PartitionReplay,
  { parts, options }: { readonly parts: ReplayParts; readonly options: ReplayOptions },
): Promise<PartitionResult | undefined> {
  const { partition } = replay
  const { plan, states, handOvers, run, clock, log } = parts
  const { signal } = options
  options.onProgress?.({ ...progressAt(replay), phase: 'preparing' })
  if ((await prepareState(start, replay)) === 'ids') {
    await foldPartition(parts, options, { replay, idsOnly: true })
    if (signal.aborted) return undefined
    await afterIds(start, replay)
  }
  await foldPartition(parts, options, { replay, idsOnly: false })
  if (signal.aborted) return undefined
  const { views, partitions } = start
  const retry = { clock, log, signal }
  const result = await sealState(
    { plan, partitions, views, states, handOvers, run, retry },
    partition,
  )
  const { offset } = result
  options.onProgress?.({
    ...progressAt(replay),
    phase: 'done',
    nextOffset: offset,
    endOffset: offset,
  })
  return result
}

function progressAt({
  partition,
  start,
  stop,
}: PartitionReplay): Omit<PartitionReplayProgress, 'phase'> {
  return { partition, nextOffset: start.offset, endOffset: stop ?? start.offset, records: 0 }
}
