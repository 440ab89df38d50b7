/**
 * What every `PartitionState` promises (docs/semantics.md, docs/exactly-once.md). Run for each adapter; a store is made, opened, disposed and opened
 * again, as a process would.
 */
import { describe, expect, test } from 'vitest'
import type { SeenId } from '../../src/core/event.ts'
import type { Milestone, PartitionState } from '../../src/engine/ports.ts'
import {
  ADVERSARIAL_ENTITIES,
  NEVER,
  type StateUnderTest,
  byUtf8,
  maintainAll,
  shown,
  stateCommit,
  stateHead,
  textOf,
  tile,
} from './state-fixtures.ts'
import { testAgainstModel } from './state-random.ts'
import { testSnapshots } from './state-snapshot.ts'

export function describePartitionState(name: string, create: () => Promise<StateUnderTest>): void {
  describe(`${name} as a PartitionState`, () => {
    testCommits(create)
    testDays(create)
    testScan(create)
    testSnapshots(create)
    testAgainstModel(create)
  })
}

type Create = () => Promise<StateUnderTest>

function testCommits(create: Create): void {
  test('a new store has no head, and reads answer that nothing is known', async () => {
    await using state = await (await create()).open()
    expect(state.head).toBeUndefined()
    expect(await state.tiles(0, [{ slot: 0, entity: 'a', day: 1 }])).toEqual([undefined])
    expect(await state.entities(0, [{ slot: 0, entity: 'a' }])).toEqual([undefined])
    expect(await state.scan(0, 0, undefined, 10)).toEqual([])
    expect(await state.ids(['x'])).toEqual([undefined])
    expect(await state.milestones()).toEqual([])
    expect((await state.dirtySlots()).size).toBe(0)
  })

  test('T21 head, tiles, ids, milestones and dirty slots of a commit are there together after reopening', async () => {
    const store = await create()
    const milestone: Milestone = {
      day: 4,
      generation: 1,
      offset: 9,
      watermark: 11.5,
      maxEventTime: -3,
      newestIdDay: -Infinity,
      timestamp: NaN,
    }
    {
      await using state = await store.open()
      await state.commit(
        stateCommit(10, {
          tiles: [tile('a', 5, 9)],
          ids: [{ id: 'x', day: 5 }],
          milestones: [milestone],
          dirty: new Map([['rows 0 4 1', 2 ** 40]]),
        }),
      )
    }
    await using state = await store.open()
    expect(state.head).toEqual(JSON.parse(JSON.stringify(stateHead(10))))
    expect((await state.entities(0, [{ slot: 0, entity: 'a' }])).map(shown)).toEqual([
      { entity: 'a', offset: 9, tiles: [[5, '9']] },
    ])
    expect(await state.ids(['x', 'y'])).toEqual([5, undefined])
    expect(await state.milestones()).toEqual([milestone])
    expect([...(await state.dirtySlots())]).toEqual([['rows 0 4 1', 2 ** 40]])
  })

  test('every read sees what the last commit left, in the order asked for', async () => {
    await using state = await (await create()).open()
    await state.commit(stateCommit(3, { tiles: [tile('b', 1, 1), tile('a', 2, 2)] }))
    await state.commit(stateCommit(5, { tiles: [tile('b', 1, 4)] }))
    const keys = [
      { slot: 0, entity: 'b', day: 1 },
      { slot: 0, entity: 'c', day: 1 },
      { slot: 0, entity: 'a', day: 2 },
      { slot: 1, entity: 'a', day: 2 },
    ]
    expect((await state.tiles(0, keys)).map(textOf)).toEqual(['4', undefined, '2', undefined])
    expect(await state.tiles(1, keys)).toEqual([undefined, undefined, undefined, undefined])
    expect(state.head?.nextOffset).toBe(5)
  })

  test('bytes of a commit belong to the caller again when it resolves', async () => {
    await using state = await (await create()).open()
    const write = tile('a', 1, 1, 'kept')
    await state.commit(stateCommit(2, { tiles: [write] }))
    write.bytes.fill(0)
    const [found] = await state.tiles(0, [write])
    expect(textOf(found)).toBe('kept')
  })

  test('an id answers with its latest bucket until that bucket is forgotten', async () => {
    await using state = await (await create()).open()
    await state.commit(
      stateCommit(1, {
        ids: [
          { id: 'x', day: 3 },
          { id: 'y', day: 7 },
        ],
      }),
    )
    await state.commit(
      stateCommit(2, {
        ids: [
          { id: 'x', day: 5 },
          { id: 'z', day: 3 },
        ],
      }),
    )
    await state.commit(stateCommit(3, { ids: [{ id: 'x', day: 4 }] }))
    expect(await state.ids(['z', 'y', 'x', 'w'])).toEqual([3, 7, 5, undefined])
    await maintainAll(state, { forgetIdsBefore: 5, limit: 1 })
    expect(await state.ids(['x', 'y', 'z'])).toEqual([5, 7, undefined])
  })

  test('all ids come with all their buckets, a page at a time, whatever is in them', async () => {
    const store = await create()
    const ids = [...ADVERSARIAL_ENTITIES.slice(0, 20), 'x', 'y'].sort(byUtf8)
    const seen = [-3, 0, 7].flatMap((day) => ids.map((id) => ({ id, day })))
    {
      await using state = await store.open()
      await state.commit(stateCommit(1, { ids: seen.toReversed() }))
    }
    await using state = await store.open()
    const found: SeenId[] = []
    let after: SeenId | undefined
    do {
      const page = await state.scanIds(after, 5)
      found.push(...page)
      after = page.length < 5 ? undefined : page.at(-1)
    } while (after !== undefined)
    expect(found).toEqual(seen)
    expect(await state.scanIds(undefined, 1_000)).toEqual(seen)
  })

  test('tiles and dirty slots of before the first record have the offset -1, also once they have settled', async () => {
    const store = await create()
    const dirty = new Map([['slot', -1]])
    {
      await using state = await store.open()
      await state.commit(
        stateCommit(0, { tiles: [tile('a', 5, -1), tile('a', 6, -1), tile('b', 9, -1)], dirty }),
      )
    }
    await using state = await store.open()
    const a = { slot: 0, entity: 'a' }
    expect((await state.entities(0, [a]))[0]).toMatchObject({ offset: -1 })
    await maintainAll(state, { ...NEVER, settleBefore: 8 })
    expect((await state.entities(0, [a]))[0]).toMatchObject({ offset: -1 })
    await maintainAll(state, { ...NEVER, settleBefore: 8, evictBefore: [6] })
    expect((await state.entities(0, [a]))[0]).toMatchObject({ offset: -1, tiles: [{ day: 6 }] })
    await state.commit(stateCommit(1, { tiles: [tile('a', 6, 0)] }))
    expect((await state.entities(0, [a]))[0]).toMatchObject({ offset: 0 })
    expect(await state.dirtySlots()).toEqual(dirty)
  })

  test('milestones come ascending by day, from a day on, and stay through all house-keeping', async () => {
    await using state = await (await create()).open()
    const milestones = [-400, -1, 0, 1, 20_000].map((day) => ({
      day,
      generation: 2,
      offset: day + 1_000,
      watermark: 1,
      maxEventTime: 2,
      newestIdDay: 4,
      timestamp: 3,
    }))
    await state.commit(stateCommit(1, { milestones: milestones.toReversed() }))
    await maintainAll(state, {
      settleBefore: 30_000,
      evictBefore: [30_000],
      forgetIdsBefore: 30_000,
    })
    expect(await state.milestones()).toEqual(milestones)
    expect(await state.milestones(0)).toEqual(milestones.slice(2))
  })

  test('a dirty slot keeps the last offset, and one that is cleared and dirtied at once stays', async () => {
    await using state = await (await create()).open()
    await state.commit(
      stateCommit(1, {
        dirty: new Map([
          ['a', 1],
          ['b', 1],
          ['c', 1],
        ]),
      }),
    )
    await state.commit(stateCommit(9, { dirty: new Map([['a', 8]]), cleared: ['a', 'b'] }))
    expect(Object.fromEntries(await state.dirtySlots())).toEqual({ a: 8, c: 1 })
  })
}

