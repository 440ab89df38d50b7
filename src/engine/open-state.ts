/**
 * The state of a partition that was assigned: the one on this machine, once its former owner has let go of it; where there is
 * none, or one that is far behind, the newest checkpoint.
 */
import { TidemarkError } from '../errors.ts'
import type { RunParts } from './parts.ts'
import { isOutdated, keepReplaced, nothingHandedOver, nothingRegrouped } from './hand-over.ts'
import { markOwed } from './owed-slots.ts'
import type { PartitionState } from './ports.ts'
import { fittingCheckpoints, formerCheckpoints, handedOverState, restoreNewest } from './restore.ts'
import type { Candidate, StateWish } from './restore.ts'
import { retryForEver } from './retry.ts'

/** How long a new owner waits for the former one, on the same disk, to release a partition's state. */
const LOCK_WAIT_MS = 120_000
const LOCK_RETRY_MS = 250
const LOCK_TOLD_EVERY_MS = 10_000
/** How often a restore that another process on the same disk got in the way of is tried again. */
const RESTORES_MAX = 10
/** A checkpoint that is ahead by fewer records is not worth its download: they are read again in seconds. */
const AHEAD_MIN = 1_000_000

/** Undefined where the partition was given away, or the run has failed, meanwhile. */
export async function openState(
  parts: RunParts,
  wish: StateWish,
): Promise<PartitionState | undefined> {
  await bringBackFormer(parts, wish)
  let left = RESTORES_MAX
  for (;;) {
    const state = await openHere(parts, wish)
    if (state === undefined) return undefined
    const candidates = left > 0 ? await candidatesBeside(parts, { state, wish }) : []
    if (candidates.length === 0) return settled(parts, wish, state)
    await state[Symbol.asyncDispose]()
    const isAlone = await restoreAlone(parts, { ...wish, candidates })
    // One that was restored is as good as it gets; another process may have left less.
    left = isAlone ? 0 : left - 1
  }
}

/**
 * An owner that comes into a generation on a machine without its state: what it stood at before is in a checkpoint. That is brought back
 * first, so that it is kept for a rollback as any other is, and nothing is told that is from before it.
 */
async function bringBackFormer(parts: RunParts, wish: StateWish): Promise<void> {
  const { checkpoints, handOvers, source } = parts
  const { partition, signal, inheritance } = wish
  const { handedOver } = inheritance
  if (checkpoints === undefined || handOvers === undefined || handedOver === undefined) return
  const find = async (): Promise<Candidate[]> => {
    const kept = await handOvers.replaced(handedOver.generation).list(partition)
    if (kept.length > 0 || (await parts.peekState(partition)) !== undefined) return []
    return formerCheckpoints(parts, checkpoints, wish)
  }
  const what = `the state of ${source.topic}[${partition}] that is replaced`
  const candidates = await retryForEver(find, { ...parts, signal, what })
  if (candidates.length > 0) await restoreAlone(parts, { ...wish, candidates })
}

/** @throws what asking the store throws; the state is closed then, so that nobody waits for it */
async function candidatesBeside(
  parts: RunParts,
  at: { readonly state: PartitionState; readonly wish: StateWish },
): Promise<Candidate[]> {
  try {
    return await betterThan(parts, at)
  } catch (error) {
    // The partition may have been given away while the store could not be reached.
    await at.state[Symbol.asyncDispose]()
    throw error
  }
}

/** @returns whether no other process, which was given the partition on the same disk, was at it too: its state may serve */
async function restoreAlone(
  parts: RunParts,
  wish: StateWish & { readonly candidates: readonly Candidate[] },
): Promise<boolean> {
  try {
    await restoreNewest(parts, wish)
    return true
  } catch (error) {
    const isLocked = error instanceof TidemarkError && error.code === 'STATE_LOCKED'
    if (!isLocked || parts.lease === undefined) throw error
    await parts.clock.sleep(LOCK_RETRY_MS, wish.signal)
    return false
  }
}

