/**
 * The tables of a partition, opened beside its state: what the state has written must be in them, corrections of days that were complete
 * long before too. Tables that were deleted, or put back from an older copy, are refused before anything is written.
 */
import { formatDay } from '../core/day.ts'
import type { DayIndex } from '../core/day.ts'
import { TidemarkError } from '../errors.ts'
import type { PartitionContext } from './partition-context.ts'
import type { FeatureTable, StateHead } from './ports.ts'
import { TableFollower } from './table-follower.ts'
import type { ViewTables } from './table-lane.ts'

/** @throws TABLE_REFUSED, TABLE_UNAVAILABLE */
export async function openTable(
  context: PartitionContext,
  tables: readonly ViewTables[],
  head: StateHead,
  settled: (dirty: Iterable<string>) => readonly string[],
): Promise<TableFollower> {
  const { partition, state } = context
  const { versions } = head.table
  const complete = await Promise.all(
    tables.map(async ({ rows, tiles }) => ({
      rows: (await rows.complete()).get(partition),
      tiles: (await tiles.complete()).get(partition),
    })),
  )
  complete.forEach(({ rows }, view) => {
    checkTable(context.views[view]?.title ?? '', {
      partition,
      table: rows,
      state: head.table.complete[view] ?? undefined,
    })
  })
  for (const [view, { rows, tiles }] of tables.entries()) {
    await checkVersion(rows, versions?.[view]?.rows)
    await checkVersion(tiles, versions?.[view]?.tiles)
  }
  const closedAt = new Map(head.time.tickCloses)
  for (const { day, timestamp } of await state.milestones()) {
    if (!Number.isNaN(timestamp)) closedAt.set(day, timestamp)
  }
  const dirty = await state.dirtySlots()
  const written = settled(dirty.keys()).map((slot) => [slot, head.nextOffset] as const)
  const { awaits } = head.table
  return new TableFollower(context, {
    tables,
    complete,
    versions,
    dirty,
    written,
    closedAt,
    awaits,
  })
}

async function checkVersion(table: FeatureTable, written: number | undefined): Promise<void> {
  const version = await table.version()
  if (written === undefined || version >= written) return
  throw new TidemarkError(
    'TABLE_REFUSED',
    `the table ${table.spec.name} is at version ${version}, but the state has written version ${written} of it: it was deleted, or is an older copy. ${BRING_BACK}`,
  )
}

const BRING_BACK =
  'Nothing was written. Bring the table back; or move the state, and checkpoints of it, away too and run again: the log fills both'

/** A table that lacks days which the state had written was deleted or brought back from an older copy. */
function checkTable(
  view: string,
  days: {
    readonly partition: number
    readonly table: DayIndex | undefined
    readonly state: DayIndex | undefined
  },
): void {
  const { partition, table, state } = days
  if (state === undefined || (table !== undefined && table >= state)) return
  throw new TidemarkError(
    'TABLE_REFUSED',
    `the table of ${view} holds partition ${partition} ${table === undefined ? 'for no day' : `up to ${formatDay(table)}`}, but the state has written it up to ${formatDay(state)}: it was deleted, or is an older copy. ${BRING_BACK}`,
  )
}
