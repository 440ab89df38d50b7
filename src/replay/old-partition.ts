/**
 * An old partition up to its recorded end, where partitions were added: a copy of its owner's state, folded on by the rules of the
 * generation before, which writes nothing but what it refuses. It keeps every tile that rows of the regrouped days need:
 *
 *     copy -> [tiles that the copy has dropped] -> marked with the replay's generation -> fold to the end
 *
 * Killed anywhere and begun again it comes to the same.
 */
import type { GenerationRecord } from '../core/generation.ts'
import type { PartitionState, RecordSource } from '../engine/ports.ts'
import { planRecorded } from '../engine/open-generation.ts'
import { runPipeline } from '../engine/run-pipeline.ts'
import { invariant, TidemarkError } from '../errors.ts'
import { boundedSource } from './bounded-source.ts'
import { COMMIT, onlyGeneration, sharedParts } from './fold-partition.ts'
import { nothingBut } from './heads.ts'
import { pacedSource } from './pace.ts'
import { takenOver } from './prepare.ts'
import { recallTiles, withLayout } from './prepare-live.ts'
import { restoreFirst } from './restore-copy.ts'
import type { OldParts, ReplayOptions, ReplayParts } from './run-parts.ts'
import type { StartParts } from './start-parts.ts'

export interface OldPartition {
  readonly partition: number
  /** First offset that it does not count. */
  readonly end: number
}

/** The record by which old partitions judge: that of the base, under the replay's number. */
export function oldRecord({ plan, records }: ReplayParts): GenerationRecord {
  const base = records.find(({ generation }) => generation === plan.base)
  invariant(base, `generation ${plan.base} has a record`)
  const { handOver: _, ...kept } = base
  return { ...kept, generation: plan.record.generation }
}

export function oldParts({ old, plan }: ReplayParts): OldParts {
  invariant(old, `the run of replay ${plan.id} has states of old partitions`)
  return old
}

/** @throws REPLAY_REFUSED, OFFSET_GONE, CHECKPOINT_*, TABLE_*, STATE_* */
export async function foldOld(
  parts: ReplayParts,
  start: StartParts,
  { old, options }: { readonly old: OldPartition; readonly options: ReplayOptions },
): Promise<void> {
  await prepareOld(parts, start, old)
  const { partition, end } = old
  const { pipeline, plan, clock } = parts
  const { states, rejects } = oldParts(parts)
  const { pace, signal, onProgress } = options
  const record = oldRecord(parts)
  const paced = pacedSource(parts.source, pace, clock)
  await runPipeline(
    {
      ...sharedParts(parts),
      ...states,
      openState: async (each) => keeping(await states.openState(each)),
      source: boundedSource(asBefore(paced, record), () => Promise.resolve(end)),
      pipeline: { ...pipeline, commit: COMMIT },
      tables: undefined,
      generations: onlyGeneration(record),
      rejects: {
        write: (refused) =>
          rejects.write(refused.map((each) => ({ ...each, generation: plan.base }))),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
    },
    {
      untilEnd: true,
      partitions: [partition],
      stopAt: new Map([[partition, end]]),
      signal,
      onProgress: ({ partitions: [now] }) => {
        if (now === undefined) return
        const { nextOffset, records } = now
        onProgress?.({ partition, nextOffset, records, endOffset: end, phase: 'reading' })
      },
    },
  )
}

/** The log as it was: new partitions are no business of this generation. */
function asBefore(source: RecordSource, { segments }: GenerationRecord): RecordSource {
  return {
    topic: source.topic,
    topology: async () => ({ ...(await source.topology()), partitions: segments.length }),
    origins: () => Promise.resolve(segments.map(({ origin }) => origin)),
    open: (partition, offset) => source.open(partition, offset),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Rows of days that another partition has not closed yet need tiles for longer than this one's time says. */
function keeping(state: PartitionState): PartitionState {
  return new Proxy(state, {
    get: (target, name) => {
      if (name === 'maintain')
        return (bounds: Parameters<PartitionState['maintain']>[0]) =>
          target.maintain({ ...bounds, evictBefore: bounds.evictBefore.map(() => -Infinity) })
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

async function prepareOld(
  parts: ReplayParts,
  start: StartParts,
  { partition, end }: OldPartition,
): Promise<void> {
  const { plan } = parts
  const { states } = oldParts(parts)
  const found = await states.peekState(partition)
  if (found?.generation === plan.record.generation) return
  if (found === undefined && !(await copyOld(parts, partition, end))) return
  const state = await states.openState(partition)
  try {
    const { head } = state
    if (head === undefined) return
    const views = planRecorded(parts.pipeline, oldRecord(parts))
    const layouts = views.map((view) => withLayout(view, head.views))
    const longest = Math.max(...views.map(({ longestWindow }) => longestWindow))
    const ready = { ...takenOver(start, head), views: layouts }
    if (parts.tables !== undefined) {
      const unready = { ...ready, generation: head.generation }
      await recallTiles({ ...start, views }, state, unready, plan.staged.first - longest)
    }
    const cleared = [...(await state.dirtySlots()).keys()]
    await state.commit({ ...nothingBut(ready), cleared })
  } finally {
    await state[Symbol.asyncDispose]()
  }
}

/** @returns false where the log gives it from its origin on. @throws REPLAY_REFUSED */
async function copyOld(parts: ReplayParts, partition: number, end: number): Promise<boolean> {
  const { plan, log } = parts
  const old = oldParts(parts)
  const isCopied = await restoreFirst(
    old.stateUpTo(partition, end),
    (files) => old.states.restoreState(partition, files),
    log,
  )
  if (isCopied) return true
  if (oldRecord(parts).regrouped === undefined) return false
  throw new TidemarkError(
    'REPLAY_REFUSED',
    `replay ${plan.id} regroups partition ${partition} up to offset ${end}, and no state that begins before it is on this machine, among the checkpoints or handed over. ` +
      'Nothing was read. Run it where the consumer ran, or plan it again: `tidemark replay plan`',
  )
}
