/**
 * What house-keeping may touch: a tile is dropped only when nothing that is still owed can read it. Dropping it shows
 * nowhere: no record can reach its day any more, no slot whose rows it is in waits for the table, and the online store
 * has acknowledged a day on which it no longer counts.
 *
 * Time is that of the last commit. The fold may be days ahead of it: what it has closed is not dirty yet, and after a crash all
 * of it is folded again, by a watermark that has not come so far.
 */
import type { DayIndex } from '../core/day.ts'
import type { PartitionTime } from '../core/partition-time.ts'
import type { OnlineFollower } from './online-follower.ts'
import type { PartitionContext } from './partition-context.ts'
import type { MaintenanceBounds } from './ports.ts'
import type { TableFollower } from './table-follower.ts'

/** Entities or ids per piece: a few tens of milliseconds. */
const PIECE_LIMIT = 2_000

export function maintenanceBounds(parts: {
  readonly context: PartitionContext
  readonly batchFold: { readonly time: PartitionTime }
  readonly online: OnlineFollower | undefined
  readonly table: TableFollower | undefined
}): MaintenanceBounds {
  const { context, online, table } = parts
  const { committed } = context
  const { time } = parts.batchFold
  const oldestDirty = table?.oldestDirtyDay ?? Infinity
  const asOf = online ? toldAsOf(online, context.generation) : Infinity
  // A tile of day d counts until the rows of d + longest window.
  const lastReadable = Math.min(committed.finalDay + 1, oldestDirty, asOf)
  const evictBefore = context.views.map(({ longestWindow }) => lastReadable - longestWindow)
  const horizonMs = committed.watermark - context.pipeline.event.duplicatesWithinMs
  return {
    settleBefore: time.closedBy(committed.watermark) + 1,
    evictBefore,
    forgetIdsBefore: time.closedBy(horizonMs) + 1,
    limit: PIECE_LIMIT,
  }
}

/** What a generation before was told proves nothing: the scan of this one may read a tile that a later day no longer needs. */
function toldAsOf({ generation, asOf }: OnlineFollower, own: number): DayIndex {
  return generation < own ? -Infinity : asOf
}
