/** What can be wrong with a file of the embedded log, in words: where, what, and what to do next. */
import { position } from '../core/event.ts'
import { TidemarkError } from '../errors.ts'
import type { Framing } from './framing.ts'

export interface PartitionFile {
  readonly path: string
  readonly topic: string
  readonly partition: number
  readonly framing: Framing
}

const WAYS_ON = 'put the original back, or start again with a new state directory'

export function unreadable(
  file: PartitionFile,
  offset: number,
  what: string,
  cause?: unknown,
): TidemarkError {
  return new TidemarkError('SOURCE_UNREADABLE', `${where(file, offset)}: ${what}.`, { cause })
}

export function damaged(file: PartitionFile, offset: number, damage: string): TidemarkError {
  return unreadable(
    file,
    offset,
    `${file.path} is damaged at byte ${offset}: ${damage}. Restore the file from a copy; ` +
      `if its writer crashed and nothing good follows, cut it there (truncate -s ${offset})`,
  )
}

export function fileCut(file: PartitionFile, offset: number, size: number): TidemarkError {
  return new TidemarkError(
    'OFFSET_GONE',
    `${where(file, offset)}: ${file.path} has ${size} bytes and ends before that position. ` +
      `It was cut or made again, but a log is append-only: ${WAYS_ON}.`,
  )
}

export function noBoundary(file: PartitionFile, offset: number): TidemarkError {
  return new TidemarkError(
    'OFFSET_GONE',
    `${where(file, offset)}: no record begins at byte ${offset} of ${file.path}. ` +
      `It is not the file that the position was taken from, or it is damaged there: ${WAYS_ON}.`,
  )
}

export function fileReplaced(file: PartitionFile, offset: number): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `${where(file, offset)}: ${file.path} was replaced by another file while it was being read. ` +
      `A log is append-only: ${WAYS_ON}.`,
  )
}

function where({ topic, partition }: PartitionFile, offset: number): string {
  return position(topic, partition, offset)
}
