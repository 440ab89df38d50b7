/** A replay from its plan to its result, in this process, with the parts that the command line gives it. */
import { OpenedParts } from '../src/cli/compose.ts'
import { gatherFacts } from '../src/cli/make-plan.ts'
import { openReplayRun } from '../src/cli/open-replay-run.ts'
import { openReplays } from '../src/cli/open-replays.ts'
import { runWithWorkers } from '../src/cli/replay-workers.ts'
import { systemClock } from '../src/cli/system-clock.ts'
import type { Pipeline } from '../src/core/definition.ts'
import { invariant } from '../src/errors.ts'
import { planReplay } from '../src/replay/plan-replay.ts'
import type { ReplayRequest } from '../src/replay/plan-scope.ts'
import type { ReplayResult } from '../src/replay/records.ts'
import { Pace } from '../src/replay/pace.ts'
import { QUIET } from './engine.ts'

const SURROUNDINGS = { clock: systemClock, log: QUIET }
const NO_PROGRESS = { update: () => undefined, [Symbol.dispose]: () => undefined }
const PARALLEL = 4

export interface Replayed extends ReplayResult {
  /** Read, by all partitions. */
  readonly records: number
  /** Of the tables of rows and of tiles. */
  readonly rows: number
}

/** Everything counts: planning, opening, checksums at the end. */
export async function replayed(
  pipeline: Pipeline,
  wanted: Pick<ReplayRequest, 'range' | 'onlyRange' | 'start'>,
  workers = 1,
): Promise<Replayed> {
  await using opened = new OpenedParts()
  const open = await openReplays(pipeline, opened, SURROUNDINGS)
  const facts = await gatherFacts({ ...SURROUNDINGS, progress: () => NO_PROGRESS }, open, opened)
  const { plan } = planReplay(
    {
      id: `bench-${Date.now()}`,
      text: 'bench',
      views: undefined,
      allowIncomplete: false,
      amendments: [],
      audit: open.stamp('bench'),
      ...wanted,
    },
    facts,
  )
  await open.replays.create(plan)
  const parts = await openReplayRun(open, plan, opened, SURROUNDINGS)
  const limits = { zone: pipeline.time.zone }
  const options = {
    parallel: PARALLEL,
    pace: new Pace(systemClock, limits),
    signal: new AbortController().signal,
  }
  const result = await runWithWorkers(workers, { parts, options, limits, log: QUIET })
  invariant(result, 'a benchmark runs to its end')
  return {
    ...result,
    records: result.partitions.reduce((sum, each) => sum + each.records, 0),
    rows: result.tables.reduce((sum, each) => sum + each.rows, 0),
  }
}
