/**
 * The online follower of a partition: tells the online store which values changed, newest value once, versioned, while the
 * next batch is already folded.
 *
 * There is no outbox. The marker in the store says "acknowledged up to here"; whatever may be missing behind it (a crash
 * between commit and online, a store that lost data, a day's close, a new generation) is found by a scan of the state.
 */
import type { DayIndex } from '../core/day.ts'
import { slotOf } from '../core/slot.ts'
import { BEFORE_ALL_DAYS, isBefore, newerGeneration, reasonToScan } from './online-marker.ts'
import type { ScanReason } from './online-marker.ts'
import { ScanTask } from './online-scan.ts'
import { OnlineTeller } from './online-teller.ts'
import type { PartitionContext } from './partition-context.ts'
import type { Marker, OnlinePosition, OnlineStore } from './ports.ts'
import { retryForEver } from './retry.ts'
import { Wakeup } from './wakeup.ts'

const ENTITIES_PER_TURN = 256
/** Commits between two rounds while far behind: what is told then is soon told again. */
const CATCH_UP_COMMITS = 6

export class OnlineFollower {
  readonly #context: PartitionContext
  readonly #store: OnlineStore
  readonly #teller: OnlineTeller
  readonly #wakeup: Wakeup
  /** Per view: entities changed by commits and not told yet. */
  #pending: Set<string>[]
  #pendingCount = 0
  /** Where telling stands: the last marker acknowledged, or the beginning. */
  #marker: Marker
  /** The last marker known to be in the store; undefined while none was ever there. */
  #acknowledged: Marker | undefined
  #scan: ScanTask | undefined
  /** Why a scan has to begin, strongest reason. */
  #scanReason: ScanReason | undefined
  #scans = 0
  #lastTellMs = -Infinity
  #draining = false
  #failing = false
  #telling = false

