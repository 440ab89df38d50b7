/** Both stores for a process that does not own them: a copy is opened, read and removed again. */
import type { OnlineStore, PartitionState } from '../engine/ports.ts'
import { copyLive, removeCopy } from './copy.ts'
import { LevelOnlineStore, type OnlineStoreOptions } from './online-store.ts'
import { LevelPartitionState } from './state.ts'

export type PartitionStateReader = Omit<PartitionState, 'commit' | 'maintain'>
export type OnlineStoreReader = Omit<OnlineStore, 'write' | 'advanceMarker' | 'incarnation'>

/**
 * The state as it was last committed; undefined where there is none yet. Disposing it removes the copy.
 * @throws STATE_DAMAGED
 */
export async function openStateCopy(directory: string): Promise<PartitionStateReader | undefined> {
  return openCopy(directory, (copy) => LevelPartitionState.open(copy))
}

/**
 * The online store as it is now; undefined where there is none yet. Disposing it removes the copy.
 * @throws ONLINE_REFUSED, STATE_DAMAGED
 */
export async function openOnlineCopy(
  directory: string,
  options: OnlineStoreOptions,
): Promise<OnlineStoreReader | undefined> {
  return openCopy(directory, (copy) => LevelOnlineStore.open(copy, options))
}

async function openCopy<T extends AsyncDisposable>(
  directory: string,
  open: (copy: string) => Promise<T>,
): Promise<T | undefined> {
  const copy = await copyLive(directory)
  if (copy === undefined) return undefined
  try {
    const store = await open(copy)
    const dispose = store[Symbol.asyncDispose].bind(store)
    store[Symbol.asyncDispose] = async () => {
      await dispose()
      removeCopy(copy)
    }
    return store
  } catch (error) {
    removeCopy(copy)
    throw error
  }
}
