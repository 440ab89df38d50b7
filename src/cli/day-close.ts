/**
 * When the open day of a partition will close, in words: what the log has to show, and what the clock may do instead.
 * Pure.
 */
import type { Calendar, DayIndex } from '../core/day.ts'
import type { TimePolicy } from '../core/definition.ts'
import type { TimeState } from '../core/partition-time.ts'
import { dayWords, durationWords, instantWords } from './words.ts'

/** As the engine has it: log and tick this far behind the clock mean that history is being loaded. */
const HISTORICAL_MS = 2 * 86_400_000

export interface OpenDay {
  readonly day: DayIndex
  /** An event at this instant or later closes it, ms. */
  readonly closedByEventMs: number
  /** From this wall clock on an idle log closes it, ms; undefined where the clock closes nothing. */
  readonly closedByClockMs: number | undefined
  readonly words: string
}

export interface CloseContext {
  readonly policy: TimePolicy
  readonly calendar: Calendar
  readonly wallMs: number
}

/** Undefined before the first event: there are no days yet. */
export function openDayOf(time: TimeState, context: CloseContext): OpenDay | undefined {
  const { policy, calendar, wallMs } = context
  if (time.maxEventTime === undefined || time.closedDay === undefined) return undefined
  const day = time.closedDay + 1
  const closedByEventMs = calendar.endOf(day) + policy.outOfOrdernessMs
  const reached = Math.max(time.maxEventTime - policy.outOfOrdernessMs, time.ticked ?? -Infinity)
  const isHistorical = !policy.tickHistorical && wallMs - reached > HISTORICAL_MS
  const closedByClockMs = isHistorical ? undefined : closedByEventMs + policy.idleAfterMs
  const byEvent = `day ${dayWords(day)} closes when an event of ${instantWords(closedByEventMs)} or later arrives`
  const byClock = clockWords(closedByClockMs, time.maxEventTime, context)
  return { day, closedByEventMs, closedByClockMs, words: `${byEvent}, ${byClock}` }
}

function clockWords(
  closedByClockMs: number | undefined,
  maxEventTime: number,
  { policy, wallMs }: CloseContext,
): string {
  const idle = durationWords(policy.idleAfterMs)
  if (closedByClockMs === undefined) {
    return `not by the clock: the log is historical, its newest event is of ${instantWords(maxEventTime)} (time.tickHistorical: true lets the clock close it)`
  }
  return wallMs >= closedByClockMs
    ? `or ${idle} after the log goes quiet`
    : `or at ${instantWords(closedByClockMs)} if the log has been quiet for ${idle} by then`
}
