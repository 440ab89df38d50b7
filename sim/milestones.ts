/** Milestones that the log says a partition must have: by which record each day was closed, and what was known then. */
import type { Pipeline } from '../src/core/definition.ts'
import type { Milestone } from '../src/engine/ports.ts'
import { civilDay } from '../test/support/civil-oracle.ts'
import type { OraclePartition } from '../test/support/judge-oracle.ts'

type Expected = Omit<Milestone, 'generation'>

function expectedMilestones({ time }: Pipeline, { judged }: OraclePartition): Expected[] {
  const expected: Expected[] = []
  let [maxEventTime, closed] = [-Infinity, -Infinity]
  for (const { outcome, eventTime = -Infinity, record } of judged) {
    if (outcome !== 'accepted' || eventTime <= maxEventTime) continue
    maxEventTime = eventTime
    const watermark = eventTime - time.outOfOrdernessMs
    const through = civilDay(time.zone, watermark) - 1
    const { offset, timestamp } = record
    for (let day = closed === -Infinity ? through : closed + 1; day <= through; day += 1)
      expected.push({ day, offset: offset + 1, watermark, maxEventTime, timestamp })
    closed = Math.max(closed, through)
  }
  return expected
}

/** A line per milestone that is missing, wrong, or should not be there. */
export function milestoneProblems(
  pipeline: Pipeline,
  oracle: OraclePartition,
  found: readonly Milestone[],
): string[] {
  const expected = new Set(expectedMilestones(pipeline, oracle).map(textOf))
  const actual = new Set(found.map(textOf))
  const at = `milestone of partition ${oracle.partition}`
  return [
    ...[...expected].filter((text) => !actual.has(text)).map((text) => `${at}: missing ${text}`),
    ...[...actual].filter((text) => !expected.has(text)).map((text) => `${at}: not so: ${text}`),
  ]
}

function textOf({ day, offset, watermark, maxEventTime, timestamp }: Expected): string {
  return `day ${day} at ${offset}, watermark ${watermark}, newest ${maxEventTime}, record of ${timestamp}`
}
