/**
 * A run: every partition of the log as a task of this process, until it is told to stop or the end of the log is reached.
 * The first failure ends all, each where its last commit left it, and is thrown.
 */
import { featureColumns } from '../core/feature-row.ts'
import { tileColumns } from '../core/tile-row.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { openGeneration } from './open-generation.ts'
import { openPartition } from './open-partition.ts'
import type { OpenPartition } from './open-partition.ts'
import type { RunOptions, RunParts, RunProgress, RunSummary } from './parts.ts'
import type { PartitionState } from './ports.ts'
import type { ViewTables } from './table-follower.ts'

const PROGRESS_MS = 500

/** @throws every failure that stops a partition; by then all partitions are stopped and their states closed */
export async function runPipeline(parts: RunParts, options: RunOptions): Promise<RunSummary> {
  const startMs = parts.clock.monotonicMs()
  const { partitions: count } = await parts.source.topology()
  const failed = new AbortController()
  const stop = AbortSignal.any([options.signal, failed.signal])
  const states: PartitionState[] = []
  const opened: OpenPartition[] = []
  try {
    for (let partition = 0; partition < count; partition += 1) {
      states.push(await parts.openState(partition))
    }
    const { record, views } = await openGeneration(
      parts,
      states.map(({ head }) => head),
    )
    const { generation, slots } = record
    const tables = await openTables(parts, views, generation)
    for (const [partition, state] of states.entries()) {
      const assignment = { partition, partitions: count, generation, slots, views, tables }
      opened.push(
        await openPartition(
          parts,
          { ...assignment, untilEnd: options.untilEnd, signal: failed.signal, stop },
          state,
        ),
      )
    }
    await runAll(parts, opened, { options, failed })
  } finally {
    await Promise.allSettled(opened.map(({ reader }) => reader[Symbol.asyncDispose]()))
    await Promise.allSettled(states.map((state) => state[Symbol.asyncDispose]()))
  }
  const seconds = (parts.clock.monotonicMs() - startMs) / 1_000
  return {
    ...progressOf(opened),
    reason: options.signal.aborted ? 'stopped' : 'end of log',
    seconds,
  }
}

async function openTables(
  { tables, pipeline }: RunParts,
  views: readonly ViewPlan[],
  generation: number,
): Promise<ViewTables[]> {
  if (tables === undefined) return []
  return Promise.all(
    views.map(async (view) => {
      const { definition, entityColumns, tableName } = view
      const spec = {
        generation,
        sortedBy: entityColumns.map(({ name }) => name),
        metadata: {
          pipeline: pipeline.name,
          view: definition.name,
          version: String(definition.version),
          definition: definition.hash,
        },
      }
      const rows = await tables.open({ ...spec, name: tableName, columns: featureColumns(view) })
      const tiles = await tables.open({
        ...spec,
        name: `${tableName}__tiles`,
        columns: tileColumns(view),
      })
      return { rows, tiles }
    }),
  )
}

async function runAll(
  { clock }: RunParts,
  opened: readonly OpenPartition[],
  { options, failed }: { readonly options: RunOptions; readonly failed: AbortController },
): Promise<void> {
  const done = new AbortController()
  const telling = tellProgress()
  const results = await Promise.allSettled(
    opened.map((partition) => runPartition(partition, failed)),
  )
  done.abort()
  await telling
  for (const result of results) if (result.status === 'rejected') throw result.reason

  async function tellProgress(): Promise<void> {
    while (!done.signal.aborted) {
      options.onProgress?.(progressOf(opened))
      await clock.sleep(PROGRESS_MS, done.signal)
    }
    options.onProgress?.(progressOf(opened))
  }
}

/** The loop and its followers; whichever fails first stops the run. */
async function runPartition(
  { context, task, online, table }: OpenPartition,
  failed: AbortController,
): Promise<void> {
  const left = new AbortController()
  let failure: { readonly cause: unknown } | undefined
  const guard = async (part: Promise<void>): Promise<void> => {
    try {
      await part
    } catch (cause) {
      if (left.signal.aborted) return
      failure ??= { cause }
      failed.abort(cause)
      context.turns.wakeup.notify()
    }
  }
  const followers = [online, table].flatMap((follower) =>
    follower ? [guard(follower.run(left.signal))] : [],
  )
  await guard(task.run())
  left.abort()
  context.turns.close(new Error('the partition has stopped'))
  online?.wake()
  table?.wake()
  await Promise.all(followers)
  if (failure) throw failure.cause
}

function progressOf(opened: readonly OpenPartition[]): RunProgress {
  return { partitions: opened.map(({ task }) => task.progress) }
}
