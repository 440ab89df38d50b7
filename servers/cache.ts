/**
 * Where downloads stay between runs, and the lock that keeps two runs from making the same thing at once. What is made
 * appears under its name in one step, so that a run that dies half-way leaves nothing that looks whole.
 */
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 100

export function cacheDirectory(): string {
  return path.resolve(
    process.env['TIDEMARK_CACHE'] ?? path.join(os.homedir(), '.cache', 'tidemark'),
    'servers',
  )
}

/** Makes `place` (a file or a directory) where it is missing: `make` writes to the path that it is given. */
export async function once(
  place: string,
  make: (staging: string) => Promise<void>,
): Promise<string> {
  if (existsSync(place)) return place
  await mkdir(path.dirname(place), { recursive: true })
  const lock = `${place}.lock`
  await acquire(lock)
  try {
    if (existsSync(place)) return place
    const staging = `${place}.${process.pid}`
    await rm(staging, { recursive: true, force: true })
    await make(staging)
    await rename(staging, place)
    return place
  } finally {
    await rm(lock, { force: true })
  }
}

/** A lock whose owner has died is taken over. Two who take it over at once both do the work, which harms nothing. */
async function acquire(lock: string): Promise<void> {
  for (;;) {
    try {
      const file = await open(lock, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''))
    if (owner > 0 && !isAlive(owner)) await rm(lock, { force: true })
    else await sleep(POLL_MS)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
