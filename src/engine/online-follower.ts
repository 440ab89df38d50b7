/**
 * The online follower of a partition: tells the online store which values changed, newest value once, versioned, while the
 * next batch is already folded.
 *
 * There is no outbox. The marker in the store says "acknowledged up to here"; whatever may be missing behind it (a crash
 * between commit and online, a store that lost data, a day's close, a new generation) is found by a scan of the state. The
 * marker is compared before anything is told, with every advance, and now and then while nothing happens.
 */
import type { DayIndex } from '../core/day.ts'
import { BEFORE_ALL, OnlineMarker, strongerReason } from './online-marker.ts'
import type { ScanReason } from './online-marker.ts'
import { ScanTask } from './online-scan.ts'
import { OnlineTeller } from './online-teller.ts'
import type { PartitionContext } from './partition-context.ts'
import type { OnlineProgress } from './parts.ts'
import { PendingChanges } from './pending-changes.ts'
import type { TakenChanges } from './pending-changes.ts'
import type { Marker, OnlinePosition, OnlineStore, StateCommit } from './ports.ts'
import { Wakeup } from './wakeup.ts'

/** Commits between two rounds while far behind: what is told then is soon told again. */
const CATCH_UP_COMMITS = 6
/** A store that lost everything while nothing happened is found out after this time. */
const MARKER_CHECK_MS = 5_000

export class OnlineFollower {
  readonly #context: PartitionContext
  readonly #store: OnlineStore
  readonly #last: { readonly online: OnlinePosition | undefined; readonly origin: number }
  readonly #teller: OnlineTeller
  readonly #wakeup: Wakeup
  readonly #pending: PendingChanges
  /** The store's marker has been compared with what the state remembers of it. */
  #met = false
  readonly #marker: OnlineMarker
  #scan: ScanTask | undefined
  /** Why a scan has to begin, strongest reason. */
  #scanReason: ScanReason | undefined
  /** By view: timestamp of the oldest record whose change is not told. */
  #untoldSince: (number | undefined)[]
  readonly #scans: Partial<Record<ScanReason, number>> = {}
  #lastTellMs = -Infinity
  #draining = false
  #failing = false
  #telling = false

  /** Asks nothing of the store yet: a run may begin while it cannot be reached. */
  constructor(
    context: PartitionContext,
    store: OnlineStore,
    last: { readonly online: OnlinePosition | undefined; readonly origin: number },
  ) {
    const { views, clock } = context
    this.#context = context
    this.#store = store
    this.#last = last
    this.#wakeup = new Wakeup(clock)
    this.#pending = new PendingChanges(views.length)
    this.#untoldSince = views.map(() => undefined)
    const onTrouble = (failing: boolean): void => {
      this.#failing = failing
    }
    this.#teller = new OnlineTeller(context, store, onTrouble)
    const { origin, online } = last
    this.#marker = new OnlineMarker(context, store, { last: online?.marker, origin, onTrouble })
  }

  /** Days of the entities told so far: a new owner first ticks to it. */
  get asOf(): DayIndex {
    return this.#marker.now.asOf
  }

  /** In which they were told. */
  get generation(): number {
    return this.#marker.now.generation
  }

  /** The store fails and the backlog is full: the fold has to wait. */
  get holdsFold(): boolean {
    return this.#failing && this.#pending.count >= this.#context.pipeline.memory.pendingEntitiesMax
  }

  get valuesWritten(): number {
    return this.#teller.written
  }

  /** For the state. Until the store has been met it is what the state had. */
  get position(): OnlinePosition | undefined {
    return this.#met ? { marker: this.#marker.now, scan: this.#scan?.position } : this.#last.online
  }

