/**
 * The table follower of a partition: turns dirty slots into files, and files into one transaction per table.
 *
 * What it owes is in the state (dirty slots with the offset that dirtied them last), so it can die anywhere:
 *
 *     dirty slot -> read the slot in short turns (X = committed position at the first) -> files -> transaction -> cleared
 *                                                                                                     unless dirtied since X
 *
 * Rows may be newer than X, never older; the table keeps the higher X of a slot. A slot is read once for all its dirty days.
 */
import type { DayIndex } from '../core/day.ts'
import { formatSlot, oldestDay, parseSlot } from '../core/dirty-slot.ts'
import type { SlotKind } from '../core/dirty-slot.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { AwaitedSwap } from './awaited-swap.ts'
import type { PartitionContext } from './partition-context.ts'
import type { TableProgress } from './parts.ts'
import type { SlotChange, StateCommit, TableCommit, TablePosition } from './ports.ts'
import { retryForEver } from './retry.ts'
import { planSlots } from './slot-plan.ts'
import { SlotReader } from './slot-reader.ts'
import type { SlotRows, SlotWork } from './slot-reader.ts'
import { knownOf, mostAwaited, openLanes, someLacks } from './table-lane.ts'
import type { LanesStart, TableLane, ViewLanes } from './table-lane.ts'
import { observeCloses } from './table-delay.ts'
import { Wakeup } from './wakeup.ts'

/** Closed days that wait for one flush while far behind: fewer, larger flushes. */
const CATCH_UP_DAYS = 24
/** Closed days beyond which the fold is held back. */
export const CLOSED_DAYS_WAITING_MAX = 72

export class TableFollower {
  readonly #context: PartitionContext
  /** By view. */
  readonly #lanes: readonly ViewLanes[]
  readonly #reader: SlotReader
  readonly #closedAt: Map<DayIndex, number>
  /** Committed dirty slots -> offset that dirtied them last. */
  readonly #dirty: Map<string, number>
  /** Slots in the table -> X; the next commit clears those not dirtied since. */
  readonly #flushed = new Map<string, number>()
  readonly #wakeup: Wakeup
  readonly #swap: AwaitedSwap
  #lastFlushMs: number
  #draining = false
  /** A table lacks complete days although no slot may be dirty. */
  #raiseDue = false
  #rowsWritten = 0
  #corrections = 0
  #failing = false

  constructor(
    context: PartitionContext,
    start: LanesStart & {
      readonly dirty: ReadonlyMap<string, number>
      /** Dirty slots that the next commit may clear: somebody else has written them, at this X. */
      readonly written: Iterable<readonly [string, number]>
      readonly closedAt: Map<DayIndex, number>
      readonly awaits: number | undefined
    },
  ) {
    this.#context = context
    this.#closedAt = start.closedAt
    this.#wakeup = new Wakeup(context.clock)
    this.#lastFlushMs = context.clock.monotonicMs()
    this.#lanes = openLanes(start)
    this.#swap = new AwaitedSwap(context, start.awaits)
    const columns = start.tables.map(({ rows, tiles }) => ({
      rows: rows.spec.columns,
      tiles: tiles.spec.columns,
    }))
    this.#reader = new SlotReader(context, columns, start.closedAt)
    this.#dirty = new Map(start.dirty)
    for (const [slot, position] of start.written) this.#flushed.set(slot, position)
    this.#awaitDirty()
  }

  get rowsWritten(): number {
    return this.#rowsWritten
  }

  get progress(): TableProgress {
    return {
      failing: this.#failing,
      dirtySlots: this.#dirty.size,
      waitingDays: this.waitingDays,
      complete: this.complete,
      corrections: this.#corrections,
    }
  }

  /** Closed days that a table lacks, and that are not held back. */
  get waitingDays(): number {
    return this.#isHeld() ? 0 : mostAwaited(this.#lanes)
  }

