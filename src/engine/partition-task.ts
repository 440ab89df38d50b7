/**
 * One assigned partition: read -> decode -> fold -> commit, with turns for the followers in between.
 *
 * The loop is the only caller of the state. Each round serves the reads that followers queued, commits when it is time,
 * then folds the next batch, which was fetched meanwhile. It holds the fold back only where followers ask for it: days that
 * close faster than the table takes them, an online store that is gone while its backlog is full.
 */
import type { DayIndex } from '../core/day.ts'
import type { RecordBatch } from '../core/event.ts'
import { nothingUncommitted } from './batch-fold.ts'
import type { Uncommitted } from './batch-fold.ts'
import { BatchFeed } from './batch-feed.ts'
import { commit } from './commit.ts'
import { noteCommitted } from './partition-context.ts'
import type { PartitionProgress } from './parts.ts'
import type { StateCommit, StateHead } from './ports.ts'
import { CLOSED_DAYS_WAITING_MAX } from './table-follower.ts'
import { maintenanceBounds } from './maintenance-bounds.ts'
import { addCounts, composeCommit } from './state-commit.ts'
import type { PartitionTaskParts } from './task-parts.ts'
import { progressOf } from './task-progress.ts'

/** What followers may read between two batches while there is something to fold. */
const TURN_BUDGET_MS = 15
const IDLE_TURN_BUDGET_MS = 200
const POLL_MS = 50
const LEAVE_MS = 3_000
/** Behind the end by more than this many bytes or records: far behind. */
const FAR_BEHIND = 1_000_000

export class PartitionTask {
  readonly #parts: PartitionTaskParts
  readonly #startOffset: number
  #head: StateHead
  #nextOffset: number
  #notes: Uncommitted
  readonly #feed: BatchFeed
  #lastCommitMs: number
  #records = 0
  #phase: PartitionProgress['phase'] = 'starting'
  #maintenanceDue = true
  /** The position is beyond the last commit's. */
  #hasMoved = false
  #turnedMs: number
  #advancedMs: number

