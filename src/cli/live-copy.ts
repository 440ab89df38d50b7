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
 * States of a partition that end by an offset and that an owner of the newest generation could go on with, the furthest first: that
 * of this machine, copied, checkpoints, and where there are none what was handed over last.
 * @throws STATE_DAMAGED, CHECKPOINT_*
 */
export async function* stateUpTo(
  { pipeline, checkpoints, handOvers }: OpenReplays,
  records: readonly GenerationRecord[],
  { partition, offset }: { readonly partition: number; readonly offset: number },
): AsyncGenerator<LiveCopy> {
  const inheritance = inheritanceOf(records)
  const { handedOver } = inheritance
  const segment = records.at(-1)?.segments[partition]
  const fits = ({ generation, nextOffset, origin }: StateHead): boolean =>
    nextOffset <= offset && origin === segment?.origin && !isOutdated(generation, inheritance)
  const kept = ((await checkpoints?.store.list(partition)) ?? []).filter(({ head }) => fits(head))
  await using here = await openStateCopy(stateDirectory(pipeline, partition))
  const at = here?.head !== undefined && fits(here.head) ? here.head.nextOffset : undefined
  const isAhead = ({ head }: Checkpoint): boolean => head.nextOffset > (at ?? -1)
  if (checkpoints !== undefined) yield* storedFiles(checkpoints.store, kept.filter(isAhead))
  if (here !== undefined && at !== undefined) yield liveFiles(here)
  const behind = kept.filter((each) => !isAhead(each))
  if (checkpoints !== undefined) yield* storedFiles(checkpoints.store, behind)
  if (handedOver === undefined || at !== undefined || kept.length > 0) return
  const store = handOvers.states(handedOver.place)
  const named = namedStates(handedOver, partition, await store.list(partition))
  yield* storedFiles(
    store,
    named.filter(({ head }) => head.nextOffset <= offset),
  )
}

/** States of a generation, the furthest first. @throws STATE_DAMAGED, CHECKPOINT_* */
export async function* liveCopy(
  { pipeline, checkpoints }: OpenReplays,
  generation: number,
  partition: number,
): AsyncGenerator<LiveCopy> {
  await using here = await openStateCopy(stateDirectory(pipeline, partition))
  if (here?.head?.generation === generation) yield liveFiles(here)
  if (checkpoints === undefined) return
  const kept = await checkpoints.store.list(partition)
  yield* storedFiles(
    checkpoints.store,
    kept.filter(({ head }) => head.generation === generation),
  )
}

function liveFiles(state: PartitionStateReader): LiveCopy {
  return { files: () => filesOf(state) }
}

function* storedFiles(store: CheckpointStore, kept: readonly Checkpoint[]): Generator<LiveCopy> {
  for (const checkpoint of kept) yield { files: () => store.read(checkpoint) }
}

type Files = ReturnType<LiveCopy['files']>

async function* filesOf(state: PartitionStateReader): Files {
  await using snapshot = await state.snapshot()
  for (const file of snapshot.files) yield { name: file.name, bytes: await file.read() }
}
