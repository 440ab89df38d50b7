/** How long after its close a day was in the tables: from the wall clock of each close, where it is known, to now. */
import type { DayIndex } from '../core/day.ts'
import type { PartitionContext } from './partition-context.ts'

export function observeCloses(
  { clock, meters }: PartitionContext,
  closedAt: Iterable<readonly [day: DayIndex, atMs: number]>,
  {
    before = -Infinity,
    complete,
  }: { readonly before?: DayIndex | undefined; readonly complete: DayIndex },
): void {
  for (const [day, atMs] of closedAt) {
    if (day > complete || day <= before) continue
    meters.tableDelay.observe((clock.wallMs() - atMs) / 1_000)
  }
}
