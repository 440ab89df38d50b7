/**
 * The newest checkpoint that fits becomes the state of a partition on this machine. By the law it does not matter which one:
 * each is what the log says up to its offset, and the rest is read again. One whose files are damaged is passed over for the
 * one before; one of another log or another beginning is no state of this generation.
 */
import { TidemarkError } from '../errors.ts'
import type { RunParts } from './parts.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint-port.ts'
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
  readonly signal: AbortSignal
}

/** Those that fit, the newest first, of which at least `offsetMin` is the next offset. */
export async function fittingCheckpoints(
  { log, pipeline, source }: RunParts,
  store: CheckpointStore,
  wish: StateWish & { readonly offsetMin: number },
): Promise<Checkpoint[]> {
  const all = await store.list(wish.partition)
  return all.filter((checkpoint) => {
    if (checkpoint.head.nextOffset < wish.offsetMin) return false
    const misfit = whyUnfit(checkpoint, pipeline.name, wish)
    if (misfit === undefined) return true
    const at = `${source.topic}[${wish.partition}]`
    const { id } = checkpoint
    log.warn({ checkpoint: id }, `${at}: checkpoint ${id} is passed over: ${misfit}`)
    return false
  })
}

/** @returns whether one was restored. @throws CHECKPOINT_REFUSED, STATE_LOCKED, STATE_WRITE_FAILED */
export async function restoreNewest(
  parts: RunParts,
  store: CheckpointStore,
  {
    partition,
    candidates,
    signal,
  }: {
    readonly partition: number
    readonly candidates: readonly Checkpoint[]
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { clock, log, source } = parts
  const at = `${source.topic}[${partition}]`
  const retry: RetryContext = { clock, log, what: `restoring ${at}`, signal }
  for (const checkpoint of candidates) {
    const { id, head } = checkpoint
    const startedMs = clock.monotonicMs()
    try {
      await retryForEver(() => parts.restoreState(partition, store.read(checkpoint)), retry)
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
