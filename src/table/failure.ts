/**
 * What the world refuses a table, told in words: which file, what the system said, and what to do. Decides once whether
 * a retry can help: a full disk or a missing permission stops the writer, everything else is tried again.
 */
import { TidemarkError } from '../errors.ts'

/** Errors of the system that no retry heals, with the advice that goes with them. */
const REFUSALS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free space or move the table, then start again: nothing was lost',
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

/** DuckDB reports what the system said as text. */
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
export function tableFailure(doing: string, cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  const code = systemCode(cause) ?? TEXTS.find(([pattern]) => pattern.test(text))?.[1]
  const advice = code === undefined ? undefined : REFUSALS[code]
  if (advice !== undefined) {
    return new TidemarkError('TABLE_REFUSED', `${doing}: ${advice} (${text})`, { cause })
  }
  if (/out of memory/i.test(text)) {
    const raise =
      "DuckDB's memory limit is too low for one file; raise the limit or the number of hash slots"
    return new TidemarkError('TABLE_REFUSED', `${doing}: ${raise} (${text})`, { cause })
  }
  return new TidemarkError('TABLE_UNAVAILABLE', `${doing}: ${text}. It will be tried again.`, {
    cause,
  })
}

/** Runs `work`; what it throws becomes an error of the table. Bugs stay bugs. */
export async function guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('invariant broken')) throw error
    throw tableFailure(doing, error)
  }
}

export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
