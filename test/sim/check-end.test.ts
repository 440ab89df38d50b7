/**
 * When the simulator asks for new owners before it judges: where somebody has closed days of a partition that its owner has not.
 * And which values it leaves: those that a tick has brought further than anybody knows of.
 */
import { expect, test } from 'vitest'
import { isBehindOthers, valuesAhead, type EndState } from '../../sim/check-end.ts'
import { Coverage } from '../../sim/coverage.ts'
import type { TableReaders } from '../../sim/table-watch.ts'
import { rowsTable } from '../../sim/tables.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { onlineValue } from '../conformance/online-store.ts'
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

const CLOSED_DAY = 9
const LAST_OFFSET = 4

/** Whether a value of a day is ahead of an owner that has closed day 9, by the newest event of its partition. */
async function isAhead(
  online: 'current' | 'closed',
  value: { readonly day: number; readonly offset?: number; readonly isEmpty?: boolean },
  newestDay = CLOSED_DAY,
): Promise<boolean> {
  const { day, offset = LAST_OFFSET, isEmpty = false } = value
  const store = new MemoryOnlineStore(() => 0)
  const eventTime = isEmpty ? undefined : 0
  await store.write([onlineValue({ version: { generation: 1, offset, day }, eventTime })])
  const world = {
    pipeline: pipelineOf({ views: [viewOf([1], [COUNT], { online })] }),
    online: { store },
    oracle: { lastOffset: () => LAST_OFFSET },
    coverage: new Coverage(),
  }
  const end = { partition: 0, closedDay: CLOSED_DAY, newestDay }
  const places = await valuesAhead(world as unknown as Parameters<typeof valuesAhead>[0], [
    end as unknown as EndState,
  ])
  return places.length > 0
}

test('a current value is ahead where it is as of a day after the one that is open, and after that of the newest event', async () => {
  expect(await isAhead('current', { day: 10 })).toBe(false)
  expect(await isAhead('current', { day: 11 })).toBe(true)
  expect(await isAhead('current', { day: 11 }, 11)).toBe(false)
})

test('a value as of the last close is ahead where it is as of a day that its owner has not closed', async () => {
  expect(await isAhead('closed', { day: 9 })).toBe(false)
  expect(await isAhead('closed', { day: 10 })).toBe(true)
  expect(await isAhead('closed', { day: 10 }, 10)).toBe(true)
  expect(await isAhead('closed', { day: 10, isEmpty: true })).toBe(true)
})

test('what a walk through the store has emptied as of the open day is judged, in every view', async () => {
  const emptied = { day: 10, offset: LAST_OFFSET + 1, isEmpty: true }
  expect(await isAhead('current', emptied)).toBe(false)
  expect(await isAhead('closed', emptied)).toBe(false)
})
