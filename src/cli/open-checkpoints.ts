/** The checkpoints of a pipeline, where its file says that some are kept. */
import { randomUUID } from 'node:crypto'
import { createCheckpointStore } from '../checkpoint/checkpoint-store.ts'
import type { KeptCheckpoints } from '../checkpoint/checkpoint-store.ts'
import { CHECKPOINT_FAULTS } from '../checkpoint/failure.ts'
import type { Pipeline } from '../core/definition.ts'
import type { Clock, Log } from '../engine/ports.ts'
import { openStorage } from './open-storage.ts'
import type { OpenStorage } from './open-storage.ts'

export interface OpenCheckpoints extends AsyncDisposable {
  readonly store: KeptCheckpoints
  readonly storage: OpenStorage
}

/** @throws CHECKPOINT_REFUSED */
export async function openCheckpoints(
  pipeline: Pipeline,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<OpenCheckpoints | undefined> {
  const { checkpoints: definition, name } = pipeline
  if (definition === undefined) return undefined
  const storage = await openStorage(pipeline, definition.location, CHECKPOINT_FAULTS)
  const { keep, keepForMs } = definition
  const policy = { keep, keepForMs }
  return {
    storage,
    store: createCheckpointStore({
      storage,
      pipeline: name,
      policy,
      clock,
      log,
      newId: randomUUID,
    }),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}
