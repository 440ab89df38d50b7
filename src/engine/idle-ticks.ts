/**
 * Ticks: what moves days on when the log is quiet. A partition at the end of its log that has had no record for `idleAfter`
 * (monotonic) claims the time wall clock - outOfOrderness - idleAfter. Ticks close days and decide nothing else.
 *
 * Loading last year's log must not empty the online store: where log and tick are both more than two days behind the wall
 * clock, nothing ticks.
 */
import type { DayIndex } from '../core/day.ts'
import type { TimePolicy } from '../core/definition.ts'
import type { PartitionTime } from '../core/partition-time.ts'
import { TidemarkError } from '../errors.ts'
import type { Clock, Log } from './ports.ts'

const HISTORICAL_MS = 2 * 86_400_000

export interface TickClose {
  readonly after: DayIndex
  readonly through: DayIndex
  readonly wallMs: number
}

/** Whether the wall clock moves a partition on, or why not. */
export type IdleReason =
  'ticking' | 'records come' | 'behind' | 'historical' | 'held' | 'no event yet'

export class IdleTicks {
  readonly #policy: TimePolicy
  readonly #clock: Clock
  readonly #log: Log
  /** The online store's wall clock, or the own one. */
  readonly #storeNowMs: () => Promise<number>
  /** Closed by the marker, the table or the old state: a new owner begins there. */
  readonly #claimedDay: () => DayIndex
  #lastRecordMs: number
  #toldHistorical = false
  #why: IdleReason = 'records come'

  constructor(parts: {
    readonly policy: TimePolicy
    readonly clock: Clock
    readonly log: Log
    readonly storeNowMs: (() => Promise<number>) | undefined
    readonly claimedDay: () => DayIndex
  }) {
    this.#policy = parts.policy
    this.#clock = parts.clock
    this.#log = parts.log
    this.#storeNowMs = parts.storeNowMs ?? (() => Promise.resolve(parts.clock.wallMs()))
    this.#claimedDay = parts.claimedDay
    this.#lastRecordMs = parts.clock.monotonicMs()
  }

  get why(): IdleReason {
    return this.#why
  }

  noteRecords(monotonicMs: number): void {
    this.#lastRecordMs = monotonicMs
    this.#why = 'records come'
  }

  noteBusy(why: 'behind' | 'held'): void {
    this.#why = why
  }

  /** Takes over what an owner before has closed, as soon as there is an event to have days at all. */
  claim(time: PartitionTime): TickClose | undefined {
    const claimed = this.#claimedDay()
    if (claimed <= time.closedDay || time.maxEventTime === -Infinity) return undefined
    return this.#tickTo(time, time.calendar.endOf(claimed))
  }

  /** Called while the log is at its end and nothing is held back. */
  async tick(time: PartitionTime): Promise<TickClose | undefined> {
    const { idleAfterMs, outOfOrdernessMs } = this.#policy
    this.#why = this.#reasonNow(time)
    if (this.#why !== 'ticking') return undefined
    const wallMs = this.#clock.wallMs()
    if (time.closedBy(wallMs - outOfOrdernessMs - idleAfterMs) <= time.closedDay) return undefined
    const lowest = Math.min(wallMs, await this.#storeNow())
    return this.#tickTo(time, lowest - outOfOrdernessMs - idleAfterMs)
  }

  #reasonNow(time: PartitionTime): IdleReason {
    if (time.maxEventTime === -Infinity) return 'no event yet'
    const quietMs = this.#clock.monotonicMs() - this.#lastRecordMs
    if (quietMs < this.#policy.idleAfterMs) return 'records come'
    return this.#isHistorical(time, this.#clock.wallMs()) ? 'historical' : 'ticking'
  }

  /** A store that cannot be reached has no say: then nothing ticks. */
  async #storeNow(): Promise<number> {
    try {
      return await this.#storeNowMs()
    } catch (error) {
      if (error instanceof TidemarkError && error.retryable) return -Infinity
      throw error
    }
  }

  #isHistorical(time: PartitionTime, wallMs: number): boolean {
    if (this.#policy.tickHistorical) return false
    const reached = Math.max(time.watermark, time.state.ticked ?? -Infinity)
    const historical = wallMs - reached > HISTORICAL_MS
    if (historical && !this.#toldHistorical) {
      this.#toldHistorical = true
      this.#log.info(
        {},
        'historical log, not ticking: its newest event is more than two days old; time.tickHistorical: true would close its days by the wall clock',
      )
    }
    return historical
  }

  #tickTo(time: PartitionTime, watermark: number): TickClose | undefined {
    const after = time.closedDay
    const wallMs = this.#clock.wallMs()
    return time.tick(watermark, wallMs) ? { after, through: time.closedDay, wallMs } : undefined
  }
}
