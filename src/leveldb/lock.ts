/**
 * Locks between processes of a machine, as LevelDB takes them: they end with the process, however it ends. That of a store, held without
 * using what is in it: it is taken before anything else is looked at, so a store that does not open for another reason was in nobody's use
 * either. And one of its own, of a directory that holds nothing else.
 */
import { mkdirSync } from 'node:fs'
import path from 'node:path'
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

/** Undefined: another process, or another part of this one, holds it. */
export async function takeLock(directory: string): Promise<AsyncDisposable | undefined> {
  mkdirSync(path.dirname(directory), { recursive: true })
  const level = new ClassicLevel(directory)
  try {
    await level.open()
  } catch (error) {
    if (codeOf(error) === 'LEVEL_LOCKED') return undefined
    throw error
  }
  return { [Symbol.asyncDispose]: () => level.close() }
}
