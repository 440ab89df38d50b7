/** Both stores for a process that does not own them: a copy is opened, read and removed again. */
import { existsSync } from 'node:fs'
import type { OnlineStore, PartitionState } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { copyLive, removeCopy } from './copy.ts'
import { type Faults, ONLINE_FAULTS, STATE_FAULTS } from './faults.ts'
import { LevelOnlineStore, type OnlineStoreOptions } from './online-store.ts'
import { LevelPartitionState } from './state.ts'

const COPIES_MAX = 10

export type PartitionStateReader = Omit<PartitionState, 'commit' | 'maintain'>
export type OnlineStoreReader = Omit<
  OnlineStore,
  'write' | 'advanceMarker' | 'forgetMarker' | 'incarnation'
>

/**
 * The state as it was last committed; undefined where there is none yet. Disposing it removes the copy.
 * @throws STATE_DAMAGED, STATE_WRITE_FAILED where there is no room for a copy
 */
export async function openStateCopy(directory: string): Promise<PartitionStateReader | undefined> {
  return openCopy(directory, STATE_FAULTS, (copy) =>
    LevelPartitionState.open(copy, { copyOf: directory }),
  )
}

/**
 * The online store as it is now; undefined where there is none yet. Disposing it removes the copy.
 * @throws ONLINE_REFUSED, STATE_DAMAGED
 */
export async function openOnlineCopy(
  directory: string,
  options: OnlineStoreOptions,
): Promise<OnlineStoreReader | undefined> {
  return openCopy(directory, ONLINE_FAULTS, (copy) =>
    LevelOnlineStore.open(copy, { ...options, copyOf: directory }),
  )
}

async function openCopy<T extends AsyncDisposable>(
  directory: string,
  faults: Faults,
  open: (copy: string) => Promise<T>,
  attempt = 1,
): Promise<T | undefined> {
  const copy = await copyLive(directory).catch((error: unknown) => {
    throw error instanceof TidemarkError ? error : faults.writeFailed(directory, error)
  })
  if (copy === undefined) return undefined
  // A restore moves the whole directory away, and copies in it: then there is another store to be copied.
  const isGone = (): boolean => !existsSync(copy)
  try {
    const store = await open(copy)
    const dispose = store[Symbol.asyncDispose].bind(store)
    store[Symbol.asyncDispose] = async () => {
      await dispose()
      removeCopy(copy)
    }
    return store
  } catch (error) {
    if (isGone() && attempt < COPIES_MAX) {
      return openCopy(directory, faults, open, attempt + 1)
    }
    removeCopy(copy)
    throw error
  }
}
