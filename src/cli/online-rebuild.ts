/**
 * `tidemark online rebuild`: fills a lost online store again. From a copy of each partition's state on this machine, which its owner does not
 * notice; of partitions whose state is elsewhere it takes the marker away, so that their owners scan; or from the tables, as of the
 * last complete day, where there is no state at all.
 */
import { formatDay } from '../core/day.ts'
import type { OnlineDefinition, Pipeline } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { inheritanceOf } from '../engine/hand-over.ts'
import { planRecorded } from '../engine/open-generation.ts'
import type { Marker, OnlineStore, StateHead } from '../engine/ports.ts'
import { rebuildOnline } from '../engine/rebuild-online.ts'
import { TidemarkError } from '../errors.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import type { Call } from './command.ts'
import { newRunId, OpenedParts, openOnline, openTables, stateDirectory } from './compose.ts'
import { tellTableRows } from './online-from-table.ts'
import { askOwner, mayHaveOwner } from './online-owner.ts'
import { pipelineRecords } from './served-views.ts'
import { countWords, plural } from './words.ts'

export interface RebuildOptions {
  readonly partition?: number
  readonly from: string
  readonly valuesPerSecond: number
}

interface Rebuilt {
  readonly partition: number
  /** `owner`: another process that holds the state did it; `nobody`: whoever takes the partition does it first. */
  readonly from: 'state' | 'owner' | 'nobody' | 'table'
  readonly written: number
  /** The store had as new a value already. */
  readonly refused: number
}

/** @throws USAGE, ONLINE_*, GENERATION_CHANGED, DEFINITION_CHANGED */
export async function rebuildOnlineStore(call: Call<RebuildOptions>): Promise<void> {
  const { partition: only, from } = call.options
  const pipeline = await call.pipeline()
  const { online } = pipeline.sinks
  if (online === undefined)
    throw usage(`${pipeline.name} has no online store. Give it one (sinks.online)`)
  if (from !== 'state' && from !== 'table')
    throw usage(`--from: expected state or table, received ${from}`)
  const record = await newestRecord(call, pipeline)
  await using opened = new OpenedParts()
  const store = opened.add(await openStore(pipeline, online, call))
  const partitions = record.segments.map(({ partition }) => partition)
  if (only !== undefined && !partitions.includes(only))
    throw usage(`--partition: there is no partition ${only}; there are ${partitions.length}`)
  const wanted = partitions.filter((partition) => only === undefined || partition === only)
  using interrupt = call.interrupt()
  const place: Place = { call, pipeline, record, store, signal: interrupt.signal }
  const rebuilt =
    from === 'table' ? await fromTables(place, wanted, opened) : await fromStates(place, wanted)
  const stopped = interrupt.signal.aborted
  if (call.json) call.out.json({ stopped, partitions: rebuilt })
  else for (const each of rebuilt) call.out.line(rebuiltWords(each))
  if (rebuilt.some((each) => each.from === 'nobody')) call.fail(1)
  if (stopped) call.tell('stopped; run it again to go on: what is there is not written twice')
}

interface Place {
  readonly call: Call<RebuildOptions>
  readonly pipeline: Pipeline
  readonly record: GenerationRecord
  readonly store: OnlineStore
  readonly signal: AbortSignal
}

/** @throws USAGE before the first run, DEFINITION_CHANGED where the file means something else by now */
async function newestRecord(call: Call<unknown>, pipeline: Pipeline): Promise<GenerationRecord> {
  const record = (await pipelineRecords(pipeline, call)()).at(-1)
  if (record === undefined)
    throw usage(`${pipeline.name} has not run yet: there is nothing to fill its online store with`)
  for (const { name, version, hash } of record.views) {
    const view = pipeline.views.find((each) => each.name === name && each.version === version)
    if (view?.hash === hash) continue
    throw new TidemarkError(
      'DEFINITION_CHANGED',
      `${name}@${version} means something else in the pipeline file than in generation ${record.generation}, whose values are served. Nothing was written. Take the file that the consumer runs with`,
    )
  }
  return record
}

