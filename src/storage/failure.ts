/**
 * What the world refuses a place of files, told in words: which file, what the system said, and what to do. Decides once
 * whether a retry can help: a full disk or a missing permission stops the writer, everything else is tried again.
 */
import { TidemarkError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** What kind of place it is, for messages, and the codes of its errors. */
export interface StorageFaults {
  /** `table`, `checkpoint store` */
  readonly what: string
  /** A retry can help. */
  readonly unavailable: ErrorCode
  readonly refused: ErrorCode
}

/** Errors of the system that no retry heals, with the advice that goes with them. */
const REFUSALS: Readonly<Record<string, string>> = {
  ENOSPC:
    'the disk is full; free space or choose another place, then start again: nothing was lost',
  EDQUOT: 'the disk quota is used up; raise it or free space, then start again: nothing was lost',
  EFBIG:
    'the file is larger than this process may write (ulimit -f, or a limit of the file system)',
  EACCES: 'this user may not do that; check owner and mode of the directory, then start again',
  EPERM: 'this user may not do that; check owner and mode of the directory, then start again',
  EROFS: 'the file system is mounted read-only; mount it read-write, then start again',
  ENOTDIR: 'a file stands where a directory is needed; move it away or choose another location',
  EEXIST: 'a file stands where a directory is needed; move it away or choose another location',
  EISDIR: 'a directory stands where a file is needed; move it away or choose another location',
  ENAMETOOLONG: 'the path is longer than the file system allows; choose a shorter location',
  ELOOP: 'the path runs through a loop of symbolic links; choose another location',
}

/** What the system said, as text: some libraries keep nothing else of it. */
const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/no space left on device/i, 'ENOSPC'],
  [/disk quota exceeded/i, 'EDQUOT'],
  [/file too large/i, 'EFBIG'],
  [/permission denied/i, 'EACCES'],
  [/operation not permitted/i, 'EPERM'],
  [/read-only file system/i, 'EROFS'],
  [/not a directory/i, 'ENOTDIR'],
  [/is a directory/i, 'EISDIR'],
]

/** `doing` is the start of a sentence: `table /data/features: cannot write x.parquet`. */
export function storageFailure(
  faults: StorageFaults,
  doing: string,
  cause: unknown,
): TidemarkError {
  if (cause instanceof TidemarkError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  const code = systemCode(cause) ?? TEXTS.find(([pattern]) => pattern.test(text))?.[1]
  const advice = code === undefined ? undefined : REFUSALS[code]
  if (advice !== undefined) {
    return new TidemarkError(faults.refused, `${doing}: ${advice} (${text})`, { cause })
  }
  return new TidemarkError(faults.unavailable, `${doing}: ${text}. It will be tried again.`, {
    cause,
  })
}

/** Runs `work`; what it throws becomes an error of the place. Bugs stay bugs. */
export async function guarded<T>(
  faults: StorageFaults,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('invariant broken')) throw error
    throw storageFailure(faults, doing, error)
  }
}

export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
