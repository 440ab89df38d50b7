/** Changed tiles as bytes for the commit. */
import type { ViewFold } from '../core/fold.ts'
import { slotOf } from '../core/slot.ts'
import { OFFSET_CELL } from '../core/tile-slab.ts'
import type { PartitionContext } from './partition-context.ts'
import type { TileWrite } from './ports.ts'

export function encodeTiles(
  folds: readonly ViewFold[],
  { codecs, slots }: PartitionContext,
): TileWrite[] {
  const writes: TileWrite[] = []
  for (const [view, { cache }] of folds.entries()) {
    const codec = codecs[view]
    if (codec === undefined) continue
    for (const { slot: at, day, entity } of cache.changed()) {
      const offset = cache.slab.cell(at, OFFSET_CELL)
      // Copied: the codec's buffer is reused by the next tile.
      const bytes = codec.encode(cache.slab, at).slice()
      writes.push({ view, day, entity, slot: slotOf(entity, slots), offset, bytes })
    }
  }
  return writes
}
