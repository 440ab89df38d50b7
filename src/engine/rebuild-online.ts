/**
 * Refills the online store of a partition from its state, at any pace and beside the partition's owner: the same scan as after a loss, from
 * a state that is only read (a copy, where another process has it). Versions guard every value, so that whatever the owner tells meanwhile
 * stays; where the store has no marker it gets one, so that the next owner does not scan once more.
 */
import { createCalendar } from '../core/day.ts'
import type { Pipeline } from '../core/definition.ts'
import type { GenerationRecord } from '../core/generation.ts'
import { PartitionTime } from '../core/partition-time.ts'
import { TileCodec } from '../core/tile-codec.ts'
import { newerGeneration } from './hand-over.ts'
import type { RegroupedSince } from './hand-over.ts'
import { PartitionMeters } from './meters.ts'
import { BEFORE_ALL } from './online-marker.ts'
import { ScanTask } from './online-scan.ts'
import { OnlineTeller } from './online-teller.ts'
import { planRecorded } from './open-generation.ts'
import { viewState } from './open-partition.ts'
import { noteCommitted } from './partition-context.ts'
import type { Committed, PartitionContext } from './partition-context.ts'
import type { Clock, Log, OnlineStore, PartitionState, StateHead } from './ports.ts'
import { regroupingOf } from './regrouping.ts'
import { ReadTurns } from './turns.ts'

/** What is read of a state. */
export type ScannedState = Pick<PartitionState, 'scan' | 'entities'>

export interface RebuildParts {
  readonly pipeline: Pipeline
  /** The newest one. */
  readonly record: GenerationRecord
  /** As the records of all generations say. */
  readonly regrouped: RegroupedSince | undefined
  readonly head: StateHead
  readonly state: ScannedState
  readonly store: OnlineStore
  readonly clock: Clock
  readonly log: Log
  readonly run: string
  readonly signal: AbortSignal
  readonly valuesPerSecond: number
  readonly onProgress?: (progress: RebuildProgress) => void
}

export interface RebuildProgress {
  readonly slotsDone: number
  readonly slots: number
  /** Those that the store lacked, or had older. */
  readonly written: number
  readonly refused: number
}

/** Servers that lose their memory meanwhile are filled again, so often. */
const ATTEMPTS_MAX = 5
const READ_MS = 50

/** @throws GENERATION_CHANGED, ONLINE_REFUSED, ONLINE_UNAVAILABLE where the store goes on losing what it is told */
export async function rebuildOnline(parts: RebuildParts): Promise<RebuildProgress> {
  const { signal } = parts
  const left = new AbortController()
  const context = contextOf(parts, AbortSignal.any([signal, left.signal]))
  const store = paced(parts, context.signal)
  const teller = new OnlineTeller(context, store, () => undefined)
  const reading = serveReads(context)
  let slots = { slotsDone: 0, slots: context.views.length * context.slots }
  const now = (): RebuildProgress => {
    return { ...slots, written: teller.written, refused: teller.refused }
  }
  try {
    await checkGeneration(store, context)
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt += 1) {
      const { incarnation } = store
      const scan = beginScan(parts, context, { incarnation, attempt })
      await scan.run({
        context,
        store,
        teller,
        isPaced: () => false,
        between: () => {
          slots = scan.progress(context)
          parts.onProgress?.(now())
          return Promise.resolve(context.committed.nextOffset)
        },
      })
      slots = { ...slots, slotsDone: slots.slots }
      if (store.incarnation === incarnation) {
        await leaveMarker(parts, context, { incarnation, asOf: scan.asOf })
        break
      }
    }
  } finally {
    left.abort()
    context.turns.wakeup.notify()
    await reading
  }
  return now()
}

/** Connects, too: until then the store has no history that could be compared. @throws GENERATION_CHANGED */
async function checkGeneration(
  store: OnlineStore,
  { partition, generation }: PartitionContext,
): Promise<void> {
  const stored = await store.marker(partition)
  if (stored !== undefined && stored.generation > generation)
    throw newerGeneration(generation, stored.generation)
}

function beginScan(
  { run }: RebuildParts,
  { committed, generation, partition }: PartitionContext,
  at: { readonly incarnation: string; readonly attempt: number },
): ScanTask {
  const { closedDay, nextOffset } = committed
  return ScanTask.begin('loss', {
    id: `${run}.${partition}.rebuild.${at.attempt}`,
    generation,
    from: BEFORE_ALL,
    startedAt: nextOffset,
    asOf: closedDay === -Infinity ? BEFORE_ALL.asOf : closedDay + 1,
    incarnation: at.incarnation,
  })
}

/** An owner that knows of a higher one finds it too low, and scans for itself. */
async function leaveMarker(
  { store }: RebuildParts,
  { partition, generation, committed }: PartitionContext,
  { incarnation, asOf }: { readonly incarnation: string; readonly asOf: number },
): Promise<void> {
  if ((await store.marker(partition)) !== undefined) return
  const marker = { generation, position: committed.nextOffset, asOf, scanId: undefined }
  await store.advanceMarker(partition, marker, { marker: undefined, incarnation })
}

/** So many values a second, on average over the run. */
function paced({ store, clock, valuesPerSecond }: RebuildParts, signal: AbortSignal): OnlineStore {
  const startedMs = clock.monotonicMs()
  let told = 0
  const write: OnlineStore['write'] = async (values) => {
    const result = await store.write(values)
    told += values.length
    const aheadMs = (told / valuesPerSecond) * 1_000 - (clock.monotonicMs() - startedMs)
    if (aheadMs > 0) await clock.sleep(aheadMs, signal)
    return result
  }
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'write') return write
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** Nothing is written to the state, so that its reads have every turn. */
async function serveReads({ turns, signal }: PartitionContext): Promise<void> {
  while (!signal.aborted) {
    if ((await turns.serve(READ_MS)) === 0) await turns.wakeup.wait(READ_MS)
  }
}

function contextOf(
  { pipeline, record, regrouped, head, state, clock, log, run }: RebuildParts,
  signal: AbortSignal,
): PartitionContext {
  const views = planRecorded(pipeline, record)
  const calendar = createCalendar(pipeline.time.zone)
  const time = new PartitionTime(calendar, { ...pipeline.time, origin: head.origin }, head.time)
  const committed: Committed = {
    nextOffset: head.nextOffset,
    closedDay: -Infinity,
    completeDay: -Infinity,
    sawEnd: true,
    finalDay: -Infinity,
    watermark: -Infinity,
    completeFrom: undefined,
    catchingUp: false,
  }
  noteCommitted(committed, time, { nextOffset: head.nextOffset, catchingUp: false })
  return {
    partition: head.partition,
    pipeline,
    views,
    codecs: views.map((view) => new TileCodec(view.layout, viewState(view, head).layouts)),
    calendar,
    generation: record.generation,
    slots: record.slots,
    writes: undefined,
    heldUntil: -Infinity,
    regrouping: regroupingOf(regrouped, views, head.origin),
    run,
    // Of a state the scan and the teller only read.
    state: state as PartitionState,
    turns: new ReadTurns(clock),
    clock,
    log,
    meters: new PartitionMeters(views.map(() => 60)),
    signal,
    committed,
  }
}
