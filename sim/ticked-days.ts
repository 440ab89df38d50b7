/**
 * Days that only ticks have closed are complete as far as the one who ticked knew. Two owners of a partition may know different
 * stretches of the log: the one who knows less, asleep until now, may call such a day complete before the other's rows are in.
 */
import { judgePartition } from '../test/support/judge-oracle.ts'
import type { World } from './world.ts'

const DAY_MS = 86_400_000
const MISSING_SLOT = /(\d{4}-\d\d-\d\d) is complete, but slot \S+ p(\d+) s\d+ is missing/

/** Whether what a reader of a table missed is of a day that the log itself never closes. */
export function isOfTickedDay({ pipeline, scenario }: World, problem: string): boolean {
  const [, ds = '', partition = ''] = MISSING_SLOT.exec(problem) ?? []
  const log = scenario.partitions[Number(partition)]
  if (ds === '' || log === undefined) return false
  return Date.parse(ds) / DAY_MS > (judgePartition(pipeline, log).closedDay ?? -Infinity)
}
