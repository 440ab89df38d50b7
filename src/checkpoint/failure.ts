/** What the world refuses a checkpoint store: as any place of files does. */
import type { StorageFaults } from '../storage/failure.ts'

export const CHECKPOINT_FAULTS: StorageFaults = {
  what: 'checkpoint store',
  unavailable: 'CHECKPOINT_UNAVAILABLE',
  refused: 'CHECKPOINT_REFUSED',
}
