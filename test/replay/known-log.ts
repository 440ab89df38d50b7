/** Logs drawn by hand or at random for tests of planning, and what a state that has read them all would know, by the letter of the contract. */
import type { DayIndex } from '../../src/core/day.ts'
import { createCalendar } from '../../src/core/day.ts'
import { NO_TIME } from '../../src/core/partition-time.ts'
import type { Milestone } from '../../src/engine/ports.ts'
import type { KnownState, PartitionKnowledge } from '../../src/replay/knowledge.ts'
import { DAY_MS } from '../support/builders.ts'

export interface LoggedEvent {
  readonly offset: number
  readonly time: number
  readonly id: string
}

export interface LogPolicy {
  readonly outOfOrdernessMs: number
  readonly allowedLatenessMs: number
  readonly duplicatesWithinMs: number
}

export type Verdict = 'accepted' | 'too_late' | 'duplicate'

/** Looks at all records before each one again. */
export function judgeAll(events: readonly LoggedEvent[], policy: LogPolicy): Verdict[] {
  const verdicts: Verdict[] = []
  for (const event of events) {
    const before = events.slice(0, verdicts.length)
    const watermark = watermarkOf(
      before.filter((_, i) => verdicts[i] === 'accepted'),
      policy,
    )
    const isSame = (other: LoggedEvent, i: number): boolean =>
      other.id === event.id && verdicts[i] !== 'too_late' && stillCounts(other, watermark, policy)
    if (endOf(event) + policy.allowedLatenessMs <= watermark) verdicts.push('too_late')
    else verdicts.push(before.some(isSame) ? 'duplicate' : 'accepted')
  }
  return verdicts
}

export function stillCounts(
  { time }: { readonly time: number },
  watermark: number,
  { duplicatesWithinMs }: LogPolicy,
): boolean {
  return endOf({ time }) + duplicatesWithinMs > watermark
}

export function watermarkOf(
  accepted: readonly { readonly time: number }[],
  { outOfOrdernessMs }: LogPolicy,
): number {
  return Math.max(-Infinity, ...accepted.map(({ time }) => time)) - outOfOrdernessMs
}

export function endOf({ time }: { readonly time: number }): number {
  return (dayOf(time) + 1) * DAY_MS
}

export function dayOf(time: number): DayIndex {
  return Math.floor(time / DAY_MS)
}

/** What the log closed, and where. */
export function milestonesOf(
  events: readonly LoggedEvent[],
  verdicts: readonly Verdict[],
  policy: LogPolicy,
): Milestone[] {
  const milestones: Milestone[] = []
  let closed = -Infinity
  let newest = -Infinity
  let newestIdDay = -Infinity
  for (const [i, { offset, time }] of events.entries()) {
    if (verdicts[i] !== 'too_late') newestIdDay = Math.max(newestIdDay, dayOf(time))
    if (verdicts[i] !== 'accepted' || time <= newest) continue
    newest = time
    const watermark = newest - policy.outOfOrdernessMs
    const through = dayOf(watermark) - 1
    for (let day = closed === -Infinity ? through : closed + 1; day <= through; day += 1) {
      const known = { watermark, maxEventTime: newest, newestIdDay, timestamp: time }
      milestones.push({ day, generation: 1, offset: offset + 1, ...known })
    }
    closed = Math.max(closed, through)
  }
  return milestones
}

/** Knowledge of partition 0 by a state that has read all of the log. */
export function knowledgeOf(
  events: readonly LoggedEvent[],
  policy: LogPolicy,
  rest: Partial<PartitionKnowledge> & { readonly state?: Partial<KnownState> } = {},
): PartitionKnowledge {
  const verdicts = judgeAll(events, policy)
  const accepted = events.filter((_, i) => verdicts[i] === 'accepted')
  const newest = accepted.reduce<LoggedEvent | undefined>(
    (a, b) => (a === undefined || b.time > a.time ? b : a),
    undefined,
  )
  const end = (events.at(-1)?.offset ?? -1) + 1
  const time = newest
    ? {
        ...NO_TIME,
        maxEventTime: newest.time,
        maxEventOffset: newest.offset,
        newestIdDay: Math.max(
          ...events.filter((_, i) => verdicts[i] !== 'too_late').map((event) => dayOf(event.time)),
        ),
        closedDay: dayOf(newest.time - policy.outOfOrdernessMs) - 1,
        completeFrom: dayOf(accepted[0]?.time ?? 0),
      }
    : NO_TIME
  return {
    partition: 0,
    log: { start: 0, end, unit: 'records', recordBytes: 100 },
    checkpoints: [],
    ...rest,
    state: {
      from: 'state',
      head: { generation: 1, origin: 0, nextOffset: end, time },
      milestones: milestonesOf(events, verdicts, policy),
      dirty: [],
      tilesTo: undefined,
      ...rest.state,
    },
  }
}

export const UTC = createCalendar('UTC')
