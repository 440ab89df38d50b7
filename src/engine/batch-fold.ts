/**
 * From a fetched batch to changed tiles in memory and the notes of what changed; what is noted goes out with the next commit.
 * Reads the state for tiles and ids that are not in memory; writes nothing.
 */
import { dueIds } from '../core/amendments.ts'
import type { PartitionAmendments } from '../core/amendments.ts'
import type { DayIndex } from '../core/day.ts'
import { formatSlot } from '../core/dirty-slot.ts'
import { position } from '../core/event.ts'
import type { EventBatch } from '../core/event.ts'
import { ViewFold } from '../core/fold.ts'
import type { FoldNotes, RoutedBatch, ViewReject } from '../core/fold.ts'
import { withHealed } from '../core/healed-batch.ts'
import { Judge, VERDICT_NAMES, Verdict } from '../core/judge.ts'
import type { JudgedBatch, LogClose } from '../core/judge.ts'
import type { PartitionTime } from '../core/partition-time.ts'
import { slotOf } from '../core/slot.ts'
import type { PartitionContext } from './partition-context.ts'
import type { Milestone } from './ports.ts'
import type { Reject } from './reject-port.ts'
import { RejectLimit, aboveLimit } from './reject-limit.ts'
import type { RejectCounts } from './reject-limit.ts'
import { rejectOf, viewRejects } from './rejects.ts'

/** Delays are measured at every so many records: their distribution is what is asked for. */
const SAMPLED_EVERY = 8

/** What happened since the last commit. */
export interface Uncommitted extends FoldNotes {
  readonly refused: Reject[]
  readonly ids: Map<string, DayIndex>
  readonly milestones: Milestone[]
  /** Timestamps of the last records of the batches, where they have any: for delays only. */
  readonly batches: { readonly timestamp: number; readonly records: number }[]
  records: number
  bytes: number
}

export function nothingUncommitted(): Uncommitted {
  return {
    dirty: new Map(),
    rejects: [],
    counts: new Map(),
    refused: [],
    ids: new Map(),
    milestones: [],
    batches: [],
    records: 0,
    bytes: 0,
  }
}

export class BatchFold {
  readonly folds: readonly ViewFold[]
  readonly #context: PartitionContext
  readonly #time: PartitionTime
  readonly #judge: Judge
  readonly #limit: RejectLimit
  readonly #topic: string
  readonly #amendments: PartitionAmendments | undefined
  /** The last three rejects, in words, for the message that stops a run. */
  #samples: readonly string[] = []

  constructor(
    context: PartitionContext,
    start: {
      readonly time: PartitionTime
      readonly rejects: RejectCounts
      readonly topic: string
      readonly amendments?: PartitionAmendments | undefined
    },
  ) {
    const { pipeline, views, slots } = context
    this.#context = context
    this.#time = start.time
    this.#topic = start.topic
    this.#amendments = start.amendments
    this.#judge = new Judge(start.time, pipeline.event, start.amendments)
    this.#limit = new RejectLimit(pipeline.rejects.limit, start.rejects)
    const tilesMax = Math.max(1_000, Math.floor(pipeline.memory.tilesMax / views.length))
    this.folds = views.map((view) => new ViewFold(view, { tilesMax, slots }))
  }

  get rejectShare(): number {
    return this.#limit.share
  }

  get rejectCounts(): RejectCounts {
    return this.#limit.counts
  }

