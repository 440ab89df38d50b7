/**
 * A directory of this process alone, for what must not outlive it: what DuckDB spills (two processes that spill into one directory
 * overwrite each other's files and crash), copies that a comparison makes. Those of processes that were killed are cleared away: one
 * in use shows it from time to time, since a process id says nothing where containers share a volume.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Pipeline } from '../core/definition.ts'

export interface Scratch extends AsyncDisposable {
  readonly directory: string
}

const SHOWN_EVERY_MS = 3_600_000
const LEFTOVER_MS = 24 * SHOWN_EVERY_MS

export async function openScratch(pipeline: Pick<Pipeline, 'state'>): Promise<Scratch> {
  const place = scratchPlace(pipeline, 'duckdb')
  await mkdir(place, { recursive: true })
  await sweep(place)
  const directory = await mkdtemp(path.join(place, 'of-'))
  const showing = setInterval(() => {
    const now = new Date()
    utimes(directory, now, now).catch(() => undefined)
  }, SHOWN_EVERY_MS).unref()
  return {
    directory,
    [Symbol.asyncDispose]: () => {
      clearInterval(showing)
      return rm(directory, { recursive: true, force: true })
    },
  }
}

/** With the state, on a disk with room; a command that only reads makes no state. */
export function scratchPlace({ state }: Pick<Pipeline, 'state'>, what: 'duckdb' | 's3'): string {
  return path.join(existsSync(state) ? state : tmpdir(), `tidemark-${what}`)
}

async function sweep(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const left = path.join(place, name)
    const found = await stat(left).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > LEFTOVER_MS)
      await rm(left, { recursive: true, force: true })
  }
}
