/**
 * One process at a time works with what a replay stages: its run, its publish, or its discard. Found out on one machine, where the replay
 * has its states; a lock ends with its process, however that ends. Across machines the version of what was staged tells (`publish`).
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { takeLock } from '../leveldb/lock.ts'
import { replayDirectory } from './open-replay-run.ts'

/** @throws REPLAY_REFUSED while another process has it */
export async function lockReplay(
  pipeline: Pipeline,
  id: string,
  what: 'run' | 'published' | 'discarded',
): Promise<AsyncDisposable> {
  const directory = replayDirectory(pipeline, id)
  const isHere = what === 'run' || existsSync(directory)
  const lock = isHere ? await takeLock(path.join(directory, 'lock')) : NOT_HERE
  if (lock !== undefined) return lock
  throw new TidemarkError(
    'REPLAY_REFUSED',
    `replay ${id} cannot be ${what} now: another process of this machine is at work with it (${directory}). Nothing was changed. Wait for its end, or stop it; a run that was stopped goes on with \`tidemark replay run ${id}\``,
  )
}

/** It was not run on this machine: nobody here is at work with it. */
const NOT_HERE: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() }