/**
 * For a log that no longer has what the state here needs: a checkpoint beyond it may serve. The state has been closed.
 * @throws `cause` where there is none
 */
export async function openBeyond(
  parts: RunParts,
  wish: StateWish & { readonly offset: number },
  cause: unknown,
): Promise<PartitionState | undefined> {
  const { checkpoints } = parts
  if (checkpoints === undefined) throw cause
  const offsetMin = wish.offset + 1
  const candidates = await fittingCheckpoints(parts, checkpoints, { ...wish, offsetMin })
  if (!(await restoreNewest(parts, { ...wish, candidates }))) throw cause
  return openHere(parts, wish)
}

/** States elsewhere that are worth more than the one here. Beside a state that serves, a store that is away is not waited for. */
async function betterThan(
  parts: RunParts,
  { state, wish }: { readonly state: PartitionState; readonly wish: StateWish },
): Promise<Candidate[]> {
  const { clock, log, source, checkpoints: store } = parts
  const { head } = state
  const isReplaced = head !== undefined && isOutdated(head.generation, wish.inheritance)
  if (head === undefined || isReplaced) {
    if (isReplaced) await keepReplaced(parts, wish, state)
    const what = `checkpoints of ${source.topic}[${wish.partition}]`
    const list = async (): Promise<Candidate[]> => [
      ...(store ? await fittingCheckpoints(parts, store, { ...wish, offsetMin: 0 }) : []),
      ...(await handedOverState(parts, wish)),
    ]
    return retryForEver(list, { clock, log, what, signal: wish.signal })
  }
  if (store === undefined) return []
  const offsetMin = head.nextOffset + AHEAD_MIN
  try {
    return await fittingCheckpoints(parts, store, { ...wish, offsetMin })
  } catch (error) {
    if (!(error instanceof TidemarkError) || !error.retryable) throw error
    log.warn({}, `${error.message} The state on this machine is used`)
    return []
  }
}

/** The former owner may need a moment, or be a process that sleeps. */
async function openHere(
  parts: RunParts,
  { partition, signal }: StateWish,
): Promise<PartitionState | undefined> {
  const { clock, log, lease, source } = parts
  const startedMs = clock.monotonicMs()
  let toldMs = -Infinity
  while (!signal.aborted) {
    try {
      return await parts.openState(partition)
    } catch (error) {
      const isLocked = error instanceof TidemarkError && error.code === 'STATE_LOCKED'
      const waitedMs = clock.monotonicMs() - startedMs
      if (!isLocked || lease === undefined || waitedMs > LOCK_WAIT_MS) throw error
      if (clock.monotonicMs() - toldMs >= LOCK_TOLD_EVERY_MS) {
        toldMs = clock.monotonicMs()
        const left = Math.ceil((LOCK_WAIT_MS - waitedMs) / 1_000)
        log.info(
          { partition },
          `${source.topic}[${partition}]: its former owner has the state open; waiting for it, ${left} s at most`,
        )
      }
      await clock.sleep(LOCK_RETRY_MS, signal)
    }
  }
  return undefined
}

/** @throws CHECKPOINT_REFUSED where what was handed over is nowhere to be had, and the log alone does not give it */
async function settled(
  { log, source, handOvers, pipeline }: RunParts,
  { partition, origin, inheritance }: StateWish,
  state: PartitionState,
): Promise<PartitionState> {
  const at = `${source.topic}[${partition}]`
  const { head } = state
  if (head === undefined && handOvers !== undefined && inheritance.regrouped !== undefined) {
    await state[Symbol.asyncDispose]()
    throw nothingRegrouped(at, origin, inheritance)
  }
  if (head === undefined) {
    log.info(
      { partition, origin },
      `${at}: no state here, beginning at the origin, offset ${origin}`,
    )
  } else if (inheritance.handedOver && isOutdated(head.generation, inheritance)) {
    await state[Symbol.asyncDispose]()
    throw nothingHandedOver(at, head.generation, inheritance.handedOver)
  }
  await markOwed(state, pipeline.sinks.offline?.slots ?? 1)
  return state
}