function testDays(create: Create): void {
  test('a late record updates its one tile of a settled day in place', async () => {
    const store = await create()
    {
      await using state = await store.open()
      await state.commit(
        stateCommit(3, { tiles: [tile('a', 1, 0), tile('a', 2, 1), tile('a', 3, 2)] }),
      )
      await maintainAll(state, { settleBefore: 3 })
      await state.commit(stateCommit(9, { tiles: [tile('a', 1, 8, 'late'), tile('b', 0, 7)] }))
      expect((await state.tiles(0, [tile('a', 1, 0)])).map(textOf)).toEqual(['late'])
    }
    await using state = await store.open()
    expect((await state.scan(0, 0, undefined, 9)).map(shown)).toEqual([
      {
        entity: 'a',
        offset: 8,
        tiles: [
          [1, 'late'],
          [2, '1'],
          [3, '2'],
        ],
      },
      { entity: 'b', offset: 7, tiles: [[0, '7']] },
    ])
  })

  test('every read is the same before, between and after the pieces of settling', async () => {
    await using state = await (await create()).open()
    const entities = ADVERSARIAL_ENTITIES.map((entity) => ({ slot: 0, entity }))
    const tiles = entities.flatMap(({ entity }, i) =>
      [1, 2, 3, 4].slice(i % 3).map((day) => tile(entity, day, i * 10 + day)),
    )
    await state.commit(stateCommit(1_000, { tiles }))
    const before = (await state.entities(0, entities)).map(shown)
    for (let more = true; more;) {
      more = await state.maintain({ ...NEVER, settleBefore: 4 })
      expect((await state.entities(0, entities)).map(shown)).toEqual(before)
      expect((await state.tiles(0, tiles)).map(textOf)).toEqual(tiles.map((t) => textOf(t.bytes)))
      expect((await state.scan(0, 0, undefined, 99)).length).toBe(entities.length)
    }
  })

  test('eviction drops old tiles, an entity goes with its last tile, and its offset survives them', async () => {
    await using state = await (await create()).open()
    await state.commit(
      stateCommit(50, {
        tiles: [
          tile('gone', 1, 40),
          tile('kept', 1, 45),
          tile('kept', 20, 30),
          tile('new', 20, 31),
        ],
      }),
    )
    await maintainAll(state, { settleBefore: 10, evictBefore: [10] })
    expect((await state.scan(0, 0, undefined, 9)).map(shown)).toEqual([
      { entity: 'kept', offset: 45, tiles: [[20, '30']] },
      { entity: 'new', offset: 31, tiles: [[20, '31']] },
    ])
    await maintainAll(state, { settleBefore: 30, evictBefore: [15] })
    expect((await state.entities(0, [{ slot: 0, entity: 'kept' }])).map(shown)).toEqual([
      { entity: 'kept', offset: 45, tiles: [[20, '30']] },
    ])
    await maintainAll(state, { settleBefore: 60, evictBefore: [50] })
    expect(await state.scan(0, 0, undefined, 9)).toEqual([])
  })

  test('views are evicted each by its own bound', async () => {
    await using state = await (await create()).open()
    const tiles = [0, 1].flatMap((view) => [1, 8].map((day) => ({ ...tile('a', day, day), view })))
    await state.commit(stateCommit(50, { tiles }))
    await maintainAll(state, { settleBefore: 9, evictBefore: [5, -1_000] })
    const days = async (view: number): Promise<unknown> =>
      (await state.scan(view, 0, undefined, 9)).map((found) => found.tiles.map(({ day }) => day))
    expect(await days(0)).toEqual([[8]])
    expect(await days(1)).toEqual([[1, 8]])
  })
}

