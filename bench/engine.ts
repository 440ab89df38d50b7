/** A run of the engine over the workload, with the sinks that a case wants, in a directory of its own. */
import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { OpenedParts, openRunParts } from '../src/cli/compose.ts'
import { systemClock } from '../src/cli/system-clock.ts'
import type { Pipeline, SinkDefinitions } from '../src/core/definition.ts'
import { loadPipeline } from '../src/definition/load.ts'
import type { RunSummary } from '../src/engine/parts.ts'
import type { Log } from '../src/engine/ports.ts'
import { runPipeline } from '../src/engine/run-pipeline.ts'
import { invariant } from '../src/errors.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'
import { CACHE, workloadLog } from './workload-files.ts'
import type { Encoding } from './workload.ts'

export type SinkName = keyof SinkDefinitions

export interface EngineCase {
  readonly encoding: Encoding
  readonly sinks: readonly SinkName[]
  readonly events: number
}

/** From the files of the workload to the end, drained. Counts events. */
export async function measureEngine({ encoding, sinks, events }: EngineCase): Promise<Measured> {
  const log = await workloadLog(encoding, events)
  return inPlace(async (place) => {
    const pipeline = await benchPipeline({ encoding, log, place, slots: 4 })
    return measure(async () => {
      const summary = await runToEnd({ ...pipeline, sinks: only(pipeline.sinks, sinks) })
      return { count: events, notes: notesOf(summary) }
    })
  })
}

/** Runs `work` with a new directory, which is gone afterwards. */
export async function inPlace<T>(work: (place: string) => Promise<T>): Promise<T> {
  await mkdir(CACHE, { recursive: true })
  const place = await mkdtemp(path.join(CACHE, 'run-'))
  try {
    return await work(place)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

export interface PipelinePlace {
  readonly encoding: Encoding
  /** Directory of the log. */
  readonly log: string
  readonly place: string
  readonly slots: number
}

export function benchPipeline({ encoding, log, place, slots }: PipelinePlace): Promise<Pipeline> {
  const file = fileURLToPath(new URL(`w1-${encoding}.yaml`, import.meta.url))
  return loadPipeline(file, {
    BENCH_LOG: log,
    BENCH_PLACE: place,
    BENCH_SLOTS: String(slots),
  })
}

export async function runToEnd(pipeline: Pipeline): Promise<RunSummary> {
  await using opened = new OpenedParts()
  const parts = await openRunParts(pipeline, opened, { clock: systemClock, log: QUIET })
  const summary = await runPipeline(parts, {
    untilEnd: true,
    signal: new AbortController().signal,
  })
  invariant(summary.reason === 'end of log', 'a benchmark runs to the end of its log')
  return summary
}

/** A run that follows its log until it is stopped. */
export function startRun(pipeline: Pipeline): AsyncDisposable & { stop(): Promise<RunSummary> } {
  const stopping = new AbortController()
  const over = (async () => {
    await using opened = new OpenedParts()
    const parts = await openRunParts(pipeline, opened, { clock: systemClock, log: QUIET })
    return await runPipeline(parts, { untilEnd: false, signal: stopping.signal })
  })()
  const stop = (): Promise<RunSummary> => {
    stopping.abort()
    return over
  }
  return {
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
    },
  }
}

function only(sinks: SinkDefinitions, names: readonly SinkName[]): SinkDefinitions {
  return Object.fromEntries(
    Object.entries(sinks).filter(([name]) => names.some((wanted) => wanted === name)),
  )
}

export function notesOf({ partitions }: RunSummary): Record<string, number> {
  const sum = (of: (partition: RunSummary['partitions'][number]) => number): number =>
    partitions.reduce((total, partition) => total + of(partition), 0)
  return { values: sum((each) => each.valuesWritten), rows: sum((each) => each.rowsWritten) }
}

export const QUIET: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  error: (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
}
