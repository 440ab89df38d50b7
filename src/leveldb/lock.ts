/**
 * The lock of a store, held without using what is in it: LevelDB takes it before it looks at anything else, so a store that
 * does not open for another reason was in nobody's use either.
 */
import { ClassicLevel } from 'classic-level'
import { type Faults, codeOf } from './faults.ts'

/**
 * Disposing of it releases the lock; nothing was held of a store that does not open.
 * @throws what `faults` makes of a store that another process has open
 */
export async function holdLock(directory: string, faults: Faults): Promise<AsyncDisposable> {
  const level = new ClassicLevel(directory, { createIfMissing: false })
  try {
    await level.open()
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') throw faults.locked(directory, error)
  }
  return { [Symbol.asyncDispose]: () => level.close() }
}
