/** What a backfill costs: beside one that reads every window anew, beside the live path, beside a full refresh. */
import type { Bench } from './bench.ts'
import { backfillCases } from './backfill.ts'
import { besideLiveCases } from './beside-live.ts'
import { incrementalCases } from './incremental.ts'

export const replay: Bench = {
  about: 'backfills, and the step of one new day',
  unit: 'records',
  events: 3_600_000,
  cases: [...backfillCases, ...besideLiveCases, ...incrementalCases],
}
