/**
 * What a failing LevelDB means to an operator. The same failures have other codes and other advice in the state, which
 * is rebuilt from the log, and in the online store, which is told again from the state.
 */
import { TidemarkError } from '../errors.ts'

export interface Faults {
  locked(directory: string, cause: unknown): TidemarkError
  damaged(directory: string, what: string, cause?: unknown): TidemarkError
  writeFailed(directory: string, cause: unknown): TidemarkError
}

const FULL_DISK = 'Check the space and the permissions of its disk'

export const STATE_FAULTS: Faults = {
  locked: (directory, cause) =>
    new TidemarkError(
      'STATE_LOCKED',
      `the state ${directory} is in use by another process. Stop it, or give this one another state directory`,
      { cause, details: { directory } },
    ),
  damaged: (directory, what, cause) =>
    new TidemarkError(
      'STATE_DAMAGED',
      `the state ${directory} was damaged: ${what}${reason(cause)}. It is never repaired, because a repair drops what it cannot read. Keep it for a look: move the directory away and start again. The newest checkpoint is restored; without one the state is rebuilt from the log`,
      { cause, details: { directory } },
    ),
  writeFailed: (directory, cause) =>
    new TidemarkError(
      'STATE_WRITE_FAILED',
      `the state ${directory} could not be written${reason(cause)}. Nothing was published after the last commit. ${FULL_DISK}, then start again: it goes on from that commit`,
      { cause, details: { directory } },
    ),
}

export const ONLINE_FAULTS: Faults = {
  locked: (directory, cause) =>
    new TidemarkError(
      'ONLINE_UNAVAILABLE',
      `the online store ${directory} is in use by another process. Stop it, or give this one another directory`,
      { cause, details: { directory } },
    ),
  damaged: (directory, what, cause) =>
    new TidemarkError(
      'ONLINE_REFUSED',
      `the online store ${directory} was damaged: ${what}${reason(cause)}. Move the directory away and start again: every value is told again from the state`,
      { cause, details: { directory } },
    ),
  writeFailed: (directory, cause) =>
    new TidemarkError(
      'ONLINE_REFUSED',
      `the online store ${directory} could not be written${reason(cause)}. ${FULL_DISK}, then start again: what it lacks is told again from the state`,
      { cause, details: { directory } },
    ),
}

/** classic-level wraps the cause of a failed opening in an error that only says so. */
export function codeOf(error: unknown): string | undefined {
  const inner = innermost(error)
  return inner instanceof Error && 'code' in inner && typeof inner.code === 'string'
    ? inner.code
    : undefined
}

function reason(cause: unknown): string {
  const inner = innermost(cause)
  return inner instanceof Error ? ` (${inner.message})` : ''
}

function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? innermost(error.cause) : error
}