  get progress(): OnlineProgress {
    return {
      failing: this.#failing || !this.#met,
      backlog: this.#pending.count,
      untoldSince: [...this.#untoldSince],
      position: this.#marker.now.position,
      asOf: this.#marker.now.asOf,
      refused: this.#teller.refused,
      foreign: this.#teller.foreign,
      scan: this.#scan?.progress(this.#context),
      scansByReason: { ...this.#scans },
    }
  }

  /** @param recordMs timestamp of the oldest record of the commit, wall clock ms */
  committed({ tiles }: StateCommit, recordMs: number): void {
    this.#pending.add(tiles, { recordMs, committedMs: this.#context.clock.wallMs() })
    for (const [view, since] of this.#pending.recordMs.entries()) this.#untoldSince[view] ??= since
    if (this.#pending.count > this.#context.pipeline.memory.pendingEntitiesMax && !this.#failing) {
      // A scan from the marker tells them all; remembering each is no longer worth its memory.
      this.#scanReason ??= 'behind'
      this.#pending.clear()
    }
    this.#wakeup.notify()
  }

  drain(): void {
    this.#draining = true
    this.#wakeup.notify()
  }

  /** Every committed change is told and acknowledged. */
  get toldAll(): boolean {
    if (this.#isHeld()) return true
    const scanning = this.#scan !== undefined || this.#scanReason !== undefined
    return this.#met && !scanning && !this.#telling && !this.#behind()
  }

  /** All told, as of the last close, and acknowledged. */
  get drained(): boolean {
    return this.toldAll && !this.#sweepDue()
  }

  /** Ends a wait of `run` early. */
  wake(): void {
    this.#wakeup.notify()
  }

  /** Until the partition has left, or the run has failed. @throws GENERATION_CHANGED, ONLINE_REFUSED */
  async run(): Promise<void> {
    const { signal, clock } = this.#context
    await this.#meet()
    while (!signal.aborted) {
      const waitMs = this.#waitMs()
      if (this.#isHeld()) {
        await this.#wakeup.wait(1_000)
      } else if (this.#scanDue(waitMs)) {
        this.#lastTellMs = clock.monotonicMs()
        await this.#runScan()
      } else if (waitMs === 0 && this.#behind()) {
        this.#lastTellMs = clock.monotonicMs()
        await this.#round()
      } else if (this.#marker.comparedMsAgo >= MARKER_CHECK_MS) {
        await this.#advance(this.#marker.now, this.#store.incarnation)
      } else {
        // Whatever else there may be to do comes with a commit, which wakes.
        const restMs = waitMs || MARKER_CHECK_MS - this.#marker.comparedMsAgo
        await this.#wakeup.wait(Math.max(10, Math.min(restMs, 1_000)))
      }
    }
  }

  /** Compares the store's marker with the last one that the state saw acknowledged. */
  async #meet(): Promise<void> {
    const { origin, online } = this.#last
    const { stored, reason } = await this.#marker.meet(online, origin)
    const scan = online?.scan
    const isOurs =
      scan?.generation === this.#context.generation &&
      scan.incarnation === this.#store.incarnation &&
      stored?.scanId === scan.id
    if (isOurs) this.#scan = ScanTask.resume(scan)
    else if (reason !== undefined) this.#scanReason = strongerReason(this.#scanReason, reason)
    this.#met = true
  }

  /** What the owner before a hand-over has told is newer: its values stand until the fold is past them. */
  #isHeld(): boolean {
    const { committed, generation, heldUntil } = this.#context
    if (this.#draining) return false
    const told = this.generation < generation ? this.#marker.now.position : -Infinity
    return committed.nextOffset < Math.max(heldUntil, told)
  }

  /** @returns false where values told since `incarnation` may be gone; after a loss that is certain a scan is due */
  async #advance(marker: Marker, incarnation: string): Promise<boolean> {
    const outcome = await this.#marker.advance(marker, incarnation)
    if (outcome === 'loss') this.#scanReason = strongerReason(this.#scanReason, 'loss')
    return outcome === 'advanced'
  }

  /** One that only catches up with changes may wait; what was lost, or taken over, is told at once. */
  #scanDue(waitMs: number): boolean {
    if (this.#scan !== undefined) return true
    if (this.#scanReason !== undefined && this.#scanReason !== 'behind') return true
    return waitMs === 0 && (this.#scanReason !== undefined || this.#sweepDue())
  }

  #behind(): boolean {
    return this.#pending.count > 0 || this.#marker.now.position < this.#context.committed.nextOffset
  }

  /** A close has moved the as-of on. While far behind, closes are swept once, at the end. */
  #sweepDue(): boolean {
    const { closedDay, catchingUp } = this.#context.committed
    return closedDay + 1 > this.#marker.now.asOf && (!catchingUp || this.#draining)
  }

  #waitMs(): number {
    const { clock, committed, pipeline } = this.#context
    if (!committed.catchingUp || this.#draining) return 0
    const intervalMs = pipeline.commit.catchUpIntervalMs * CATCH_UP_COMMITS
    return Math.max(0, this.#lastTellMs + intervalMs - clock.monotonicMs())
  }

  /** Tells what is pending and moves the marker up to where the state was when it began. */
  async #round(): Promise<void> {
    this.#telling = true
    const { incarnation } = this.#store
    const { taken, upTo } = await this.#tellPending()
    // A scan that has become due meanwhile begins at the marker as it is.
    if (this.#scanReason === undefined) {
      const position = Math.max(upTo, this.#marker.now.position)
      if (await this.#advance({ ...this.#marker.now, position }, incarnation)) this.#noteTold()
      else this.#pending.putBack(taken)
    }
    this.#telling = false
    this.#context.turns.wakeup.notify()
  }

  #noteTold(): void {
    this.#untoldSince = [...this.#pending.recordMs]
  }

  /** `upTo`: every change below it has been told since the follower began or the last scan ended. */
  async #tellPending(): Promise<{ readonly taken: TakenChanges; readonly upTo: number }> {
    const { turns, committed } = this.#context
    const { taken, upTo } = await turns.read(() => {
      return Promise.resolve({ taken: this.#pending.take(), upTo: committed.nextOffset })
    })
    await this.#teller.tellChanges(taken)
    return { taken, upTo }
  }

  async #runScan(): Promise<void> {
    const { signal, generation } = this.#context
    const { incarnation } = this.#store
    const scan = this.#scan ?? (await this.#beginScan(incarnation))
    if (scan === undefined) return
    const upTo = await scan.run({
      context: this.#context,
      store: this.#store,
      teller: this.#teller,
      isPaced: () => !this.#draining,
      between: async () => (await this.#tellPending()).upTo,
    })
    if (signal.aborted) return
    this.#scan = undefined
    // Without the pending changes of the process that began it, a resumed scan proves only what it found at its start.
    const position = scan.resumed || this.#scanReason !== undefined ? scan.startedAt : upTo
    if (position < this.#context.committed.nextOffset && scan.resumed) this.#scanReason ??= 'behind'
    const marker = { generation, position, asOf: scan.asOf, scanId: undefined }
    if (!(await this.#advance(marker, incarnation)))
      this.#scanReason = strongerReason(this.#scanReason, scan.reasonToRepeat)
    else if (this.#scanReason === undefined) this.#noteTold()
    this.#context.turns.wakeup.notify()
  }

  /** Writes the scan's id beside the old position. Undefined where the store may have lost data meanwhile. */
  async #beginScan(incarnation: string): Promise<ScanTask | undefined> {
    const { committed, run, partition, generation } = this.#context
    const { closedDay, nextOffset } = committed
    const reason = this.#scanReason ?? 'sweep'
    const count = (this.#scans[reason] ?? 0) + 1
    this.#scans[reason] = count
    const scan = ScanTask.begin(reason, {
      id: `${run}.${partition}.${reason}.${count}`,
      generation,
      from: this.#marker.toldUpTo(reason),
      startedAt: nextOffset,
      asOf: closedDay === -Infinity ? BEFORE_ALL.asOf : closedDay + 1,
      incarnation,
    })
    const asked = this.#scanReason
    this.#scanReason = undefined
    this.#scan = scan
    if (await this.#advance({ ...this.#marker.now, scanId: scan.position.id }, incarnation))
      return scan
    this.#scan = undefined
    if (asked !== undefined) this.#scanReason = strongerReason(this.#scanReason, asked)
    return undefined
  }
}