  /** Oldest day that has a dirty slot; undefined when there is none. Tiles that it needs may not be evicted. */
  get oldestDirtyDay(): DayIndex | undefined {
    return oldestDay(this.#dirty.keys())
  }

  /** Per view: the last day whose every slot is in the table of rows. */
  get complete(): (DayIndex | undefined)[] {
    return this.#lanes.map(({ rows }) => rows.complete)
  }

  get position(): TablePosition {
    const known = knownOf(this.#lanes, this.#context.committed.closedDay)
    const awaits = this.#swap.generation
    if (awaits !== undefined) return { ...known, complete: [], awaits }
    return { ...known, complete: this.complete }
  }

  /** Slots that the next commit may clear, given the slots that it dirties itself. */
  cleared(dirtiedNow: ReadonlyMap<string, number>): string[] {
    return [...this.#flushed]
      .filter(
        ([slot, position]) =>
          !dirtiedNow.has(slot) && (this.#dirty.get(slot) ?? Infinity) < position,
      )
      .map(([slot]) => slot)
  }

  noteClosed(day: DayIndex, atMs: number): void {
    this.#closedAt.set(day, atMs)
  }

  committed(commit: StateCommit): void {
    for (const slot of commit.cleared) this.#dirty.delete(slot)
    for (const [slot, offset] of commit.dirty) {
      this.#dirty.set(slot, offset)
      this.#await(slot)
    }
    for (const [slot, position] of this.#flushed) {
      // Cleared now, or dirtied meanwhile, so that no commit could clear it; else it is for the next commit.
      if ((this.#dirty.get(slot) ?? Infinity) >= position) this.#flushed.delete(slot)
    }
    if (this.#isDue()) this.#wakeup.notify()
  }

  #await(slot: string): void {
    const dirty = parseSlot(slot)
    this.#lanes[dirty.view]?.[dirty.kind].await(dirty)
  }

  #awaitDirty(): void {
    for (const slot of this.#dirty.keys()) if (!this.#flushed.has(slot)) this.#await(slot)
  }

  drain(): void {
    this.#draining = true
    this.#wakeup.notify()
  }

  get drained(): boolean {
    return this.#dirty.size === 0 && !this.#raiseDue
  }

  /** The end of the log has been seen: days that wait for nothing but that are complete now. */
  reachedEnd(): void {
    const { completeDay } = this.#context.committed
    this.#raiseDue = someLacks(this.#lanes, completeDay)
    this.#wakeup.notify()
  }

  wake(): void {
    this.#wakeup.notify()
  }

  /** Until the partition has left, or the run has failed. */
  async run(): Promise<void> {
    const { signal, pipeline } = this.#context
    const correctionsEveryMs = pipeline.sinks.offline?.correctionsEveryMs ?? 0
    while (!signal.aborted) {
      if (await this.#swap.hasCome(this.#lanes)) {
        this.#awaitDirty()
        this.#raiseDue = true
      }
      if (this.#isDue()) await this.flush()
      else await this.#wakeup.wait(Math.min(correctionsEveryMs, 1_000))
    }
  }

  /** What a state before a hand-over has written is newer. */
  #isHeld(): boolean {
    return this.#context.committed.nextOffset < this.#context.heldUntil && !this.#draining
  }

  #isDue(): boolean {
    if (this.#flushed.size > 0 || this.#isHeld()) return false
    if (this.#dirty.size === 0) return this.#raiseDue
    if (this.#draining) return true
    const waiting = this.waitingDays
    if (waiting >= CATCH_UP_DAYS || (waiting > 0 && !this.#context.committed.catchingUp))
      return true
    const { clock, pipeline } = this.#context
    return (
      clock.monotonicMs() - this.#lastFlushMs >=
      (pipeline.sinks.offline?.correctionsEveryMs ?? Infinity)
    )
  }

  /** One pass over what is dirty now. @throws GENERATION_CHANGED, TABLE_REFUSED */
  async flush(): Promise<void> {
    this.#lastFlushMs = this.#context.clock.monotonicMs()
    const raises = this.#raiseDue
    for (const [view, work] of planSlots(this.#dirty.keys(), this.#lanes.length).entries()) {
      if (work.length > 0 || raises) await this.#flushView(view, work)
    }
    if (raises) this.#raiseDue = false
    this.#context.turns.wakeup.notify()
  }

  async #flushView(view: number, work: readonly SlotWork[]): Promise<void> {
    const lanes = this.#lanes[view]
    invariant(lanes, `view ${view} has tables`)
    const changes: Record<SlotKind, SlotChange[]> = { rows: [], tiles: [] }
    let writing: Promise<void> = Promise.resolve()
    for (const slotWork of work) {
      const read = await this.#reader.read(view, slotWork)
      // The files of one slot are written while the next slot is read; two slots at most are in memory.
      await writing
      writing = this.#writeSlot(lanes, read, changes)
      // Marks a failure as handled: it is thrown where `writing` is awaited.
      writing.catch(() => undefined)
    }
    await writing
    for (const kind of ['rows', 'tiles'] as const) await this.#transact(lanes[kind], changes[kind])
  }

  async #writeSlot(
    lanes: ViewLanes,
    read: SlotRows,
    changes: Record<SlotKind, SlotChange[]>,
  ): Promise<void> {
    const { partition } = this.#context
    for (const kind of ['rows', 'tiles'] as const) {
      const lane = lanes[kind]
      await Promise.all(
        [...read[kind]].map(async ([day, rows]) => {
          const key = { day, partition, slot: read.slot }
          const file = await this.#retry(`${lane.table.spec.name}: writing ds of day ${day}`, () =>
            lane.table.write(key, read.position, rows),
          )
          this.#rowsWritten += rows.rows
          if (day <= (lane.complete ?? -Infinity)) this.#corrections += rows.rows
          this.#reader.release(lane.view, kind, rows)
          changes[kind].push({ ...key, position: read.position, file })
        }),
      )
    }
  }

  async #transact(lane: TableLane, changes: readonly SlotChange[]): Promise<void> {
    const { partition, generation, run, committed, clock, meters } = this.#context
    const startedMs = clock.monotonicMs()
    const before = lane.complete
    const isAwaited = this.#swap.generation !== undefined
    const complete = isAwaited ? undefined : lane.completeWith(changes, committed.completeDay)
    const advanced = complete !== undefined && complete !== lane.complete
    if (changes.length === 0 && !advanced) return
    const transaction = {
      generation,
      run,
      changes,
      complete: complete === undefined ? [] : [{ partition, day: complete }],
    }
    let done: TableCommit
    try {
      done = await this.#retry(`${lane.table.spec.name}: transaction`, () =>
        lane.table.commit(transaction),
      )
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'STAGED_FILES_EXPIRED') throw error
      // A vacuum may have taken a file that waited too long: the slots stay dirty, and the next flush writes them anew.
      this.#context.log.warn({}, error.message)
      return
    }
    meters.tableSeconds.observe((clock.monotonicMs() - startedMs) / 1_000)
    if (complete !== undefined && lane.kind === 'rows')
      observeCloses(this.#context, this.#closedAt, { before, complete })
    lane.written(done.version, changes, complete)
    for (const { day, slot, position } of changes) {
      const key = formatSlot({ kind: lane.kind, view: lane.view, day, slot })
      // One that was dirtied meanwhile is not waited for: no commit could clear it.
      if ((this.#dirty.get(key) ?? Infinity) < position) this.#flushed.set(key, position)
    }
  }

  #retry<T>(what: string, effect: () => Promise<T>): Promise<T> {
    return retryForEver(effect, {
      ...this.#context,
      what,
      onTrouble: (failing) => {
        this.#failing = failing
      },
    })
  }
}
