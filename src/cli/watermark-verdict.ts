/**
 * Whether the record that holds a watermark has a wrong time, and what that does. Pure.
 *
 *     honest events      .  .. . .                      the record
 *     event time   ------|-----------|----------------------|--->
 *                      newest    days between: closed     event time
 *                      honest    although nothing of      of the holder
 *                      event     them was over
 */
import type { Calendar, DayIndex } from '../core/day.ts'
import type { TimePolicy } from '../core/definition.ts'
import { durationWords, plural } from './words.ts'

export interface HolderEvidence {
  readonly eventTime: number
  /** The record's own timestamp; undefined where it has none. */
  readonly timestamp: number | undefined
  /** Event times of the records after it. */
  readonly after: readonly number[]
}

export interface Poison {
  readonly kind: 'ahead of the clock' | 'ahead of its record' | 'ahead of what follows'
  readonly words: string
  /** Days that it closed although the rest of the log had not come to their end. */
  readonly closedEarly: { readonly first: DayIndex; readonly last: DayIndex } | undefined
  /** Records of this day and of those before it are refused. */
  readonly finalDay: DayIndex
  /** Of the events after it: those that are too late only because of it. */
  readonly tooLateAfter: number
}

export interface VerdictContext {
  readonly policy: TimePolicy
  readonly calendar: Calendar
  readonly wallMs: number
}

const DAY_MS = 86_400_000
/** Fewer events than this say nothing about one before them. */
const AFTER_EVENTS_MIN = 20

/** Undefined: nothing speaks against the record. */
export function judgeHolder(evidence: HolderEvidence, context: VerdictContext): Poison | undefined {
  const found = suspicion(evidence, context)
  if (found === undefined) return undefined
  const { policy, calendar } = context
  const closedBy = (timeMs: number): DayIndex => calendar.dayOf(timeMs) - 1
  const watermark = evidence.eventTime - policy.outOfOrdernessMs
  const finalDay = closedBy(watermark - policy.allowedLatenessMs)
  const first = closedBy(honestTime(evidence, context) - policy.outOfOrdernessMs) + 1
  const last = closedBy(watermark)
  return {
    ...found,
    closedEarly: first <= last ? { first, last } : undefined,
    finalDay,
    tooLateAfter: evidence.after.filter((time) => calendar.dayOf(time) <= finalDay).length,
  }
}

function suspicion(
  { eventTime, timestamp, after }: HolderEvidence,
  { policy, wallMs }: VerdictContext,
): Pick<Poison, 'kind' | 'words'> | undefined {
  if (eventTime > wallMs + policy.maxFutureMs) {
    const words = `its event time is ${durationWords(eventTime - wallMs)} ahead of the clock`
    return { kind: 'ahead of the clock', words }
  }
  if (timestamp !== undefined && eventTime > timestamp + policy.maxFutureMs) {
    const words = `its event time is ${durationWords(eventTime - timestamp)} ahead of its record's timestamp`
    return { kind: 'ahead of its record', words }
  }
  const lead = eventTime - newestOf(after)
  if (after.length < AFTER_EVENTS_MIN || lead <= policy.outOfOrdernessMs + DAY_MS) return undefined
  const words = `all of the ${plural(after.length, 'event')} after it are older by ${durationWords(lead)} or more`
  return { kind: 'ahead of what follows', words }
}

/** Up to where the rest of the log vouches for time. */
function honestTime({ timestamp, after }: HolderEvidence, { wallMs }: VerdictContext): number {
  const seen = after.length > 0 ? newestOf(after) : (timestamp ?? wallMs)
  return Math.min(seen, wallMs)
}

function newestOf(times: readonly number[]): number {
  return times.reduce((newest, time) => Math.max(newest, time), -Infinity)
}
