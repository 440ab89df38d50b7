/**
 * Which of two values stays (docs/semantics.md): the higher generation; within one the lower partition, because a key
 * that is routed to two partitions has two halves that nobody can merge; within a partition the higher (offset, day).
 * Versions are numbers and are compared as numbers.
 */
import type { Marker, OnlineValue } from '../engine/ports.ts'
import type { OnlineGuard } from './online-record.ts'

export type Verdict =
  | { readonly kind: 'write' }
  /** The same version: the value stays, its time to live begins again. */
  | { readonly kind: 'renew' }
  /** A higher version is there. */
  | { readonly kind: 'refuse' }
  /** A lower partition holds the entity. */
  | { readonly kind: 'foreign'; readonly holder: number }

/** An expired value is gone, and its version with it, as in Redis. */
export function admit(
  stored: OnlineGuard | undefined,
  value: Pick<OnlineValue, 'version' | 'partition'>,
  nowMs: number,
): Verdict {
  if (stored === undefined || stored.expiryMs <= nowMs) return { kind: 'write' }
  const generations = value.version.generation - stored.version.generation
  if (generations !== 0) return { kind: generations > 0 ? 'write' : 'refuse' }
  if (value.partition < stored.partition) return { kind: 'write' }
  if (value.partition > stored.partition) return { kind: 'foreign', holder: stored.partition }
  const order =
    value.version.offset - stored.version.offset || value.version.day - stored.version.day
  return { kind: order > 0 ? 'write' : order === 0 ? 'renew' : 'refuse' }
}

/** JSON leaves an undefined scan id out. */
export type StoredMarker = Omit<Marker, 'scanId'> & { readonly scanId?: string | undefined }

/** Whether a stored marker is higher, so that another may not replace it. */
export function isAhead(stored: StoredMarker, marker: StoredMarker): boolean {
  const order =
    stored.generation - marker.generation ||
    stored.position - marker.position ||
    stored.asOf - marker.asOf
  return order > 0
}