  /** @throws REJECTS_ABOVE_LIMIT; then nothing of the batch may be committed */
  async fold(events: EventBatch, notes: Uncommitted): Promise<void> {
    const newestBefore = this.#time.maxEventTime
    const judged = this.#judge.judge(events, await this.#knownIds(events, notes))
    const folded = withHealed(events, judged, this.#amendments?.accepted)
    const rejectsBefore = notes.rejects.length
    const routed = this.folds.map((fold) => fold.route(folded.events, folded.judged, notes))
    const byViews = ofRead(notes.rejects.splice(rejectsBefore), folded.judged)
    this.#checkLimit(events, judged, byViews)
    this.#noteVerdicts(events, judged, notes)
    notes.refused.push(...viewRejects(this.#context, events, byViews))
    for (const close of judged.closes) this.#noteClose(events, close, notes)
    for (const [id, day] of judged.seen) notes.ids.set(id, day)
    for (const [view, batch] of routed.entries()) {
      await this.#loadMissing(view, batch)
      this.folds[view]?.apply(batch, folded.events, folded.judged)
    }
    this.#measure(events, judged, { newestBefore, notes })
    notes.records += events.records.count
    notes.bytes += events.records.bytes.length
  }

  /** @param newestBefore largest event time accepted before the batch */
  #measure(
    { records, eventTimes }: EventBatch,
    { verdicts }: JudgedBatch,
    at: { readonly newestBefore: number; readonly notes: Uncommitted },
  ): void {
    const { eventDelay, disorder } = this.#context.meters
    let newest = at.newestBefore
    for (let i = 0; i < records.count; i += 1) {
      if (verdicts[i] !== Verdict.ACCEPTED) continue
      const eventTime = eventTimes[i] as number
      if (eventTime > newest) newest = eventTime
      if (i % SAMPLED_EVERY !== 0) continue
      const weight = Math.min(SAMPLED_EVERY, records.count - i)
      eventDelay.observe(((records.timestamps[i] as number) - eventTime) / 1_000, weight)
      disorder.observe((newest - eventTime) / 1_000, weight)
    }
    const timestamp = records.timestamps[records.count - 1] ?? NaN
    if (!Number.isNaN(timestamp)) at.notes.batches.push({ timestamp, records: records.count })
  }

  async #knownIds(events: EventBatch, notes: Uncommitted): Promise<Map<string, DayIndex>> {
    const known = new Map<string, DayIndex>()
    if (events.ids === undefined) return known
    const unknown: string[] = []
    const accepted = this.#amendments?.accepted
    const due = accepted ? dueIds(accepted, events, this.#time) : []
    for (const id of new Set([...events.ids, ...due])) {
      if (id === undefined) continue
      const day = notes.ids.get(id)
      if (day === undefined) unknown.push(id)
      else known.set(id, day)
    }
    const days = await this.#context.state.ids(unknown)
    days.forEach((day, i) => {
      if (day !== undefined) known.set(unknown[i] as string, day)
    })
    return known
  }

  async #loadMissing(view: number, batch: RoutedBatch): Promise<void> {
    if (batch.missing.length === 0) return
    const { state, slots, codecs } = this.#context
    const keys = batch.missing.map(({ day, entity }) => ({
      day,
      entity,
      slot: slotOf(entity, slots),
    }))
    const stored = await state.tiles(view, keys)
    stored.forEach((bytes, i) => {
      const missing = batch.missing[i]
      if (bytes && missing) codecs[view]?.decode(bytes, batch.cache.slab, missing.slot)
    })
  }

  /** Rejects of the partition and of views, one per record, in the order of the log. */
  #checkLimit(events: EventBatch, judged: JudgedBatch, byViews: readonly ViewReject[]): void {
    const refusedByViews = new Set(byViews.map(({ index }) => index))
    const refused: number[] = []
    const samples = (): string[] => {
      const lines = refused
        .slice(-3)
        .map((index) => this.#sample(events, judged, { index, byViews }))
      return [...this.#samples, ...lines].slice(-3)
    }
    for (let i = 0; i < judged.verdicts.length; i += 1) {
      const verdict = judged.verdicts[i] as number
      if (verdict === Verdict.TOMBSTONE || verdict === Verdict.AMENDED) continue
      const rejected = isReject(verdict) || refusedByViews.has(i)
      if (rejected) refused.push(i)
      if (this.#limit.count(rejected)) continue
      const { partition, pipeline } = this.#context
      throw aboveLimit(`${this.#topic}[${partition}]`, pipeline.rejects.limit, samples())
    }
    if (refused.length > 0) this.#samples = samples()
  }

  #sample(
    events: EventBatch,
    judged: JudgedBatch,
    { index, byViews }: { readonly index: number; readonly byViews: readonly ViewReject[] },
  ): string {
    const offset = events.records.offsets[index] as number
    const verdict = judged.verdicts[index] as number
    const bucket = judged.buckets[index] as number
    const reject = isReject(verdict)
      ? rejectOf(this.#context, events, { index, verdict, bucket })
      : viewRejects(
          this.#context,
          events,
          byViews.filter((one) => one.index === index),
        )[0]
    const at = position(this.#topic, this.#context.partition, offset)
    return `${at} ${reject?.reason ?? ''}: ${reject?.message ?? ''}`
  }

  #noteVerdicts(events: EventBatch, judged: JudgedBatch, notes: Uncommitted): void {
    const { counts } = notes
    const tally = new Array<number>(VERDICT_NAMES.length).fill(0)
    for (const [i, verdict] of judged.verdicts.entries()) {
      tally[verdict] = (tally[verdict] ?? 0) + 1
      if (!isReject(verdict)) continue
      const bucket = judged.buckets[i] as number
      notes.refused.push(rejectOf(this.#context, events, { index: i, verdict, bucket }))
    }
    VERDICT_NAMES.forEach((name, verdict) => {
      const records = tally[verdict] ?? 0
      if (records > 0) counts.set(name, (counts.get(name) ?? 0) + records)
    })
    const healed = judged.healed.filter(({ verdict }) => verdict === Verdict.ACCEPTED).length
    for (const [name, records] of [
      ['late', judged.late],
      ['healed', healed],
    ] as const)
      if (records > 0) counts.set(name, (counts.get(name) ?? 0) + records)
  }

  #noteClose(events: EventBatch, close: LogClose, notes: Uncommitted): void {
    const { offsets, nextOffset } = events.records
    const offset = offsets[close.index] as number
    // Where offsets are bytes, the one behind the closing record is not the next number.
    const next = offsets[close.index + 1] ?? nextOffset
    const timestamp = events.records.timestamps[close.index] as number
    const { watermark, maxEventTime, newestIdDay, through } = close
    const first = close.after === -Infinity ? through : close.after + 1
    for (let day = first; day <= through; day += 1) {
      const { generation } = this.#context
      notes.milestones.push({
        day,
        generation,
        offset: next,
        watermark,
        maxEventTime,
        newestIdDay,
        timestamp,
      })
    }
    this.noteClosed(
      { after: close.closedBefore, through, newestDay: close.newestDayBefore, offset },
      notes,
    )
  }

  /**
   * Closed days need their rows and tiles written: all slots are dirty. Days so far after the newest event that every
   * window is empty have no rows.
   */
  noteClosed(
    closed: {
      readonly after: DayIndex
      readonly through: DayIndex
      readonly newestDay: DayIndex
      readonly offset: number
    },
    notes: Uncommitted,
  ): void {
    if (closed.after === -Infinity || closed.newestDay === -Infinity) return
    const { views, slots } = this.#context
    for (const { index: view, longestWindow } of views) {
      const last = Math.min(closed.through, closed.newestDay + longestWindow)
      for (let day = closed.after + 1; day <= last; day += 1) {
        for (let slot = 0; slot < slots; slot += 1) {
          notes.dirty.set(formatSlot({ kind: 'rows', view, day, slot }), closed.offset)
          if (day <= closed.newestDay)
            notes.dirty.set(formatSlot({ kind: 'tiles', view, day, slot }), closed.offset)
        }
      }
    }
  }

  /** The last committed time; ticks go through it too. */
  get time(): PartitionTime {
    return this.#time
  }
}

/** A healed record is in the late ledger already, and stays what it was there. */
function ofRead(byViews: readonly ViewReject[], { origins }: JudgedBatch): readonly ViewReject[] {
  if (origins === undefined) return byViews
  return byViews
    .map((reject) => ({ ...reject, index: origins[reject.index] ?? -1 }))
    .filter(({ index }) => index >= 0)
}

function isReject(verdict: number): boolean {
  return verdict >= Verdict.UNDECODABLE && verdict <= Verdict.TOO_LATE
}
