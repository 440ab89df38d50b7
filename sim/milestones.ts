/** Milestones that the log says a partition must have: by which record each day was closed, and what was known then. */
import type { Pipeline } from '../src/core/definition.ts'
import type { Milestone } from '../src/engine/ports.ts'
import { civilDay } from '../test/support/civil-oracle.ts'
import type { OraclePartition } from '../test/support/judge-oracle.ts'

/** `last`: its offset may be any behind the closing record, up to that of the next one. */
type Expected = Omit<Milestone, 'generation'> & { readonly last: number }

function expectedMilestones({ time }: Pipeline, { judged }: OraclePartition): Expected[] {
  const expected: Expected[] = []
  let [maxEventTime, closed] = [-Infinity, -Infinity]
  let [seen, newestIdDay] = [0, -Infinity]
  for (const { outcome, eventTime = -Infinity, record } of judged) {
    if (outcome !== 'accepted' || eventTime <= maxEventTime) continue
    maxEventTime = eventTime
    const watermark = eventTime - time.outOfOrdernessMs
    const through = civilDay(time.zone, watermark) - 1
    const { offset, timestamp } = record
    // What was healed stands at the offset of the record that closed its day.
    while ((judged[seen]?.record.offset ?? Infinity) <= offset) {
      newestIdDay = Math.max(newestIdDay, idDayOf(judged[seen]))
      seen += 1
    }
    const last = judged[seen]?.record.offset ?? Infinity
    const known = { offset: offset + 1, last, watermark, maxEventTime, newestIdDay, timestamp }
    for (let day = closed === -Infinity ? through : closed + 1; day <= through; day += 1)
      expected.push({ ...known, day })
    closed = Math.max(closed, through)
  }
  return expected
}

/** Under which its id is remembered; -Infinity: it is not. */
function idDayOf(judged: OraclePartition['judged'][number] | undefined): number {
  const { outcome = 'undecodable', id, day } = judged ?? {}
  const isRemembered = ['accepted', 'healed', 'duplicate'].includes(outcome)
  return id === undefined || !isRemembered ? -Infinity : (day ?? NaN)
}

/** A line per milestone that is missing, wrong, or should not be there. */
export function milestoneProblems(
  pipeline: Pipeline,
  oracle: OraclePartition,
  found: readonly Milestone[],
): string[] {
  const expected = expectedMilestones(pipeline, oracle)
  const at = `milestone of partition ${oracle.partition}`
  const isSame = (a: Expected, b: Omit<Milestone, 'generation'>): boolean =>
    textOf(a) === textOf(b) && b.offset >= a.offset && b.offset <= a.last
  return [
    ...expected
      .filter((one) => !found.some((each) => isSame(one, each)))
      .map((one) => `${at}: missing ${textOf(one)}, at ${one.offset}`),
    ...found
      .filter((one) => !expected.some((each) => isSame(each, one)))
      .map((one) => `${at}: not so: ${textOf(one)}, at ${one.offset}`),
  ]
}

function textOf({
  day,
  watermark,
  maxEventTime,
  timestamp,
  newestIdDay,
}: Omit<Milestone, 'generation' | 'offset'>): string {
  return `day ${day}, watermark ${watermark}, newest ${maxEventTime}, record of ${timestamp}, ids to ${newestIdDay}`
}
