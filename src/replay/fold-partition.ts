/** One partition of a replay through the engine, up to its stop; or only to remember the ids before it counts. */
import type { Pipeline } from '../core/definition.ts'
import { recordText } from '../core/generation.ts'
import type { GenerationRecord } from '../core/generation.ts'
import type { PartitionProgress, RunParts } from '../engine/parts.ts'
import type { GenerationStore } from '../engine/ports.ts'
import type { RejectSink } from '../engine/reject-port.ts'
import { runPipeline } from '../engine/run-pipeline.ts'
import { boundedSource } from './bounded-source.ts'
import { pacedSource } from './pace.ts'
import type { Pace } from './pace.ts'
import type { PartitionReplay } from './plan.ts'
import type { PartitionReplayProgress, PartitionWatch, ReplayParts } from './run-parts.ts'
import { stagedDays } from './staged.ts'

/** Nobody waits for a commit of a replay: larger ones cost less, and a kill repeats a few seconds at most. */
export const COMMIT = {
  intervalMs: 5_000,
  catchUpIntervalMs: 10_000,
  recordsMax: 250_000,
  bytesMax: 128 * 1024 * 1024,
}

type States = ReplayParts['states']

interface Stretch {
  readonly replay: PartitionReplay
  /** Up to where records count: no view is folded, nothing is refused. */
  readonly idsOnly: boolean
}

export async function foldPartition(
  parts: ReplayParts,
  { pace, signal, onProgress }: PartitionWatch & { readonly pace: Pace },
  { replay, idsOnly }: Stretch,
): Promise<void> {
  const { plan } = parts
  const { partition, start } = replay
  const stop = await stopOf(parts, { replay, idsOnly })
  let end = stop ?? start.offset
  const paced = pacedSource(parts.source, pace, parts.clock)
  const source = boundedSource(paced, async (reader) => (end = stop ?? (await reader.endOffset())))
  const run = idsOnly ? idsRun(parts) : countingRun(parts)
  await runPipeline(
    { ...run, source },
    {
      untilEnd: true,
      partitions: [partition],
      writes: { ...stagedDays(plan, partition), views: new Set(plan.views) },
      signal,
      onProgress: ({ partitions: [now] }) => {
        if (now) onProgress?.({ ...told(now), endOffset: end, phase: phaseOf(now, idsOnly) })
      },
    },
  )
}

/** Undefined: what is the end of the log then. */
async function stopOf(
  { states }: ReplayParts,
  { replay: { partition, start, stop }, idsOnly }: Stretch,
): Promise<number | undefined> {
  if (idsOnly && 'countsFrom' in start) return start.countsFrom
  // A copy that is as far as its owner was: nothing is read.
  return start.kind === 'live' ? (await states.peekState(partition))?.nextOffset : stop
}

function told({
  partition,
  nextOffset,
  records,
}: PartitionProgress): Pick<PartitionReplayProgress, 'partition' | 'nextOffset' | 'records'> {
  return { partition, nextOffset, records }
}

function phaseOf({ phase }: PartitionProgress, idsOnly: boolean): PartitionReplayProgress['phase'] {
  if (idsOnly) return 'ids'
  return phase === 'draining' ? 'writing' : 'reading'
}

function countingRun(parts: ReplayParts): RunParts {
  const { plan, pipeline, states } = parts
  return {
    ...sharedParts(parts),
    pipeline: { ...pipeline, commit: COMMIT },
    tables: parts.tables,
    generations: onlyGeneration(plan.record),
    rejects: parts.rejects,
    ...states,
  }
}

/** Longer than any log goes back. */
const EVER_MS = 100 * 366 * 86_400_000

/**
 * A pipeline without views remembers ids and has nothing else to do. Its verdicts may be wrong, since it lacks the ids of before. But
 * duplicates are looked for no longer than records may be late (else there is no such start), so an id that came too late counts
 * against nobody where records count: all are remembered, and no verdict matters.
 */
function idsRun(parts: ReplayParts): RunParts {
  const { plan, pipeline } = parts
  const { time, event, rejects } = pipeline
  const [allowedLatenessMs, duplicatesWithinMs] = [EVER_MS, EVER_MS]
  const policy = { ...plan.record.policy, allowedLatenessMs, duplicatesWithinMs }
  const judging: Pipeline = {
    ...pipeline,
    time: { ...time, allowedLatenessMs },
    event: { ...event, duplicatesWithinMs },
    views: [],
    rejects: { ...rejects, limit: 1 },
    commit: COMMIT,
  }
  return {
    ...sharedParts(parts),
    pipeline: judging,
    tables: undefined,
    generations: onlyGeneration({ ...plan.record, policy, views: [] }),
    rejects: FORGETTING,
    ...parts.states,
  }
}

export function sharedParts({
  source,
  decoder,
  clock,
  log,
  run,
  zoneData,
  amended,
}: ReplayParts): Omit<RunParts, 'pipeline' | 'tables' | 'generations' | 'rejects' | keyof States> {
  return {
    source,
    lease: undefined,
    decoder,
    online: undefined,
    checkpoints: undefined,
    handOvers: undefined,
    clock,
    log,
    run,
    zoneData,
    ...(amended === undefined ? {} : { amended }),
  }
}

/** The plan's record is the only one there is: no run of a replay begins another generation. */
export function onlyGeneration(record: GenerationRecord): GenerationStore {
  const { generation } = record
  const text = recordText(record)
  return {
    put: () => Promise.resolve(text),
    identity: () => Promise.resolve('replay'),
    list: () => Promise.resolve([{ generation, record: text }]),
  }
}

/** These records are refused where they count, if they count. */
const FORGETTING: RejectSink = {
  write: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
}
