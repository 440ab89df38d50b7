import { describe, expect, test } from 'vitest'
import { takenOver } from '../../src/engine/hand-over-port.ts'
import { maintenanceBounds } from '../../src/engine/maintenance-bounds.ts'
import type { StateHead } from '../../src/engine/ports.ts'

const WINDOW = 7

/** Everything else allows days before 100 - WINDOW. */
function evictBefore(online: { readonly generation: number; readonly asOf: number } | undefined) {
  const parts = {
    context: {
      generation: 2,
      committed: { finalDay: 99, watermark: 0 },
      views: [{ longestWindow: WINDOW }],
      pipeline: { event: { duplicatesWithinMs: 0 } },
    },
    batchFold: { time: { closedBy: () => 0 } },
    online,
    table: { oldestDirtyDay: undefined },
  } as unknown as Parameters<typeof maintenanceBounds>[0]
  return maintenanceBounds(parts).evictBefore
}

describe('a tile is dropped when nothing that is still owed can read it', () => {
  test('where there is no online store, as soon as its rows are final', () => {
    expect(evictBefore(undefined)).toEqual([100 - WINDOW])
  })

  test('the online store must have been told a day on which it no longer counts', () => {
    expect(evictBefore({ generation: 2, asOf: 90 })).toEqual([90 - WINDOW])
    expect(evictBefore({ generation: 2, asOf: 120 })).toEqual([100 - WINDOW])
  })

  test('in this generation: what it was told in one before is told anew, as of earlier days too', () => {
    expect(evictBefore({ generation: 1, asOf: 120 })).toEqual([-Infinity])
  })
})

test('a state that is taken over claims nothing of the tables: its owner may come before they are swapped', () => {
  const head = {
    generation: 1,
    nextOffset: 7,
    table: { complete: [3], whole: [2], versions: [{ rows: 4 }] },
  } as unknown as StateHead
  expect(takenOver(head, 2)).toEqual({
    generation: 2,
    nextOffset: 7,
    table: { complete: [], awaits: 2, owed: [2] },
  })
})

test("a replay's state owes them nothing of what it has closed: days before its first tile are not its own", () => {
  const head = {
    generation: 1,
    time: { closedDay: 12 },
    views: [{ name: 'a' }, { name: 'b' }],
    table: { complete: [] },
  } as unknown as StateHead
  const once = takenOver(head, 2)
  expect(once.table).toEqual({ complete: [], awaits: 2, owed: [12, 12] })
  expect(takenOver({ ...once, time: { ...once.time, closedDay: 15 } }, 4).table).toEqual({
    complete: [],
    awaits: 4,
    owed: [12, 12],
  })
})
