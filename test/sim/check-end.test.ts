/** When the simulator asks for new owners before it judges: where somebody has closed days of a partition that its owner has not. */
import { expect, test } from 'vitest'
import { isBehindOthers, type EndState } from '../../sim/check-end.ts'
import type { TableReaders } from '../../sim/table-watch.ts'
import { rowsTable } from '../../sim/tables.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'

const pipeline = pipelineOf({ views: [viewOf([1], [COUNT])] })

/** Last days by partition: of rows in the table, and as closed by the owners. */
function isBehind(rows: readonly number[], closed: readonly number[]): Promise<boolean> {
  const world = { pipeline, online: { store: new MemoryOnlineStore(() => 0) } }
  const reader = { lastDay: (partition: number) => Promise.resolve(rows[partition]) }
  const readers = new Map(pipeline.views.map((view) => [rowsTable(view), reader]))
  const ends = closed.map((closedDay, partition) => ({ partition, closedDay }))
  return isBehindOthers(
    world as unknown as Parameters<typeof isBehindOthers>[0],
    readers as unknown as TableReaders,
    ends as unknown as EndState[],
  )
}

test('owners who have closed all days that the table has rows of are not behind', async () => {
  expect(await isBehind([7, 9], [7, 9])).toBe(false)
  expect(await isBehind([6, 9], [7, 9])).toBe(false)
})

test('an owner is behind whose partition has rows of later days, also where another partition has closed them', async () => {
  expect(await isBehind([8, 9], [7, 9])).toBe(true)
  expect(await isBehind([7, 10], [7, 9])).toBe(true)
})
