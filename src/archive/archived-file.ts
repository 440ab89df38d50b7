/** Whether an archive's file is still what a plan was made with, and what is wrong with one. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ArchivedFile } from '../engine/archive-port.ts'
import { TidemarkError } from '../errors.ts'

export function checksumOf(
  files: readonly Pick<ArchivedFile, 'path' | 'bytes' | 'digest'>[],
): string {
  const hash = createHash('sha256')
  for (const { path, bytes, digest } of files) hash.update(`${path}\n${bytes}\n${digest}\n`)
  return hash.digest('hex')
}

export async function digestOf(localPath: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(localPath, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}

export function unreadable(message: string, cause?: unknown): TidemarkError {
  return new TidemarkError('SOURCE_UNREADABLE', message, { cause })
}

export function changed(location: string, path: string, what: string): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `the archive ${location} is not what the replay was planned with: ${path} ${what}. Put it back as it was, or plan again`,
  )
}
