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
import type { Clock, Log } from './ports.ts'

const HISTORICAL_MS = 2 * 86_400_000

export interface TickClose {
  readonly after: DayIndex
  readonly through: DayIndex
  readonly wallMs: number
}

export class IdleTicks {
  readonly #policy: TimePolicy
  readonly #clock: Clock
  readonly #log: Log
  /** The online store's wall clock, or the own one. */
  readonly #storeNowMs: () => Promise<number>
  /** Closed by the marker, the table or the old state: a new owner begins there. */
  readonly #claimedDay: DayIndex
  #lastRecordMs: number
  #toldHistorical = false

  constructor(parts: {
    readonly policy: TimePolicy
    readonly clock: Clock
    readonly log: Log
    readonly storeNowMs: (() => Promise<number>) | undefined
    readonly claimedDay: DayIndex
  }) {
    this.#policy = parts.policy
    this.#clock = parts.clock
    this.#log = parts.log
    this.#storeNowMs = parts.storeNowMs ?? (() => Promise.resolve(parts.clock.wallMs()))
    this.#claimedDay = parts.claimedDay
    this.#lastRecordMs = parts.clock.monotonicMs()
  }

  noteRecords(monotonicMs: number): void {
    this.#lastRecordMs = monotonicMs
  }

  /** Takes over what an owner before has closed, as soon as there is an event to have days at all. */
  claim(time: PartitionTime): TickClose | undefined {
    if (this.#claimedDay <= time.closedDay || time.state.maxEventTime === undefined)
      return undefined
    return this.#tickTo(time, time.calendar.endOf(this.#claimedDay))
  }

  /** Called while the log is at its end and nothing is held back. */
  async tick(time: PartitionTime): Promise<TickClose | undefined> {
    const { idleAfterMs, outOfOrdernessMs } = this.#policy
    if (time.state.maxEventTime === undefined) return undefined
    if (this.#clock.monotonicMs() - this.#lastRecordMs < idleAfterMs) return undefined
    const wallMs = this.#clock.wallMs()
    const claim = wallMs - outOfOrdernessMs - idleAfterMs
    if (time.closedBy(claim) <= time.closedDay) return undefined
    if (this.#isHistorical(time, wallMs)) return undefined
    const lowest = Math.min(wallMs, await this.#storeNowMs())
    return this.#tickTo(time, lowest - outOfOrdernessMs - idleAfterMs)
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
