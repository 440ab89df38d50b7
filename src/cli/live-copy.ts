/** The newest state of a partition that can be had without its owner: that of this machine, copied, or its last checkpoint. */
import { openStateCopy } from '../leveldb/readers.ts'
import type { PartitionStateReader } from '../leveldb/readers.ts'
import type { LiveCopy } from '../replay/start-parts.ts'
import { stateDirectory } from './compose.ts'
import type { OpenReplays } from './open-replays.ts'

type Files = ReturnType<LiveCopy['files']>

/** @throws STATE_DAMAGED, CHECKPOINT_*; undefined where no state of that generation is to be found */
export async function liveCopy(
  { pipeline, checkpoints }: OpenReplays,
  generation: number,
  partition: number,
): Promise<LiveCopy | undefined> {
  const here = await openStateCopy(stateDirectory(pipeline, partition))
  if (here?.head?.generation === generation) {
    return {
      files: () => filesOf(here),
      [Symbol.asyncDispose]: () => here[Symbol.asyncDispose](),
    }
  }
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
