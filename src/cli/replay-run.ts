/** A planned replay, run: with its progress on the terminal, its result beside the plan, and an entry in its audit trail. */
import type { PartitionReplay } from '../replay/plan.ts'
import { Pace } from '../replay/pace.ts'
import type { PaceLimits } from '../replay/pace.ts'
import type { Replay, ReplayResult } from '../replay/records.ts'
import type { PartitionReplayProgress, ReplayOptions } from '../replay/run-parts.ts'
import type { Call } from './command.ts'
import type { OpenedParts } from './compose.ts'
import { openReplayRun } from './open-replay-run.ts'
import type { OpenReplays } from './open-replays.ts'
import { coresWorthwhile, runWithWorkers } from './replay-workers.ts'
import { lockReplay } from './replay-lock.ts'
import { addCounts } from './run-summary.ts'
import { reasonOf } from './status.ts'
import { countWords, durationWords } from './words.ts'

export interface ReplayRunWishes {
  readonly pace: PaceLimits
  /** Partitions at once; undefined: all, up to four. */
  readonly parallel: number | undefined
  /** Processes; undefined: as many as pay off. */
  readonly workers: number | undefined
  readonly signal: AbortSignal
}

const PARALLEL_MAX = 4

/** @returns undefined where it was stopped before its end; running it again goes on */
export async function runPlannedReplay(
  call: Call<unknown>,
  { replays, opened }: { readonly replays: OpenReplays; readonly opened: OpenedParts },
  { plan }: Pick<Replay, 'plan'>,
  wishes: ReplayRunWishes,
): Promise<ReplayResult | undefined> {
  await using _ = await lockReplay(replays.pipeline, plan.id, 'run')
  const { clock } = call
  const parts = await openReplayRun(replays, plan, opened, call)
  const parallel = Math.min(wishes.parallel ?? PARALLEL_MAX, Math.max(1, plan.partitions.length))
  const workers = Math.min(parallel, wishes.workers ?? (await coresWorthwhile(parts)))
  const pace = new Pace(clock, wishes.pace)
  using progress = call.progress(`replay ${plan.id}`)
  const tally = new ProgressTally(plan.partitions, clock.monotonicMs())
  const options: ReplayOptions = {
    parallel,
    pace,
    signal: wishes.signal,
    onProgress: (now) => {
      tally.note(now)
      progress.update(tally.done, tally.total, tally.words(clock.monotonicMs(), pace))
    },
  }
  const result = await runWithWorkers(workers, {
    parts,
    options,
    limits: wishes.pace,
    log: call.log,
  })
  if (result === undefined) return undefined
  // One that has gone on since its end counts all that it has read.
  const before = (await replays.replays.get(plan.id)).result?.seconds ?? 0
  await replays.replays.putResult(plan.id, { ...result, seconds: before + result.seconds })
  const { run, seconds, partitions, tables } = result
  await replays.replays.audit(plan.id, {
    ...replays.stamp(plan.audit.reason),
    did: 'run',
    details: { run, seconds, partitions, tables },
  })
  return result
}

/** Records that were refused, by reason, over all partitions. */
export function rejectsOf({ partitions }: ReplayResult): Readonly<Record<string, number>> {
  const counts = addCounts(partitions.map(({ counts }) => counts ?? {}))
  return Object.fromEntries(
    Object.entries(counts).filter(([name, count]) => count > 0 && reasonOf(name) !== undefined),
  )
}

/** Where all partitions stand, those that wait for their turn too. */
class ProgressTally {
  readonly #planned: readonly PartitionReplay[]
  readonly #known = new Map<number, PartitionReplayProgress>()
  /** Where this run found each of them. */
  readonly #found = new Map<number, number>()
  /** Read by this run before the present stretch of each. */
  readonly #read = new Map<number, number>()
  readonly #startedMs: number

  constructor(planned: readonly PartitionReplay[], startedMs: number) {
    this.#planned = planned
    this.#startedMs = startedMs
  }

  note(now: PartitionReplayProgress): void {
    const { partition, nextOffset, phase } = now
    const before = this.#known.get(partition)
    if (before !== undefined && now.records < before.records)
      this.#read.set(partition, (this.#read.get(partition) ?? 0) + before.records)
    if (phase !== 'preparing' && !this.#found.has(partition)) this.#found.set(partition, nextOffset)
    this.#known.set(partition, now)
  }

  get done(): number {
    return this.#sum(({ partition, start }) => this.#at(partition, start.offset) - start.offset)
  }

  get total(): number {
    return this.#sum(
      ({ partition, start, stop, records }) =>
        this.#end(partition, stop ?? start.offset + (records ?? 0)) - start.offset,
    )
  }

  words(nowMs: number, { hoursWaitMs }: Pace): string {
    const phases = [...this.#known.values()].map(({ phase }) => phase)
    const records = [...this.#known].reduce(
      (sum, [partition, now]) => sum + now.records + (this.#read.get(partition) ?? 0),
      0,
    )
    const read = `${countWords(records)} records`
    if (hoursWaitMs > 0)
      return `${read}, waiting ${durationWords(hoursWaitMs)} for the allowed hours`
    if (records === 0 && phases.includes('preparing')) return 'preparing the states'
    if (phases.every((phase) => phase === 'writing' || phase === 'done'))
      return `${read}, writing what is left`
    const ms = Math.max(1, nowMs - this.#startedMs)
    const speed = `${countWords((records / ms) * 1_000)}/s`
    const left = this.#left(ms)
    return left === undefined ? `${read}, ${speed}` : `${read}, ${speed}, about ${left} left`
  }

  /** In the log's own unit: what this run has come through tells how long the rest takes. */
  #left(ms: number): string | undefined {
    const moved = this.#sum(({ partition, start }) => {
      const found = this.#found.get(partition)
      return found === undefined ? 0 : this.#at(partition, start.offset) - found
    })
    const rest = this.total - this.done
    return moved <= 0 || rest < 0 ? undefined : durationWords(Math.ceil((rest / moved) * ms))
  }

  #at(partition: number, otherwise: number): number {
    return this.#known.get(partition)?.nextOffset ?? otherwise
  }

  #end(partition: number, otherwise: number): number {
    const known = this.#known.get(partition)
    return known === undefined || known.phase === 'preparing' ? otherwise : known.endOffset
  }

  #sum(of: (planned: PartitionReplay) => number): number {
    return this.#planned.reduce((sum, planned) => sum + of(planned), 0)
  }
}
