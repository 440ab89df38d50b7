/** Tiles from their table into a state: by the layout that their generation had, whatever else was written since. */
import { expect, test } from 'vitest'
import { recordOf } from '../../src/core/generation.ts'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { TileCodec } from '../../src/core/tile-codec.ts'
import { planViews } from '../../src/core/view-plan.ts'
import type { ViewPlan } from '../../src/core/view-plan.ts'
import type { TileWrite } from '../../src/engine/ports.ts'
import { loadTiles } from '../../src/replay/load-tiles.ts'
import type { TileRow } from '../../src/replay/load-tiles.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'

const NOTE = { name: 'note', aggregate: 'last', field: 'note' } as const
const PRICE = { name: 'price', aggregate: 'sum', field: 'price', since: 30 } as const
type Features = Parameters<typeof viewOf>[1]

function pipelineWith(features: Features): ReturnType<typeof pipelineOf> {
  return pipelineOf({
    fields: { note: { kind: 'string' }, price: { kind: 'double' } },
    views: [viewOf([1, 3], features)],
  })
}

function planOf(features: Features): ViewPlan {
  const [view] = planViews(pipelineWith(features))
  if (view === undefined) throw new Error('a view')
  return view
}

function recordWith(generation: number, features: Features): GenerationRecord {
  const pipeline = pipelineWith(features)
  const parts = { generation, zoneData: 'test', origins: [0], log: undefined }
  return recordOf(pipeline, planViews(pipeline), parts)
}

/** A tile of one record, as an engine with these features and layouts before its own would write it. */
function tileOf(features: Features, note: string, layoutsBefore = 0): Uint8Array {
  const { layout } = planOf(features)
  const slab = layout.slab()
  const slot = slab.allocate()
  layout.clear(slab, slot)
  const record = { offset: 7, eventTime: 1_000, timestamp: 2_000 }
  layout.touch(slab, slot, record)
  for (const [index, { key, aggregate }] of layout.placed.entries()) {
    const value = key.includes('note') ? note : 1
    aggregate.add(slab, layout.place(slot, index), value, record.eventTime, record.offset)
  }
  const others = Array.from({ length: layoutsBefore }, (_, i) => [`1 0 other ${i}`])
  return new TileCodec(layout, [...others, layout.signature]).encode(slab, slot).slice()
}

async function load(
  features: Features,
  records: readonly GenerationRecord[],
  rows: readonly TileRow[],
): Promise<TileWrite[]> {
  const view = planOf(features)
  const tables = {
    firstDay: () => Promise.resolve(20),
    async *rows(_: ViewPlan, __: number, day: number) {
      await Promise.resolve()
      if (day === 20) yield rows
    },
  }
  const loaded: TileWrite[] = []
  const days = { first: 19, last: 21 }
  for await (const page of loadTiles({
    tables,
    views: [view],
    partition: 0,
    days,
    slots: 4,
    records,
  }))
    loaded.push(...page)
  return loaded
}

function valuesOf(features: Features, bytes: Uint8Array | undefined): unknown[] {
  const { layout } = planOf(features)
  const slab = layout.slab()
  const slot = slab.allocate()
  new TileCodec(layout, [layout.signature]).decode(bytes ?? new Uint8Array(), slab, slot)
  return layout.placed.map(({ aggregate }, index) =>
    aggregate.result(slab, layout.place(slot, index)),
  )
}

test('a tile comes in as the first layout of the new state, with its day, entity and offset', async () => {
  const features = [COUNT, NOTE]
  const tile = tileOf(features, 'hello', 3)
  const rows = [{ entity: ['u'], offset: 7, tile, generation: 1 }]
  const [write] = await load(features, [recordWith(1, features)], rows)
  expect(write).toMatchObject({ view: 0, entity: 'u', day: 20, offset: 7 })
  expect(write?.bytes[1]).toBe(0)
  expect(valuesOf(features, write?.bytes)).toEqual([1, 'hello'])
})

test('a tile of an earlier generation is read by what that one kept', async () => {
  const before = [COUNT, NOTE]
  const now = [COUNT, PRICE, NOTE]
  const records = [recordWith(1, before), recordWith(2, now)]
  const rows = [
    { entity: ['u'], offset: 7, tile: tileOf(before, 'old'), generation: 1 },
    { entity: ['v'], offset: 7, tile: tileOf(now, 'new', 1), generation: 2 },
  ]
  const loaded = await load(now, records, rows)
  expect(loaded.map(({ bytes }) => valuesOf(now, bytes))).toEqual([
    [1, 0, 'old'],
    [1, 1, 'new'],
  ])
})

test('a compacted file may hold tiles of generations before its own', async () => {
  const before = [COUNT, NOTE]
  const now = [COUNT, PRICE, NOTE]
  const records = [recordWith(1, before), recordWith(2, now)]
  const rows = [{ entity: ['u'], offset: 7, tile: tileOf(before, 'old'), generation: 2 }]
  const [write] = await load(now, records, rows)
  expect(valuesOf(now, write?.bytes)).toEqual([1, 0, 'old'])
})

test('a tile of what the view no longer has is refused', async () => {
  const rows = [{ entity: ['u'], offset: 7, tile: tileOf([COUNT, NOTE], 'x'), generation: 1 }]
  const records = [recordWith(1, [COUNT, NOTE])]
  await expect(load([COUNT], records, rows)).rejects.toThrow(/TABLE_REFUSED/)
})
