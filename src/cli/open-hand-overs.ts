/** States between generations, as checkpoints in a folder each beside the generations' records. */
import { randomUUID } from 'node:crypto'
import { createCheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { KeptCheckpoints } from '../checkpoint/checkpoint-store.ts'
import type { Pipeline } from '../core/definition.ts'
import { replacedPlace } from '../engine/hand-over-port.ts'
import type { HandOvers } from '../engine/hand-over-port.ts'
import type { Clock, Log } from '../engine/ports.ts'
import { FolderStorage } from '../storage/folder-storage.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'

/** One of each partition is all that a hand-over needs; nothing is pruned. */
const POLICY = { keep: 1, keepForMs: 0 }

export type KeptHandOvers = HandOvers & { states(place: string): KeptCheckpoints }

/** @param storage where the generations' records are */
export function openHandOvers(
  storage: ObjectStorage,
  pipeline: Pipeline,
  {
    clock,
    log,
    newId = randomUUID,
  }: { readonly clock: Clock; readonly log: Log; readonly newId?: () => string },
): KeptHandOvers {
  const opened = new Map<string, KeptCheckpoints>()
  const states = (place: string): KeptCheckpoints => {
    const known = opened.get(place)
    if (known) return known
    const store = createCheckpointStore({
      storage: new FolderStorage(storage, `_tidemark/states/${place}`),
      pipeline: pipeline.name,
      policy: POLICY,
      clock,
      log,
      newId,
    })
    opened.set(place, store)
    return store
  }
  return { states, replaced: (generation) => states(replacedPlace(generation)) }
}
