/** Records written anew by their bytes and tile by tile: one result. */
import { expect, test } from 'vitest'
import { renewed, renewedByTile } from '../../src/leveldb/renewal.ts'
import { encodeSettled, type StoredTile } from '../../src/leveldb/tile-record.ts'
import { fc } from '../support/properties.ts'

const FIRST_DAY = -3

/** Days ascending, not always one after the other. */
function tiles(from: number, count: { minLength: number; maxLength: number }) {
  const tile = fc.record({
    gap: fc.constantFrom(1, 1, 1, 2, 40, 300),
    offset: fc.oneof(fc.nat(300), fc.nat(2 ** 40)),
    bytes: fc.uint8Array({ maxLength: 200 }),
  })
  return fc.array(tile, count).map((list): StoredTile[] => {
    let day = from
    return list.map(({ gap, offset, bytes }) => ({ day: (day += gap), offset, bytes }))
  })
}

const record = fc.record({
  evictedOffset: fc.oneof(fc.constant(-1), fc.nat(2 ** 40)),
  tiles: tiles(FIRST_DAY, { minLength: 0, maxLength: 12 }),
})

test('a renewed record has the same bytes, copied or tile by tile (seed printed on failure)', () => {
  const ways = { copied: 0, byTile: 0 }
  fc.assert(
    fc.property(
      record,
      fc.boolean(),
      fc.integer({ min: -5, max: 400 }),
      fc.integer({ min: -8, max: 60 }),
      tiles(0, { minLength: 0, maxLength: 4 }),
      (before, isNew, keptFrom, distance, added) => {
        const value = isNew ? undefined : encodeSettled(before)
        const last = before.tiles.at(-1)?.day ?? FIRST_DAY
        const put = added.map((tile) => ({ ...tile, day: tile.day + last + distance }))
        expect([...renewed(value, put, keptFrom)]).toEqual([...renewedByTile(value, put, keptFrom)])
        ways[distance >= 0 && last >= keptFrom ? 'copied' : 'byTile'] += 1
      },
    ),
    { numRuns: 1_000 },
  )
  expect(Math.min(ways.copied, ways.byTile)).toBeGreaterThan(100)
})

test('a tile after the last one is appended, and the oldest go with their highest offset kept', () => {
  const stored = (day: number, offset: number): StoredTile => ({
    day,
    offset,
    bytes: new Uint8Array([day]),
  })
  const value = encodeSettled({
    evictedOffset: 7,
    tiles: [stored(1, 90), stored(2, 40), stored(5, 60)],
  })
  const wanted = encodeSettled({ evictedOffset: 90, tiles: [stored(5, 60), stored(6, 95)] })
  expect([...renewed(value, [stored(6, 95)], 3)]).toEqual([...wanted])
})

test('a record that ends too early is refused, not copied', () => {
  const value = encodeSettled({
    evictedOffset: -1,
    tiles: [{ day: 1, offset: 1, bytes: new Uint8Array(9) }],
  })
  const cut = value.subarray(0, value.length - 1)
  const next = { day: 2, offset: 2, bytes: new Uint8Array(1) }
  expect(() => renewed(cut, [next], 0)).toThrow('[STATE_DAMAGED]')
})
