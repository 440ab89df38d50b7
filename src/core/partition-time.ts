/**
 * Time of one partition: the watermark that its own log gives, the days that are closed, and the ticks of an idle log.
 *
 *     watermark = max(event time accepted since the origin) - outOfOrderness
 *     on time         bucket end > watermark
 *     late, accepted  bucket end <= watermark < bucket end + allowedLateness
 *     too late        the rest
 *
 * A record is judged by the watermark before it and moves it afterwards. Ticks close days; they decide nothing else.
 */
import type { Calendar, DayIndex } from './day.ts'
import type { TimePolicy } from './definition.ts'

/** What of a partition's time is part of its state. */
export interface TimeState {
  /** Largest event time accepted since the origin; undefined before the first. */
  readonly maxEventTime: number | undefined
  /** Offset of the record that set it. */
  readonly maxEventOffset: number | undefined
  /** Highest watermark that a tick claimed. */
  readonly ticked: number | undefined
  /** Last closed day, by log or tick; undefined before the first event. */
  readonly closedDay: DayIndex | undefined
  /** Days that only ticks have closed so far, with the wall clock (ms) of their tick. */
  readonly tickCloses: readonly (readonly [DayIndex, number])[]
  /** First day that this partition's log covers whole (`_complete_from`). */
  readonly completeFrom: DayIndex | undefined
  /** Newest day that an event id is remembered under; a duplicate's may lie ahead of all accepted events. Absent: no ids. */
  readonly newestIdDay?: DayIndex
}

export const NO_TIME: TimeState = {
  maxEventTime: undefined,
  maxEventOffset: undefined,
  ticked: undefined,
  closedDay: undefined,
  tickCloses: [],
  completeFrom: undefined,
}

export class PartitionTime {
  readonly calendar: Calendar
  readonly #policy: TimePolicy & { readonly origin: number }
  /** All but the newest event, which is apart: nine of ten records of a log in order move it. */
  #state: TimeState
  #maxEventTime: number
  #maxEventOffset: number
  /** Derived, kept because every record asks for them. */
  #watermark: number
  #closedDay: DayIndex
  #logClosedDay: DayIndex
  #newestIdDay: DayIndex

  constructor(
    calendar: Calendar,
    policy: TimePolicy & { readonly origin: number },
    state: TimeState,
  ) {
    this.calendar = calendar
    this.#policy = policy
    this.#state = state
    this.#maxEventTime = state.maxEventTime ?? -Infinity
    this.#maxEventOffset = state.maxEventOffset ?? -Infinity
    this.#watermark = this.#maxEventTime - policy.outOfOrdernessMs
    this.#closedDay = state.closedDay ?? -Infinity
    this.#newestIdDay = state.newestIdDay ?? -Infinity
    this.#logClosedDay = this.closedBy(this.#watermark)
  }

  get state(): TimeState {
    if (this.#maxEventTime === -Infinity) return this.#state
    return {
      ...this.#state,
      maxEventTime: this.#maxEventTime,
      maxEventOffset: this.#maxEventOffset,
      ...(this.#newestIdDay === -Infinity ? {} : { newestIdDay: this.#newestIdDay }),
    }
  }

  /** Largest event time accepted, ms; -Infinity before the first. */
  get maxEventTime(): number {
    return this.#maxEventTime
  }

  /** Newest day that an id is remembered under; -Infinity before the first. */
  get newestIdDay(): DayIndex {
    return this.#newestIdDay
  }

  /** Log-derived, ms; -Infinity before the first event. */
  get watermark(): number {
    return this.#watermark
  }

  /** Last day that log or tick has closed; -Infinity before the first event. */
  get closedDay(): DayIndex {
    return this.#closedDay
  }

  /** Last day that the log itself has closed; -Infinity before the first event. */
  get logClosedDay(): DayIndex {
    return this.#logClosedDay
  }

  /** Last day whose end is at or before an instant. */
  closedBy(timeMs: number): DayIndex {
    return timeMs === -Infinity ? -Infinity : this.calendar.dayOf(timeMs) - 1
  }

  /** Last day into which no record can come any more. */
  get finalDay(): DayIndex {
    return this.closedBy(this.#watermark - this.#policy.allowedLatenessMs)
  }

  isTooLate(bucket: DayIndex): boolean {
    return this.calendar.endOf(bucket) + this.#policy.allowedLatenessMs <= this.#watermark
  }

  isFuture(eventTime: number, timestamp: number): boolean {
    return eventTime > timestamp + this.#policy.maxFutureMs
  }

  /** The id of an accepted record, or of a duplicate, is remembered under this day. */
  noteId(bucket: DayIndex): void {
    if (bucket > this.#newestIdDay) this.#newestIdDay = bucket
  }

  /** Takes an accepted record in. Returns true when the log closed days by it: those in (logClosedDay before, now]. */
  accept(eventTime: number, offset: number): boolean {
    if (eventTime <= this.#maxEventTime) return false
    if (this.#maxEventTime === -Infinity) {
      this.#state = { ...this.#state, completeFrom: this.#completeFrom(eventTime) }
    }
    this.#maxEventTime = eventTime
    this.#maxEventOffset = offset
    this.#watermark = eventTime - this.#policy.outOfOrdernessMs
    const closed = this.closedBy(this.#watermark)
    if (closed <= this.#logClosedDay) return false
    this.#logClosedDay = closed
    if (closed > this.#closedDay) this.#close(closed)
    return true
  }

  /**
   * Claims that time has come to `watermark` although no record says so. Returns true when days were closed.
   * Before the first event there is nothing to close.
   */
  tick(watermark: number, wallMs: number): boolean {
    if (this.#maxEventTime === -Infinity) return false
    if (watermark <= Math.max(this.#state.ticked ?? -Infinity, this.#watermark)) return false
    const before = this.#closedDay
    const closed = this.closedBy(watermark)
    if (closed <= before) return false
    this.#state = { ...this.#state, ticked: watermark }
    this.#close(closed)
    const closes: [DayIndex, number][] = []
    for (let day = Math.max(before + 1, closed - 400); day <= closed; day += 1)
      closes.push([day, wallMs])
    this.#state = { ...this.#state, tickCloses: [...this.#state.tickCloses, ...closes] }
    return true
  }

  #close(day: DayIndex): void {
    const logClosed = this.#logClosedDay
    this.#closedDay = day
    this.#state = {
      ...this.#state,
      closedDay: day,
      tickCloses: this.#state.tickCloses.filter(([closed]) => closed > logClosed),
    }
  }

  /** A state that began at the log's beginning is whole from its first day; any other origin from the day that it surely covers. */
  #completeFrom(eventTime: number): DayIndex {
    if (this.#policy.origin === 0) return this.calendar.dayOf(eventTime)
    return this.calendar.dayOf(eventTime + this.#policy.outOfOrdernessMs) + 1
  }
}
