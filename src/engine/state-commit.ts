/** What one commit writes to the state: changed tiles, the new head with the followers' positions, what is dirty and what is cleared. */
import { parseSlot } from '../core/dirty-slot.ts'
import type { BatchFold, Uncommitted } from './batch-fold.ts'
import type { LeftSlots } from './left-slots.ts'
import type { OnlineFollower } from './online-follower.ts'
import type { PartitionContext } from './partition-context.ts'
import type { StateCommit, StateHead } from './ports.ts'
import type { TableFollower } from './table-follower.ts'
import { encodeTiles } from './tile-writes.ts'

export interface CommitParts {
  readonly context: PartitionContext
  readonly batchFold: BatchFold
  readonly online: OnlineFollower | undefined
  readonly table: TableFollower | undefined
  readonly leftSlots: LeftSlots
}

export function composeCommit(
  { context, batchFold, online, table, leftSlots }: CommitParts,
  notes: Uncommitted,
  { head, nextOffset }: { readonly head: StateHead; readonly nextOffset: number },
): StateCommit {
  const closes = { after: context.committed.closedDay, through: batchFold.time.closedDay }
  const dirty = new Map([...leftSlots.dirtied(closes, nextOffset - 1), ...notes.dirty])
  return {
    head: {
      ...head,
      nextOffset,
      time: batchFold.time.state,
      rejects: batchFold.rejectCounts,
      counts: addCounts(head.counts, notes.counts),
      online: online?.position,
      table: table?.position ?? { complete: [] },
    },
    tiles: encodeTiles(batchFold.folds, context),
    ids: [...notes.ids].map(([id, day]) => ({ id, day })),
    milestones: notes.milestones,
    dirty: table ? writtenSlots(context, dirty) : new Map(),
    cleared: table?.cleared(dirty) ?? [],
  }
}

function writtenSlots(
  { writes, views }: PartitionContext,
  dirty: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  if (writes === undefined) return dirty
  const isWritten = (slot: string): boolean => {
    const { day, view } = parseSlot(slot)
    return day >= writes.first && day <= writes.last && writes.views.has(views[view]?.title ?? '')
  }
  return new Map([...dirty].filter(([slot]) => isWritten(slot)))
}

export function addCounts(
  before: Readonly<Record<string, number>>,
  added: ReadonlyMap<string, number>,
): Record<string, number> {
  const counts: Record<string, number> = { ...before }
  for (const [name, count] of added) counts[name] = (counts[name] ?? 0) + count
  return counts
}
