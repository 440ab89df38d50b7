/** A history that writer and checker both know: what is written at an offset, and what must be there after it. */
import { expect } from 'vitest'
import type { MaintenanceBounds, PartitionState, TileWrite } from '../../src/engine/ports.ts'

export const BATCH = 200
const ENTITIES = 3_000
const RECORDS_PER_DAY = 4_000
const WINDOW_DAYS = 3

function dayAt(offset: number): number {
  return Math.floor(offset / RECORDS_PER_DAY)
}

/** Tiles of the records from `offset` on; some are late, of a day that may have settled. */
export function tilesAt(offset: number): TileWrite[] {
  return Array.from({ length: BATCH }, (_, i) => {
    const at = offset + i
    const day = Math.max(0, dayAt(at) - (at % 17 === 0 ? 1 + (at % 2) : 0))
    const entity = `user:${(at * 7919) % ENTITIES}`
    return { view: 0, slot: at % 4, entity, day, offset: at, bytes: Buffer.from(`${at}`) }
  })
}

export function boundsAt(offset: number): MaintenanceBounds {
  const day = dayAt(offset)
  return {
    settleBefore: day,
    evictBefore: [day - WINDOW_DAYS],
    forgetIdsBefore: 0,
    limit: 500,
  }
}

/** Compares a state with the history up to its own offset: nothing lost, nothing too much, no batch by half. */
export async function expectHistory(state: Pick<PartitionState, 'head' | 'scan'>): Promise<void> {
  const end = state.head?.nextOffset ?? 0
  const keptFrom = dayAt(end) - WINDOW_DAYS
  const expected = new Map<string, number>()
  // A record's tile is never of a later day than its place in the log, so earlier batches reach no kept day.
  for (let offset = Math.max(0, keptFrom) * RECORDS_PER_DAY; offset < end; offset += BATCH) {
    for (const { slot, entity, day, offset: at } of tilesAt(offset)) {
      if (day >= keptFrom) expected.set(`${slot} ${entity} ${day}`, at)
    }
  }
  const found = new Map<string, number>()
  for (const slot of [0, 1, 2, 3]) {
    const entities = await state.scan(0, slot, undefined, 10 ** 6)
    for (const { entity, tiles } of entities) {
      for (const { day, bytes } of tiles) {
        if (day >= keptFrom)
          found.set(`${slot} ${entity} ${day}`, Number(Buffer.from(bytes).toString()))
      }
    }
  }
  expect(found.size).toBe(expected.size)
  expect([...expected].filter(([key, at]) => found.get(key) !== at).slice(0, 3)).toEqual([])
}
