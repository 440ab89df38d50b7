/** The state that a replay begins with, where any of several serves: by the law all say the same, and what one lacks is read. */
import type { Log } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import type { LiveCopy } from './start-parts.ts'

/**
 * Restores the first one that is whole.
 * @returns whether there was any
 * @throws CHECKPOINT_DAMAGED where all are; what `restore` throws
 */
export async function restoreFirst(
  copies: AsyncIterable<LiveCopy>,
  restore: (files: ReturnType<LiveCopy['files']>) => Promise<void>,
  log: Log,
): Promise<boolean> {
  let damage: TidemarkError | undefined
  for await (const copy of copies) {
    if (damage !== undefined) log.warn({}, `${damage.message}. Trying the one before it`)
    try {
      await restore(copy.files())
      return true
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'CHECKPOINT_DAMAGED') throw error
      damage = error
    }
  }
  if (damage !== undefined) throw damage
  return false
}
