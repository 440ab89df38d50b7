/** A tile that a replay has loaded holds records already: those are not added to it again. */
import { expect, test } from 'vitest'
import type { EventBatch } from '../../src/core/event.ts'
import { ViewFold } from '../../src/core/fold.ts'
import { Judge } from '../../src/core/judge.ts'
import { createCalendar } from '../../src/core/day.ts'
import { NO_TIME, PartitionTime } from '../../src/core/partition-time.ts'
import { OFFSET_CELL } from '../../src/core/tile-slab.ts'
import { planViews } from '../../src/core/view-plan.ts'
import { createDecoder } from '../../src/format/decoder.ts'
import { batchOf } from '../../src/memory/log.ts'
import { at, COUNT, pipelineOf, viewOf } from '../support/builders.ts'

const pipeline = pipelineOf({ views: [viewOf([1], [COUNT])] })

function eventsAt(offsets: readonly number[]): EventBatch {
  const value = Buffer.from(JSON.stringify({ user: 'u', at: at('2024-03-05 10:00') }))
  const timestamp = at('2024-03-05 10:00')
  return createDecoder(pipeline).decode(
    batchOf(offsets.map((offset) => ({ offset, timestamp, key: null, value }))),
  )
}

/** The count after records at these offsets, in a tile that begins with 5 records up to `held`. */
function countAfter(batches: readonly (readonly number[])[], held: number): number | undefined {
  const [view] = planViews(pipeline)
  if (view === undefined) throw new Error('a view')
  const fold = new ViewFold(view, { tilesMax: 10, slots: 1 })
  const time = new PartitionTime(createCalendar('UTC'), { ...pipeline.time, origin: 0 }, NO_TIME)
  const judge = new Judge(time, pipeline.event)
  let count: number | undefined
  for (const offsets of batches) {
    const events = eventsAt(offsets)
    const judged = judge.judge(events, new Map())
    const notes = { dirty: new Map(), rejects: [], counts: new Map() }
    const routed = fold.route(events, judged, notes)
    for (const { slot } of routed.missing) {
      const { cells } = fold.cache.slab
      cells[slot * view.layout.width + OFFSET_CELL] = held
      cells[slot * view.layout.width + (view.layout.placed[0]?.cell ?? NaN)] = 5
    }
    fold.apply(routed, events, judged)
    const place = view.layout.place(routed.tiles[0] ?? NaN, 0)
    count = Number(view.layout.placed[0]?.aggregate.result(fold.cache.slab, place))
  }
  return count
}

test('records up to the offset of the tile are in it', () => {
  expect(countAfter([[3, 4, 7, 8, 9]], 7)).toBe(7)
  expect(countAfter([[3], [4, 7], [8]], 7)).toBe(6)
  expect(countAfter([[3, 4]], 7)).toBe(5)
  expect(countAfter([[8]], 7)).toBe(6)
})

test('records that count as from one offset come in together, or are all in', () => {
  expect(countAfter([[8, 8, 8]], 7)).toBe(8)
  expect(countAfter([[8, 8, 8]], 8)).toBe(5)
})
