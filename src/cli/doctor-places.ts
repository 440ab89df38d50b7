/** Directories that a run writes to: are they there, or can they be made, may they be written, is there room? */
import { access, constants, stat, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'
import type { Finding } from './finding.ts'
import { bytesWords } from './words.ts'

const FREE_BYTES_LOW = 1024 ** 3

export async function checkPlaces({
  state,
  sinks,
  checkpoints,
  rejects,
}: Pipeline): Promise<Finding[]> {
  const places: [check: string, directory: string][] = [['state', state]]
  if (rejects.topic === undefined) places.push(['dead letters', rejects.directory])
  if (sinks.online?.kind === 'leveldb') places.push(['online store', sinks.online.directory])
  for (const [check, location] of [
    ['tables', sinks.offline?.location],
    ['checkpoints', checkpoints?.location],
  ] as const) {
    if (location?.kind === 'directory') places.push([check, location.directory])
  }
  return Promise.all(places.map(([check, directory]) => checkPlace(check, directory)))
}

async function checkPlace(check: string, directory: string): Promise<Finding> {
  try {
    const existing = await nearestExisting(directory)
    if (!(await stat(existing)).isDirectory()) {
      return {
        check,
        verdict: 'problem',
        detail: `${existing} is a file`,
        advice: 'name a directory',
      }
    }
    await access(existing, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = await statfs(existing)
    const free = bavail * bsize
    const detail = `${directory} ${existing === directory ? 'is writable' : 'can be made'}, ${bytesWords(free)} free`
    return free < FREE_BYTES_LOW
      ? {
          check,
          verdict: 'warning',
          detail,
          advice: 'make room: a full disk stops the run (nothing is lost)',
        }
      : { check, verdict: 'ok', detail }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return {
      check,
      verdict: 'problem',
      detail: `${directory}: ${reason}`,
      advice: 'give it to the user that runs tidemark',
    }
  }
}

/** Where a directory is not there yet, the one above it decides. */
async function nearestExisting(directory: string): Promise<string> {
  for (let at = directory; ; at = path.dirname(at)) {
    const found = await stat(at).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return undefined
    })
    if (found !== undefined || at === path.dirname(at)) return at
  }
}
