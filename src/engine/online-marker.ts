/** Markers compared: "told up to here" of one partition in the online store. */
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import type { Marker } from './ports.ts'

/** A close only; a crash or an overflow left the store behind; the store lost data; a new generation takes over. */
export type ScanReason = 'sweep' | 'behind' | 'loss' | 'generation'

/** Before every day that an event can have (event times before 2000 are refused). */
export const BEFORE_ALL_DAYS: DayIndex = 0

/** Why a partition that starts has to scan, given the marker in the store; undefined when nothing can be missing. */
export function reasonToScan(
  stored: Marker | undefined,
  own: {
    readonly acknowledged: Marker | undefined
    readonly generation: number
    readonly nextOffset: number
    readonly origin: number
  },
): ScanReason | undefined {
  const { acknowledged, generation, nextOffset, origin } = own
  if (stored === undefined) {
    const isUntouched = acknowledged === undefined && nextOffset === origin
    return isUntouched ? undefined : 'loss'
  }
  if (stored.generation > generation) throw newerGeneration(stored.generation, generation)
  if (stored.generation < generation) return 'generation'
  if (acknowledged && isBefore(stored, acknowledged)) return 'loss'
  // A scan of another owner, or of one whose place was not kept, may have been healing a loss.
  if (stored.scanId !== undefined) return 'loss'
  return stored.position < nextOffset ? 'behind' : undefined
}

export function isBefore(a: Marker, b: Marker): boolean {
  if (a.generation !== b.generation) return a.generation < b.generation
  if (a.position !== b.position) return a.position < b.position
  return a.asOf < b.asOf
}

export function newerGeneration(found: number, own: number): TidemarkError {
  return new TidemarkError(
    'GENERATION_CHANGED',
    `the online store belongs to generation ${found}, this state to generation ${own}: a publish or a rollback has replaced it. Start again with the current pipeline file`,
  )
}
