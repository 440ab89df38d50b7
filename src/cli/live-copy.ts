/** States of a partition that can be had without its owner: that of this machine, copied, its checkpoints, what was handed over. */
import type { GenerationRecord } from '../core/generation.ts'
import type { Checkpoint, CheckpointStore } from '../engine/checkpoint-port.ts'
import { inheritanceOf, isOutdated, namedStates } from '../engine/hand-over.ts'
import type { StateHead } from '../engine/ports.ts'
import { openStateCopy } from '../leveldb/readers.ts'
import type { PartitionStateReader } from '../leveldb/readers.ts'
import type { LiveCopy } from '../replay/start-parts.ts'
import { stateDirectory } from './compose.ts'
import type { OpenReplays } from './open-replays.ts'

/**
 * The furthest state of a partition that ends by an offset and that an owner of the newest generation could go on with: that of this
 * machine, copied, a checkpoint, or what was handed over last.
 * @throws STATE_DAMAGED, CHECKPOINT_*
 */
export async function stateUpTo(
  { pipeline, checkpoints, handOvers }: OpenReplays,
  records: readonly GenerationRecord[],
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<LiveCopy | undefined> {
  const inheritance = inheritanceOf(records)
  const { handedOver } = inheritance
  const segment = records.at(-1)?.segments[partition]
  const fits = ({ generation, nextOffset, origin }: StateHead): boolean =>
    nextOffset <= offset && origin === segment?.origin && !isOutdated(generation, inheritance)
  const kept = (await checkpoints?.store.list(partition)) ?? []
  const newest = kept.find(({ head }) => fits(head))
  const here = await openStateCopy(stateDirectory(pipeline, partition))
  const isHere = here?.head !== undefined && fits(here.head)
  if (isHere && here.head.nextOffset >= (newest?.head.nextOffset ?? 0)) return liveFiles(here)
  await here?.[Symbol.asyncDispose]()
  if (newest !== undefined && checkpoints !== undefined)
    return storedFiles(checkpoints.store, newest)
  if (handedOver === undefined) return undefined
  const store = handOvers.states(handedOver.place)
  const named = namedStates(handedOver, partition, await store.list(partition))
  const left = named.find(({ head }) => head.nextOffset <= offset)
  return left && storedFiles(store, left)
}

function liveFiles(state: PartitionStateReader): LiveCopy {
  return {
    files: () => filesOf(state),
    [Symbol.asyncDispose]: () => state[Symbol.asyncDispose](),
  }
}

function storedFiles(store: CheckpointStore, checkpoint: Checkpoint): LiveCopy {
  return {
    files: () => store.read(checkpoint),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

type Files = ReturnType<LiveCopy['files']>

/** @throws STATE_DAMAGED, CHECKPOINT_*; undefined where no state of that generation is to be found */
export async function liveCopy(
  { pipeline, checkpoints }: OpenReplays,
  generation: number,
  partition: number,
): Promise<LiveCopy | undefined> {
  const here = await openStateCopy(stateDirectory(pipeline, partition))
  if (here?.head?.generation === generation) return liveFiles(here)
  await here?.[Symbol.asyncDispose]()
  const kept = (await checkpoints?.store.list(partition)) ?? []
  const newest = kept.find(({ head }) => head.generation === generation)
  if (newest === undefined || checkpoints === undefined) return undefined
  return {
    files: () => checkpoints.store.read(newest),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function* filesOf(state: PartitionStateReader): Files {
  await using snapshot = await state.snapshot()
  for (const file of snapshot.files) yield { name: file.name, bytes: await file.read() }
}
