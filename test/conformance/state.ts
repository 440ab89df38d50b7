/**
 * What every `PartitionState` promises (spec 3 and 4). Run for each adapter; a store is made, opened, disposed and opened
 * again, as a process would.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type {
  EntityTiles,
  MaintenanceBounds,
  Milestone,
  PartitionState,
  StateCommit,
  StateHead,
  TileWrite,
} from '../../src/engine/ports.ts'
import { StateModel } from './state-model.ts'

export interface StateUnderTest {
  /** Opens the one store of this object; not while it is open. */
  open(): Promise<PartitionState>
}

export function stateHead(nextOffset: number): StateHead {
  return {
    format: 1,
    pipeline: 'shop',
    partition: 3,
    partitions: 4,
    logIdentity: 'log-1',
    generation: 1,
    origin: 0,
    nextOffset,
    time: {
      maxEventTime: 1_000,
      maxEventOffset: 7,
      ticked: undefined,
      closedDay: 19_000,
      tickCloses: [[19_001, 5]],
      completeFrom: 18_990,
    },
    views: [{ name: 'activity', version: 1, hash: 'abc', layouts: [['count *']] }],
    rejects: { judged: 1, rejected: 0 },
    counts: { accepted: 1 },
    online: undefined,
    table: { complete: [undefined] },
  }
}

export function stateCommit(nextOffset: number, parts: Partial<StateCommit> = {}): StateCommit {
  return {
    head: stateHead(nextOffset),
    tiles: [],
    ids: [],
    milestones: [],
    dirty: new Map(),
    cleared: [],
    ...parts,
  }
}

export function tile(entity: string, day: number, offset: number, text = `${offset}`): TileWrite {
  return { view: 0, slot: 0, entity, day, offset, bytes: new TextEncoder().encode(text) }
}

/** Tiles as text, so that a failure reads well. */
export function shown(found: EntityTiles | undefined): unknown {
  if (found === undefined) return undefined
  const tiles = found.tiles.map(({ day, bytes }) => [day, textOf(bytes)])
  return { entity: found.entity, offset: found.offset, tiles }
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

const NEVER: MaintenanceBounds = {
  settleBefore: -1_000,
  evictBefore: [-1_000, -1_000],
  forgetIdsBefore: -1_000,
  limit: 3,
}

export async function maintainAll(
  state: PartitionState,
  bounds: Partial<MaintenanceBounds>,
): Promise<void> {
  for (let rounds = 0; await state.maintain({ ...NEVER, ...bounds }); rounds += 1) {
    expect(rounds).toBeLessThan(10_000)
  }
}

/** Prefixes of each other, control characters, the ends of the UTF-8 ranges, and what UTF-16 sorts another way. */
export const ADVERSARIAL_ENTITIES = [
  '',
  '\0',
  '\0\0',
  ' ',
  'a',
  'a\0',
  'a\0b',
  'a|b',
  'ab',
  'abc',
  'user:1',
  'user:10',
  'user:2',
  '\x7f',
  '\x80',
  'ÿ',
  'ÿÿ',
  '߿',
  'ࠀ',
  '\ud7ff',
  '\ue000',
  '\uff5e',
  '\uffff',
  '\uffff\uffff',
  '😀',
  '😀a',
  '\u{10ffff}',
  '\u{10ffff}x',
]

export function byUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

export function describePartitionState(name: string, create: () => Promise<StateUnderTest>): void {
  describe(`${name} as a PartitionState`, () => {
    testCommits(create)
    testDays(create)
    testScan(create)
    testModel(create)
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

  test('milestones come ascending by day, from a day on, and stay through all house-keeping', async () => {
    await using state = await (await create()).open()
    const milestones = [-400, -1, 0, 1, 20_000].map((day) => ({
      day,
      generation: 2,
      offset: day + 1_000,
      watermark: 1,
      maxEventTime: 2,
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
    entities.push(...page.map(({ entity }) => entity))
    if (page.length < limit) return entities
  }
}

function testModel(create: Create): void {
  test('random commits, house-keeping and restarts read as a plain map of tiles does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const store = await create()
        const model = new StateModel()
        let state = await store.open()
        try {
          for (const [index, next] of steps.entries()) {
            if (next.kind === 'reopen') {
              await state[Symbol.asyncDispose]()
              state = await store.open()
            } else if (next.kind === 'maintain') {
              model.advance(next.days)
              for (let i = 0; i < next.calls; i += 1) await state.maintain(model.bounds(next.limit))
            } else {
              const offset = index * 100
              const writes = next.tiles.map((write, i) =>
                model.place({ ...write, offset: offset + i }),
              )
              model.write(writes)
              await state.commit(stateCommit(offset + 100, { tiles: writes }))
            }
            await model.check(state)
          }
        } finally {
          await state[Symbol.asyncDispose]()
        }
      }),
      { numRuns: 25, verbose: fc.VerbosityLevel.Verbose },
    )
  }, 60_000)
}

const write = fc.record({
  view: fc.integer({ min: 0, max: 1 }),
  slot: fc.constantFrom(0, 1, 65_535),
  entity: fc.constantFrom(...ADVERSARIAL_ENTITIES),
  /** Days before the newest. */
  age: fc.integer({ min: 0, max: 9 }),
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      tiles: fc.array(write, { maxLength: 30 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('maintain' as const),
      days: fc.integer({ min: 0, max: 2 }),
      calls: fc.integer({ min: 1, max: 6 }),
      limit: fc.constantFrom(1, 2, 5, 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
)