  constructor(parts: PartitionTaskParts) {
    this.#parts = parts
    this.#head = parts.head
    this.#nextOffset = parts.head.nextOffset
    this.#startOffset = parts.head.nextOffset
    this.#notes = nothingUncommitted()
    const now = parts.context.clock.monotonicMs()
    this.#lastCommitMs = now
    this.#turnedMs = now
    this.#advancedMs = now
    const { context, reader, decoder } = parts
    const { clock, log, meters, turns } = context
    this.#feed = new BatchFeed({
      reader,
      decoder,
      retry: {
        clock,
        log,
        meters,
        what: `schemas for ${parts.topic}[${context.partition}]`,
        signal: AbortSignal.any([parts.stop, parts.failed]),
      },
      wakeup: turns.wakeup,
    })
  }

  get progress(): PartitionProgress {
    return progressOf(this.#parts, {
      startOffset: this.#startOffset,
      nextOffset: this.#nextOffset,
      records: this.#records,
      counts: addCounts(this.#head.counts, this.#notes.counts),
      phase: this.#phase,
      turnedMs: this.#turnedMs,
      advancedMs: this.#advancedMs,
      held: this.#isHeld(),
    })
  }

  /** Until it is told to stop, or `stopAt` is reached and everything is drained. */
  async run(): Promise<void> {
    const { context, stop, failed } = this.#parts
    while (!stop.aborted && !failed.aborted) {
      this.#turnedMs = context.clock.monotonicMs()
      await context.turns.serve(this.#mayFold() ? TURN_BUDGET_MS : IDLE_TURN_BUDGET_MS)
      if (this.#isCommitDue()) await this.#commit()
      await this.#maintain()
      if (await this.#drainedAtEnd()) break
      const asks = this.#mayFold()
      const batch = asks ? await this.#feed.next() : undefined
      if (batch) await this.#fold(batch)
      else await this.#rest({ hasWaited: asks && this.#feed.waited })
    }
    if (!failed.aborted) await this.#leave()
    this.#phase = 'stopped'
  }

  /** A last commit, and a short time for the online store to be told of it: then a restart has nothing to scan for. */
  async #leave(): Promise<void> {
    const { context, online } = this.#parts
    const end = context.clock.monotonicMs() + LEAVE_MS
    do {
      if (this.#hasUncommitted() || this.#followersMoved()) await this.#commit()
      if (online?.toldAll ?? true) break
      await context.turns.serve(IDLE_TURN_BUDGET_MS)
      await context.turns.wakeup.wait(POLL_MS)
    } while (context.clock.monotonicMs() < end)
    if (this.#hasUncommitted() || this.#followersMoved()) await this.#commit()
  }

  async #fold(batch: RecordBatch): Promise<void> {
    const { decoder, batchFold, reader, ticks, context } = this.#parts
    if (this.#head.logIdentity === undefined) {
      this.#head = { ...this.#head, logIdentity: await reader.identity() }
    }
    this.#phase = this.#isFarBehind() ? 'catching up' : 'live'
    if (batch.count > 0) {
      await batchFold.fold(decoder.decode(batch), this.#notes)
      ticks.noteRecords(context.clock.monotonicMs())
    }
    this.#nextOffset = batch.nextOffset
    this.#hasMoved = true
    this.#records += batch.count
    this.#advancedMs = context.clock.monotonicMs()
    this.#applyTick(ticks.claim(batchFold.time))
  }

  /** Nothing to fold now: time may tick, and house-keeping has its chance. */
  async #rest({ hasWaited }: { readonly hasWaited: boolean }): Promise<void> {
    const { context, ticks, reader, batchFold, stop } = this.#parts
    // Told to stop while it waited, or slept: the end of the log that it knows may be an old one.
    if (stop.aborted) return
    if (this.#isHeld()) ticks.noteBusy('held')
    else if (reader.lag(this.#nextOffset) > 0) ticks.noteBusy('behind')
    else {
      this.#advancedMs = context.clock.monotonicMs()
      this.#noteEnd()
      if (this.#parts.stopAt === undefined) {
        this.#reachEnd()
        this.#applyTick(ticks.claim(batchFold.time) ?? (await ticks.tick(batchFold.time)))
      }
    }
    const waitMs = this.#hasUncommitted()
      ? Math.min(POLL_MS, context.pipeline.commit.intervalMs)
      : POLL_MS
    // A log that is followed waits itself, and ends its wait when a record comes.
    if (!this.#maintenanceDue && !hasWaited) await context.turns.wakeup.wait(waitMs)
  }

  /** The followers must not go on saving their strength: no commit may come to tell them. */
  #reachEnd(): void {
    const { context, online, table } = this.#parts
    this.#phase = 'live'
    if (!context.committed.catchingUp) return
    context.committed.catchingUp = false
    online?.wake()
    table?.wake()
  }

  /** All that the log holds is committed. */
  #noteEnd(): void {
    const { context, table } = this.#parts
    const { committed } = context
    if (committed.sawEnd || this.#hasUncommitted()) return
    committed.sawEnd = true
    committed.completeDay = committed.closedDay
    table?.reachedEnd()
  }

  /** Days that a tick closed are dirtied before the next record's offset. */
  #applyTick(
    closed:
      { readonly after: DayIndex; readonly through: DayIndex; readonly wallMs: number } | undefined,
  ): void {
    if (closed === undefined) return
    const { batchFold, context, table } = this.#parts
    const newest = batchFold.time.state.maxEventTime
    const newestDay = newest === undefined ? -Infinity : context.calendar.dayOf(newest)
    batchFold.noteClosed({ ...closed, newestDay, offset: this.#nextOffset - 1 }, this.#notes)
    for (let day = closed.after + 1; day <= closed.through; day += 1)
      table?.noteClosed(day, closed.wallMs)
    this.#notes.records += 1
  }

  #mayFold(): boolean {
    return !this.#isHeld() && this.#phase !== 'draining'
  }

  #isHeld(): boolean {
    const { online, table } = this.#parts
    return online?.holdsFold === true || (table?.waitingDays ?? 0) > CLOSED_DAYS_WAITING_MAX
  }

  #isFarBehind(): boolean {
    return this.#parts.reader.lag(this.#nextOffset) > FAR_BEHIND
  }

  /** Records, or only the passing of a stretch of the log that has none for us. */
  #hasUncommitted(): boolean {
    return this.#notes.records > 0 || this.#hasMoved
  }

  #followersMoved(): boolean {
    const { online, table } = this.#parts
    if ((table?.cleared(this.#notes.dirty).length ?? 0) > 0) return true
    return JSON.stringify(online?.position) !== JSON.stringify(this.#head.online)
  }

  #isCommitDue(): boolean {
    const { commit: policy } = this.#parts.context.pipeline
    const { records, bytes } = this.#notes
    if (records >= policy.recordsMax || bytes >= policy.bytesMax) return true
    const intervalMs = this.#phase === 'catching up' ? policy.catchUpIntervalMs : policy.intervalMs
    const due = this.#parts.context.clock.monotonicMs() - this.#lastCommitMs >= intervalMs
    return (due || this.#phase === 'draining') && (this.#hasUncommitted() || this.#followersMoved())
  }

  /** @returns true when the run is to end: at `stopAt`, all committed, all followers done */
  async #drainedAtEnd(): Promise<boolean> {
    const { stopAt, online, table } = this.#parts
    if (stopAt === undefined) return false
    // A log may end in what is no record (blank lines, a header alone): then its end is never the next offset.
    const sawEnd = this.#feed.foundNothing && this.#parts.reader.lag(this.#nextOffset) === 0
    if (this.#nextOffset < stopAt && !sawEnd) return false
    if (this.#hasUncommitted()) await this.#commit()
    this.#noteEnd()
    this.#phase = 'draining'
    online?.drain()
    table?.drain()
    const drained = (online?.drained ?? true) && (table?.drained ?? true)
    return drained && !this.#followersMoved()
  }

  async #commit(): Promise<void> {
    const { context, rejects, publish } = this.#parts
    const notes = this.#notes
    this.#notes = nothingUncommitted()
    this.#hasMoved = false
    const startedMs = context.clock.monotonicMs()
    const state = composeCommit(this.#parts, notes, {
      head: this.#head,
      nextOffset: this.#nextOffset,
    })
    await commit(
      { rejects: notes.refused, state },
      {
        rejects,
        state: context.state,
        tellFollowers: (done) => {
          this.#tellFollowers(done, notes)
        },
      },
    )
    this.#head = state.head
    this.#lastCommitMs = context.clock.monotonicMs()
    context.meters.commitSeconds.observe((this.#lastCommitMs - startedMs) / 1_000)
    context.meters.committedBytes += notes.bytes
    this.#noteCommitDelay(notes)
    for (const fold of this.#parts.batchFold.folds) fold.cache.committed()
    publish(this.#nextOffset)
  }

  #noteCommitDelay({ batches }: Uncommitted): void {
    const { clock, meters } = this.#parts.context
    const now = clock.wallMs()
    for (const { timestamp, records } of batches)
      meters.commitDelay.observe((now - timestamp) / 1_000, records)
  }

  #tellFollowers(done: StateCommit, notes: Uncommitted): void {
    const { context, batchFold, online, table } = this.#parts
    noteCommitted(context.committed, batchFold.time, {
      nextOffset: this.#nextOffset,
      catchingUp: this.#phase === 'catching up',
    })
    const oldest = Math.min(...notes.batches.map(({ timestamp }) => timestamp))
    online?.committed(done, Number.isFinite(oldest) ? oldest : context.clock.wallMs())
    for (const { day, timestamp } of notes.milestones)
      if (!Number.isNaN(timestamp)) table?.noteClosed(day, timestamp)
    table?.committed(done)
    this.#maintenanceDue ||= notes.milestones.length > 0
  }

  /** A bounded piece of settling, eviction and forgetting. */
  async #maintain(): Promise<void> {
    if (!this.#maintenanceDue) return
    this.#maintenanceDue = await this.#parts.context.state.maintain(maintenanceBounds(this.#parts))
  }
}
