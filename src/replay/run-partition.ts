/**
 * One partition of a replay: the engine with other parts. It reads without a group, keeps states of its own, writes tables to the
 * side, tells no online store, and stops where the plan says. What it shares with the live consumer it only reads.
 *
 *     prepare its state -> [remember ids] -> fold to the stop -> seal, store for the hand-over
 */
import { createCalendar } from '../core/day.ts'
import { planRecorded } from '../engine/open-generation.ts'
import { foldPartition } from './fold-partition.ts'
import type { Pace } from './pace.ts'
import type { PartitionReplay } from './plan.ts'
import { afterIds, prepareState } from './prepare.ts'
import type { PartitionResult } from './records.ts'
import type {
  PartitionReplayProgress,
  PartitionRunner,
  PartitionWatch,
  ReplayParts,
} from './run-parts.ts'
import { sealState } from './seal.ts'
import type { StartParts } from './start-parts.ts'

/** @throws SOURCE_* where the log cannot be asked for its partitions */
export async function startParts(parts: ReplayParts): Promise<StartParts> {
  const { plan, pipeline, source } = parts
  const { partitions } = await source.topology()
  return {
    ...parts,
    views: planRecorded(pipeline, plan.record),
    calendar: createCalendar(pipeline.time.zone),
    time: pipeline.time,
    partitions,
  }
}

/** Runs partitions in this process. @throws SOURCE_* */
export async function partitionRunner(parts: ReplayParts, pace: Pace): Promise<PartitionRunner> {
  const start = await startParts(parts)
  return (replay, watch) => replayPartition(start, replay, { parts, pace, watch })
}

interface Surroundings {
  readonly parts: ReplayParts
  readonly pace: Pace
  readonly watch: PartitionWatch
}

async function replayPartition(
  start: StartParts,
  replay: PartitionReplay,
  { parts, pace, watch }: Surroundings,
): Promise<PartitionResult | undefined> {
  const { partition } = replay
  const { plan, states, handOvers, run, clock, log } = parts
  const { signal, onProgress } = watch
  const options = { ...watch, pace }
  onProgress?.({ ...progressAt(replay), phase: 'preparing' })
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
  onProgress?.({
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