function testScan(create: Create): void {
  test('a scan goes through a slot in ascending order of UTF-8 bytes, in pages, loose and settled together', async () => {
    await using state = await (await create()).open()
    const expected = [...ADVERSARIAL_ENTITIES].sort(byUtf8)
    const settled = expected.filter((_, i) => i % 3 !== 0).map((entity) => tile(entity, 1, 1))
    await state.commit(stateCommit(5, { tiles: [...settled, { ...tile('other', 1, 1), slot: 1 }] }))
    await maintainAll(state, { settleBefore: 2 })
    const loose = expected.filter((_, i) => i % 2 === 0).map((entity) => tile(entity, 3, 3))
    const looser = expected.filter((_, i) => i % 5 === 0).map((entity) => tile(entity, 2, 2))
    await state.commit(stateCommit(6, { tiles: [...loose, ...looser] }))
    const present = expected.filter((_, i) => i % 3 !== 0 || i % 2 === 0 || i % 5 === 0)
    for (const limit of [1, 2, 3, 7, 100]) {
      expect(await scanAll(state, limit)).toEqual(present)
    }
  })

  test('a page that is shorter than its limit is the last one', async () => {
    await using state = await (await create()).open()
    const tiles = ['a', 'b', 'c'].map((entity) => tile(entity, 1, 1))
    await state.commit(stateCommit(5, { tiles }))
    expect((await state.scan(0, 0, undefined, 3)).length).toBe(3)
    expect((await state.scan(0, 0, 'c', 3)).length).toBe(0)
    expect((await state.scan(0, 0, 'aa', 3)).map(({ entity }) => entity)).toEqual(['b', 'c'])
  })
}

async function scanAll(state: PartitionState, limit: number): Promise<string[]> {
  const entities: string[] = []
  for (;;) {
    const page = await state.scan(0, 0, entities.at(-1), limit)
    expect(page.length).toBeLessThanOrEqual(limit)
    entities.push(...page.map(({ entity }) => entity))
    if (page.length < limit) return entities
  }
}
