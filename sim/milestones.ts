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
  for (const [i, { outcome, eventTime = -Infinity, record }] of judged.entries()) {
    if (outcome !== 'accepted' || eventTime <= maxEventTime) continue
    maxEventTime = eventTime
    const watermark = eventTime - time.outOfOrdernessMs
    const through = civilDay(time.zone, watermark) - 1
    const { offset, timestamp } = record
    const last = judged[i + 1]?.record.offset ?? Infinity
    const newestIdDay = newestIdDayAt(judged, offset)
    const known = { offset: offset + 1, last, watermark, maxEventTime, newestIdDay, timestamp }
    for (let day = closed === -Infinity ? through : closed + 1; day <= through; day += 1)
      expected.push({ ...known, day })
    closed = Math.max(closed, through)
  }
  return expected
}

/** What was healed by a record has its offset. */
function newestIdDayAt(judged: OraclePartition['judged'], offset: number): number {
  const days = judged
    .filter(({ record, id }) => record.offset <= offset && id !== undefined)
    .filter(({ outcome }) => ['accepted', 'healed', 'duplicate'].includes(outcome))
    .map(({ day }) => day ?? NaN)
  return Math.max(-Infinity, ...days)
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