async function openStore(
  pipeline: Pipeline,
  online: OnlineDefinition,
  { clock }: Call<unknown>,
): Promise<OnlineStore> {
  try {
    return await openOnline(pipeline, online, clock)
  } catch (error) {
    if (online.kind !== 'leveldb' || !(error instanceof TidemarkError) || !error.retryable)
      throw error
    throw new TidemarkError(
      'ONLINE_REFUSED',
      `the online store ${online.directory} is held by the run, as an embedded store always is. What it has lost the run itself finds out when it starts, and fills again: stop it, and start it again`,
      { cause: error },
    )
  }
}

async function fromStates(place: Place, partitions: readonly number[]): Promise<Rebuilt[]> {
  const { call, pipeline, store, signal } = place
  const records = await pipelineRecords(pipeline, call)()
  const rebuilt: Rebuilt[] = []
  using progress = call.progress('online store')
  for (const partition of partitions) {
    if (signal.aborted) break
    // Before the copy is taken: an owner on this machine has committed more than it has told.
    const marker = await store.marker(partition)
    await using copy = await openStateCopy(stateDirectory(pipeline, partition))
    const why = whyNotFrom(copy?.head, { marker, records })
    if (copy?.head === undefined || why !== undefined) {
      call.tell(`partition ${partition}: ${why ?? 'no state of it is on this machine'}`)
      const onScan = (words: string): void =>
        progress.update(rebuilt.length, partitions.length, words)
      const done =
        (await mayHaveOwner(pipeline, partition, call)) &&
        (await askOwner({ ...call, store, partition, signal, onScan }))
      rebuilt.push({ partition, from: done ? 'owner' : 'nobody', written: 0, refused: 0 })
      continue
    }
    const { written, refused } = await rebuildOnline({
      ...call,
      ...place,
      regrouped: inheritanceOf(records).regrouped,
      head: copy.head,
      state: copy,
      run: newRunId(call.clock.wallMs()),
      valuesPerSecond: call.options.valuesPerSecond,
      onProgress: ({ slotsDone, slots, written: now }) => {
        const done = rebuilt.length + slotsDone / Math.max(1, slots)
        progress.update(
          done,
          partitions.length,
          `partition ${partition}, ${countWords(now)} values`,
        )
      },
    })
    rebuilt.push({ partition, from: 'state', written, refused })
  }
  return rebuilt
}

/** Of a state that is not the newest one of its partition: others have told more. */
function whyNotFrom(
  head: StateHead | undefined,
  {
    marker,
    records,
  }: { readonly marker: Marker | undefined; readonly records: readonly GenerationRecord[] },
): string | undefined {
  if (head === undefined) return undefined
  const newest = records.at(-1)?.generation ?? 0
  if (head.generation !== newest)
    return `the state here is of generation ${head.generation}, and ${newest} is published; its owner comes into that when it runs, and tells all values then`
  if (marker !== undefined && marker.position > head.nextOffset)
    return `the state here ends at offset ${head.nextOffset}, and another process has told up to ${marker.position}`
  return undefined
}

async function fromTables(
  { call, pipeline, record, store, signal }: Place,
  partitions: readonly number[],
  opened: OpenedParts,
): Promise<Rebuilt[]> {
  const { offline } = pipeline.sinks
  if (offline === undefined) throw usage(`${pipeline.name} has no tables to fill it from`)
  const tables = await openTables(pipeline, offline, opened, call)
  using progress = call.progress('online store')
  const told = await tellTableRows({
    ...call,
    tables,
    views: planRecorded(pipeline, record),
    generation: record.generation,
    store,
    partitions: new Set(partitions),
    valuesPerSecond: call.options.valuesPerSecond,
    signal,
    onProgress: (done, total) => progress.update(done, total, `${countWords(done)} values`),
  })
  for (const { view, day, current } of told.views)
    call.tell(
      `${view}: as of ${formatDay(day)}, the last day that is complete${current ? '; events since are missing until a run tells them' : ''}`,
    )
  return told.partitions.map((each) => ({ ...each, from: 'table' as const }))
}

function rebuiltWords({ partition, from, written, refused }: Rebuilt): string {
  if (from === 'owner') return `partition ${partition}: filled by the process that holds its state`
  if (from === 'nobody')
    return `partition ${partition}: not filled; no process holds it. \`tidemark run\` fills it when it takes it, \`--from table\` as of the last complete day`
  return `partition ${partition}: ${plural(written, 'value')} written from its ${from}, ${countWords(refused)} were there already`
}

function usage(message: string): TidemarkError {
  return new TidemarkError('USAGE', message)
}