  private constructor(context: PartitionContext, store: OnlineStore, marker: Marker) {
    this.#context = context
    this.#store = store
    this.#marker = marker
    this.#wakeup = new Wakeup(context.clock)
    this.#pending = context.views.map(() => new Set())
    this.#teller = new OnlineTeller(context, store, (failing) => {
      this.#failing = failing
    })
  }

  /** Compares the store's marker with the last one that the state saw acknowledged. @throws GENERATION_CHANGED */
  static async open(
    context: PartitionContext,
    store: OnlineStore,
    last: { readonly online: OnlinePosition | undefined; readonly origin: number },
  ): Promise<OnlineFollower> {
    const { partition, generation, committed } = context
    const stored = await retryForEver(() => store.marker(partition), {
      ...context,
      what: 'online: reading the marker',
    })
    const { origin, online } = last
    const beginning = { generation, position: origin, asOf: BEFORE_ALL_DAYS, scanId: undefined }
    const follower = new OnlineFollower(context, store, stored ?? beginning)
    follower.#acknowledged = stored
    if (stored?.scanId !== undefined && stored.scanId === online?.scan?.id) {
      follower.#scan = ScanTask.resume(online.scan)
      return follower
    }
    const { nextOffset } = committed
    follower.#scanReason = reasonToScan(stored, {
      acknowledged: online?.marker,
      generation,
      nextOffset,
      origin,
    })
    return follower
  }

  /** Days of the entities told so far: a new owner first ticks to it. */
  get asOf(): DayIndex {
    return this.#marker.asOf
  }

  get backlog(): number {
    return this.#pendingCount
  }

  /** The store fails and the backlog is full: the fold has to wait. */
  get holdsFold(): boolean {
    return this.#failing && this.#pendingCount >= this.#context.pipeline.memory.pendingEntitiesMax
  }

  get failing(): boolean {
    return this.#failing
  }

  get valuesWritten(): number {
    return this.#teller.written
  }

  get position(): OnlinePosition {
    return { marker: this.#marker, scan: this.#scan?.position }
  }

  committed(changed: readonly { readonly view: number; readonly entity: string }[]): void {
    for (const { view, entity } of changed) this.#pending[view]?.add(entity)
    this.#pendingCount = this.#pending.reduce((count, entities) => count + entities.size, 0)
    const { pendingEntitiesMax } = this.#context.pipeline.memory
    if (this.#pendingCount > pendingEntitiesMax && !this.#failing) {
      // A scan from the marker tells them all; remembering each is no longer worth its memory.
      this.#scanReason ??= 'behind'
      this.#forgetPending()
    }
    this.#wakeup.notify()
  }

  #forgetPending(): void {
    this.#pending = this.#context.views.map(() => new Set())
    this.#pendingCount = 0
  }

  drain(): void {
    this.#draining = true
    this.#wakeup.notify()
  }

  /** Every committed change is told and acknowledged. */
  get toldAll(): boolean {
    const scanning = this.#scan !== undefined || this.#scanReason !== undefined
    return !scanning && !this.#telling && !this.#behind()
  }

  /** All told, as of the last close, and acknowledged. */
  get drained(): boolean {
    return this.toldAll && !this.#sweepDue()
  }

  /** Ends a wait of `run` early. */
  wake(): void {
    this.#wakeup.notify()
  }

  /** Until the partition has left, or the run has failed. */
  async run(left: AbortSignal): Promise<void> {
    const { signal, clock, pipeline } = this.#context
    while (!signal.aborted && !left.aborted) {
      const waitMs = this.#waitMs()
      if (this.#scanDue(waitMs)) {
        this.#lastTellMs = clock.monotonicMs()
        await this.#runScan()
      } else if (waitMs === 0 && this.#behind()) {
        this.#lastTellMs = clock.monotonicMs()
        await this.#round()
      } else {
        await this.#wakeup.wait(Math.max(10, Math.min(waitMs || pipeline.commit.intervalMs, 1_000)))
      }
    }
  }

  /** One that only catches up with changes may wait; what was lost, or taken over, is told at once. */
  #scanDue(waitMs: number): boolean {
    if (this.#scan !== undefined) return true
    if (this.#scanReason !== undefined && this.#scanReason !== 'behind') return true
    return waitMs === 0 && (this.#scanReason !== undefined || this.#sweepDue())
  }

  #behind(): boolean {
    return this.#pendingCount > 0 || this.#marker.position < this.#context.committed.nextOffset
  }

  /** A close has moved the as-of on. While far behind, closes are swept once, at the end. */
  #sweepDue(): boolean {
    const { closedDay, catchingUp } = this.#context.committed
    return closedDay + 1 > this.#marker.asOf && (!catchingUp || this.#draining)
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
    const upTo = await this.#tellPending()
    if (this.#scanReason === undefined && upTo > this.#marker.position) {
      await this.#advance({ ...this.#marker, position: upTo })
    }
    this.#telling = false
    this.#context.turns.wakeup.notify()
  }

  /** @returns the position below which every change has been told since the follower began or the last scan ended */
  async #tellPending(): Promise<number> {
    const { turns, committed } = this.#context
    const taken = await turns.read(() => {
      const pending = this.#pending
      this.#forgetPending()
      return Promise.resolve({ pending, upTo: committed.nextOffset })
    })
    for (const [view, entities] of taken.pending.entries()) {
      const all = [...entities]
      for (let i = 0; i < all.length; i += ENTITIES_PER_TURN) {
        await this.#tellEntities(view, all.slice(i, i + ENTITIES_PER_TURN))
      }
    }
    return taken.upTo
  }

  async #tellEntities(view: number, entities: readonly string[]): Promise<void> {
    const { turns, state, slots } = this.#context
    const values = await turns.read(async () => {
      const keys = entities.map((entity) => ({ entity, slot: slotOf(entity, slots) }))
      const stored = await state.entities(view, keys)
      return stored.flatMap((tiles) =>
        tiles === undefined ? [] : [this.#teller.value(view, tiles)],
      )
    })
    await this.#teller.tell(values)
  }

  async #runScan(): Promise<void> {
    const { closedDay, nextOffset } = this.#context.committed
    if (this.#scan === undefined) {
      const id = `${this.#context.run}.${this.#context.partition}.${(this.#scans += 1)}`
      this.#scan = ScanTask.begin(this.#scanReason ?? 'sweep', {
        id,
        from:
          this.#scanReason === 'generation' ? { position: 0, asOf: BEFORE_ALL_DAYS } : this.#marker,
        startedAt: nextOffset,
        asOf: closedDay === -Infinity ? BEFORE_ALL_DAYS : closedDay + 1,
      })
      this.#scanReason = undefined
      await this.#advance({ ...this.#marker, scanId: id })
    }
    const scan = this.#scan
    const upTo = await scan.run({
      context: this.#context,
      store: this.#store,
      teller: this.#teller,
      isPaced: () => !this.#draining,
      between: () => this.#tellPending(),
    })
    if (this.#context.signal.aborted) return
    this.#scan = undefined
    const { generation } = this.#context
    // Without the pending changes of the process that began it, a resumed scan proves only what it found at its start.
    const position = scan.resumed || this.#scanReason !== undefined ? scan.startedAt : upTo
    if (position < this.#context.committed.nextOffset && scan.resumed) this.#scanReason ??= 'behind'
    await this.#advance({ generation, position, asOf: scan.asOf, scanId: undefined })
    this.#context.turns.wakeup.notify()
  }

  async #advance(marker: Marker): Promise<void> {
    const { partition, generation, log } = this.#context
    const context = { ...this.#context, what: 'online: marker' }
    const stored = await retryForEver(() => this.#store.marker(partition), context)
    if (stored !== undefined && stored.generation > generation)
      throw newerGeneration(stored.generation, generation)
    if (this.#acknowledged && (stored === undefined || isBefore(stored, this.#acknowledged))) {
      log.warn(
        { partition },
        'online: the store has lost data (its marker is missing or older); telling every value again',
      )
      this.#scanReason = 'loss'
      this.#marker = stored ?? { generation, position: 0, asOf: BEFORE_ALL_DAYS, scanId: undefined }
      this.#acknowledged = stored
      return
    }
    const advanced = await retryForEver(() => this.#store.advanceMarker(partition, marker), context)
    // A store that is ahead (the state was rebuilt) keeps its marker; values are compared by version anyway.
    this.#acknowledged = advanced ? marker : stored
    this.#marker = marker
  }
}
