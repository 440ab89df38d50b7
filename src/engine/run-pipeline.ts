/**
 * A run: the partitions that this process is given, all of them where there is no group, until it is told to stop or the end
 * of the log is reached. The first failure ends all, each where its last commit left it, and is thrown.
 */
import { featureColumns } from '../core/feature-row.ts'
import { tileColumns } from '../core/tile-row.ts'
import type { ViewPlan } from '../core/view-plan.ts'
import { loadAmendments } from './amendments.ts'
import { newerGeneration } from './hand-over.ts'
import { openGeneration } from './open-generation.ts'
import { PartitionSet } from './partition-set.ts'
import type { RunOptions, RunParts, RunProgress, RunSummary } from './parts.ts'
import type { LeaseListener, Topology } from './ports.ts'
import { retryForEver } from './retry.ts'
import type { ViewTables } from './table-lane.ts'

const PROGRESS_MS = 500
const GENERATION_CHECK_MS = 10_000

/** @throws every failure that stops a partition; by then all partitions are stopped and their states closed */
export async function runPipeline(parts: RunParts, options: RunOptions): Promise<RunSummary> {
  const startMs = parts.clock.monotonicMs()
  const topology = await parts.source.topology()
  const { set, generation, views } = await openSet(parts, options, topology)
  const membership = new Membership(set)
  const done = new AbortController()
  const progressNow = (): RunProgress => ({
    views,
    partitions: set.progress,
    assigned: set.assigned,
    lease: membership.state,
    generation,
  })
  const telling = tellProgress(parts, { options, progressNow, done: done.signal })
  const watching = watchGenerations(parts, { generation, done: done.signal }).catch(
    (cause: unknown) => set.fail(cause),
  )
  try {
    await takePart(
      parts,
      membership,
      options.partitions ?? upTo(topology.partitions),
      options.signal,
    )
    await untilOver(set, membership, options)
  } catch (cause) {
    set.fail(cause)
  } finally {
    // Given up before the group is left: whoever takes them over finds them committed and released.
    await set.close().finally(async () => {
      done.abort()
      await telling
      await watching
      await parts.lease?.[Symbol.asyncDispose]()
    })
  }
  const seconds = (parts.clock.monotonicMs() - startMs) / 1_000
  const reason = options.signal.aborted ? 'stopped' : 'end of log'
  return { ...progressNow(), released: set.released, reason, seconds }
}

/** A place that is away is waited for, as it would be while running. */
async function openSet(
  parts: RunParts,
  options: RunOptions,
  topology: Topology,
): Promise<{
  readonly set: PartitionSet
  readonly generation: number
  readonly views: readonly string[]
}> {
  const again = { ...parts, signal: options.signal, what: 'the tables and the record beside them' }
  const opening = (): ReturnType<typeof openGeneration> => openGeneration(parts, topology)
  const { record, views, inheritance } = await retryForEver(opening, again)
  const { generation, slots, segments } = record
  const set = new PartitionSet(parts, {
    partitions: topology.partitions,
    origins: segments.map(({ origin }) => origin),
    logIdentity: record.log,
    generation,
    slots,
    views,
    amendments: await retryForEver(() => loadAmendments(parts, record), again),
    tables: await retryForEver(() => openTables(parts, views, generation), again),
    inheritance,
    untilEnd: options.untilEnd,
    stopsAt: options.stopAt,
    writes: options.writes,
  })
  return { set, generation, views: views.map(({ title }) => title) }
}

/** All of `partitions` where there is no lease, else what the lease gives. */
async function takePart(
  parts: RunParts,
  membership: Membership,
  partitions: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  if (parts.lease === undefined) {
    membership.alone(partitions)
    return
  }
  const identify = (): Promise<string> => parts.generations.identity()
  const what = 'the identity of the place of the tables'
  const place = parts.tables && (await retryForEver(identify, { ...parts, signal, what }))
  await parts.lease.join({ place, onDisk: await statesHere(parts, partitions) }, membership)
}

/** What the lease says, taken to the set. */
class Membership implements LeaseListener {
  readonly #set: PartitionSet
  state: RunProgress['lease'] = 'joining'

  constructor(set: PartitionSet) {
    this.#set = set
  }

  alone(partitions: readonly number[]): void {
    this.state = 'alone'
    this.#set.assign(new Set(partitions))
  }

  assigned(partitions: ReadonlySet<number>): void {
    this.state = 'held'
    this.#set.assign(partitions)
  }

  lost(): void {
    this.state = 'joining'
    this.#set.assign(new Set())
  }

  failed(error: unknown): void {
    this.#set.fail(error)
  }
}

async function untilOver(
  set: PartitionSet,
  membership: Membership,
  { signal, untilEnd }: RunOptions,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  while (!signal.aborted && !set.hasFailed) {
    const isOver = membership.state !== 'joining' && set.allEnded
    // Without `untilEnd` a partition ends by itself only where it fails; a member without partitions waits for some.
    if (isOver && untilEnd) return
    await Promise.race([set.changed(), stopped])
  }
}

/** Partitions whose state is on this machine. */
async function statesHere(parts: RunParts, partitions: readonly number[]): Promise<number[]> {
  const heads = await Promise.all(partitions.map((partition) => parts.peekState(partition)))
  return partitions.filter((_, index) => heads[index] !== undefined)
}

function upTo(partitions: number): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition)
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

/** A run whose tables have nothing to say for long would not find out otherwise. @throws GENERATION_CHANGED */
async function watchGenerations(
  { clock, log, generations, handOvers }: RunParts,
  { generation, done }: { readonly generation: number; readonly done: AbortSignal },
): Promise<void> {
  if (handOvers === undefined) return
  for (;;) {
    await clock.sleep(GENERATION_CHECK_MS, done)
    if (done.aborted) return
    const list = (): Promise<readonly { readonly generation: number }[]> => generations.list()
    const what = 'looking for a newer generation'
    const known = await retryForEver(list, { clock, log, signal: done, what })
    const newest = known.at(-1)?.generation ?? generation
    if (newest > generation) throw newerGeneration(generation, newest)
  }
}

async function tellProgress(
  { clock }: RunParts,
  tell: {
    readonly options: RunOptions
    readonly progressNow: () => RunProgress
    readonly done: AbortSignal
  },
): Promise<void> {
  const { options, progressNow, done } = tell
  while (!done.aborted) {
    options.onProgress?.(progressNow())
    await clock.sleep(options.progressEveryMs ?? PROGRESS_MS, done)
  }
  options.onProgress?.(progressNow())
}
