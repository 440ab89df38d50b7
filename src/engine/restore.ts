/**
 * The newest checkpoint that fits becomes the state of a partition on this machine. By the law it does not matter which one:
 * each is what the log says up to its offset, and the rest is read again. One whose files are damaged is passed over for the
 * one before; one of another log or another beginning is no state of this generation.
 */
import { TidemarkError } from '../errors.ts'
import type { RunParts } from './parts.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint-port.ts'
import { isOutdated, namedStates } from './hand-over.ts'
import type { Inheritance } from './hand-over.ts'
import type { StateHead } from './ports.ts'
import { retryForEver } from './retry.ts'
import type { RetryContext } from './retry.ts'

/** What a state of a partition must be to go on with. */
export interface StateWish {
  readonly partition: number
  readonly partitions: number
  /** Of the record: states of earlier ones go on under it. */
  readonly generation: number
  readonly origin: number
  /** Identity of the log, where the record has one. */
  readonly logIdentity: string | undefined
  readonly inheritance: Inheritance
  readonly signal: AbortSignal
}

export interface Candidate {
  readonly store: CheckpointStore
  readonly checkpoint: Checkpoint
  /** That it is handed over to: whatever generation wrote it, it is of this one now. */
  readonly generation?: number
}

/** Those that fit, the newest first, of which at least `offsetMin` is the next offset. */
export function fittingCheckpoints(
  parts: RunParts,
  store: CheckpointStore,
  wish: StateWish & { readonly offsetMin: number },
): Promise<Candidate[]> {
  return candidatesIn(
    parts,
    store,
    wish,
    ({ nextOffset, generation }) =>
      nextOffset >= wish.offsetMin && !isOutdated(generation, wish.inheritance),
  )
}

/** What a hand-over replaced, where nobody has come into its generation yet: the newest first. */
export async function formerCheckpoints(
  parts: RunParts,
  store: CheckpointStore,
  wish: StateWish,
): Promise<Candidate[]> {
  const isFormer = ({ generation }: StateHead): boolean => isOutdated(generation, wish.inheritance)
  const all = await store.list(wish.partition)
  return all.every(({ head }) => isFormer(head)) ? candidatesIn(parts, store, wish, isFormer) : []
}

async function candidatesIn(
  { log, pipeline, source }: RunParts,
  store: CheckpointStore,
  wish: StateWish,
  isWanted: (head: StateHead) => boolean,
): Promise<Candidate[]> {
  const all = await store.list(wish.partition)
  const fitting = all.filter((checkpoint) => {
    const { id, head } = checkpoint
    if (!isWanted(head)) return false
    const misfit = whyUnfit(checkpoint, pipeline.name, wish)
    if (misfit === undefined) return true
    const at = `${source.topic}[${wish.partition}]`
    log.warn({ checkpoint: id }, `${at}: checkpoint ${id} is passed over: ${misfit}`)
    return false
  })
  return fitting.map((checkpoint) => ({ store, checkpoint }))
}

/** The state that the last hand-over brought for the partition, whatever generation wrote it. */
export async function handedOverState(
  { handOvers }: RunParts,
  { partition, inheritance: { handedOver } }: StateWish,
): Promise<Candidate[]> {
  if (handOvers === undefined || handedOver === undefined) return []
  const { place, generation } = handedOver
  const store = handOvers.states(place)
  const named = namedStates(handedOver, partition, await store.list(partition))
  return named.map((checkpoint) => ({ store, checkpoint, generation }))
}

/** @returns whether one was restored. @throws CHECKPOINT_REFUSED, STATE_LOCKED, STATE_WRITE_FAILED */
export async function restoreNewest(
  parts: RunParts,
  {
    partition,
    candidates,
    signal,
  }: {
    readonly partition: number
    readonly candidates: readonly Candidate[]
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { clock, log, source } = parts
  const at = `${source.topic}[${partition}]`
  const retry: RetryContext = { clock, log, what: `restoring ${at}`, signal }
  for (const { store, checkpoint, generation } of candidates) {
    const { id, head } = checkpoint
    const startedMs = clock.monotonicMs()
    try {
      await retryForEver(
        () => parts.restoreState(partition, store.read(checkpoint), generation),
        retry,
      )
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error
      log.warn({ checkpoint: id }, `${error.message}. Trying the one before it`)
      continue
    }
    const seconds = ((clock.monotonicMs() - startedMs) / 1_000).toFixed(1)
    log.info(
      { partition, checkpoint: id, offset: head.nextOffset },
      `${at}: restored checkpoint ${id} in ${seconds} s, reading on at offset ${head.nextOffset}`,
    )
    return true
  }
  return false
}

/** In words, why a checkpoint cannot be the state; undefined where it can. */
function whyUnfit({ head }: Checkpoint, pipeline: string, wish: StateWish): string | undefined {
  if (head.pipeline !== pipeline) return `it is of the pipeline ${head.pipeline}`
  if (head.partition !== wish.partition) return `it is of partition ${head.partition}`
  if (head.partitions !== wish.partitions) return `the log had ${head.partitions} partitions then`
  if (head.generation > wish.generation)
    return `it is of generation ${head.generation}, and this pipeline is at ${wish.generation}`
  if (head.origin !== wish.origin)
    return `it began at offset ${head.origin}, and this generation at ${wish.origin}`
  const { logIdentity } = wish
  const isOtherLog =
    logIdentity !== undefined && head.logIdentity !== undefined && head.logIdentity !== logIdentity
  return isOtherLog ? 'it is of another log' : undefined
}
