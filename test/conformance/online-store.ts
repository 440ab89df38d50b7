/**
 * What every `OnlineStore` promises (docs/semantics.md: versions, partitions, markers, time to live). Run for each
 * adapter; what adapters may do differently is a trait.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type {
  Marker,
  MarkerAdvance,
  OnlineStore,
  OnlineValue,
  OnlineVersion,
} from '../../src/engine/ports.ts'
import { fc } from '../support/properties.ts'

export interface OnlineStoreUnderTest {
  /** Opens the one store of this object; not while it is open. The clock counts where the test's is the store's. */
  open(nowMs: () => number): Promise<OnlineStore>
  /** What an operator may do while it is not open: everything is gone afterwards. */
  lose(): Promise<void>
}

export interface OnlineStoreTraits {
  /** Values expire by the test's clock; else by a clock of the store's own, in real time. */
  readonly clock: 'given' | 'own'
  /** Fields come in the order in which they were written. */
  readonly keepsFieldOrder: boolean
  /** What is read as time to live: as it was written, or what is left of it. */
  readonly ttl: 'written' | 'left'
  /** A walk passes a value once, or now and then again. */
  readonly walk: 'once' | 'again'
}

export const EMBEDDED: OnlineStoreTraits = {
  clock: 'given',
  keepsFieldOrder: true,
  ttl: 'written',
  walk: 'once',
}

type Create = () => Promise<OnlineStoreUnderTest>

const VIEW = 'activity:v1'
/** Longer than any test of a store with a clock of its own. */
const TTL_MS = 600_000

export function onlineValue(parts: Partial<OnlineValue> = {}): OnlineValue {
  return {
    view: VIEW,
    entity: 'user:1',
    partition: 0,
    version: { generation: 1, offset: 100, day: 19_000 },
    fields: [
      ['clicks_1d', '3'],
      ['spend_7d', '12.50'],
    ],
    nextDay: 19_001,
    watermark: 1_700_000_000_123,
    eventTime: 1_700_000_000_000,
    state: 'provisional',
    definition: 'abc123',
    ttlMs: TTL_MS,
    ...parts,
  }
}

function version(generation: number, offset: number, day: number): OnlineVersion {
  return { generation, offset, day }
}

function marker(parts: Partial<Marker> = {}): Marker {
  return { generation: 1, position: 10, asOf: 19_000, scanId: undefined, ...parts }
}

export function describeOnlineStore(
  name: string,
  create: Create,
  traits: OnlineStoreTraits = EMBEDDED,
): void {
  describe(`${name} as an OnlineStore`, () => {
    testValues(create, traits)
    testVersions(create)
    if (traits.clock === 'given') testTimeToLive(create)
    else testRealTimeToLive(create)
    testMarkers(create)
    testWalk(create, traits)
  })
}

async function openNew(create: Create): Promise<OnlineStore> {
  return (await create()).open(() => 0)
}

/** What is compared of a value: its fields in any order, its time to live apart. */
function content(value: OnlineValue | undefined): object | undefined {
  return value && { ...value, fields: new Map(value.fields), ttlMs: 0 }
}

async function readContent(store: OnlineStore, entity = 'user:1'): Promise<object | undefined> {
  return content(await store.read(VIEW, entity))
}

/** Advances as one who holds every write to be where it was. */
async function advance(
  store: OnlineStore,
  to: Marker,
  { partition = 0, expected }: { partition?: number; expected?: Marker } = {},
): Promise<MarkerAdvance> {
  const { incarnation } = store
  return store.advanceMarker(partition, to, { marker: expected, incarnation })
}

function testValues(create: Create, traits: OnlineStoreTraits): void {
  const shapes: readonly (readonly [string, Partial<OnlineValue>])[] = [
    ['a value with all of its envelope', {}],
    [
      'the all-empty value',
      { fields: [], nextDay: undefined, eventTime: undefined, state: 'final' },
    ],
    [
      'text of any kind and integers beyond 2^53',
      {
        entity: 'a|b%3Ac "\\\n😀',
        fields: [
          ['last_text', 'quote " back \\ line \n null \0 😀 é'],
          ['total_30d', '170141183460469231731687303715884105727'],
          ['10', 'named like a number'],
          ['2', 'and another'],
        ],
      },
    ],
    ['a value from before any event was accepted', { watermark: -Infinity }],
    [
      'an entity of several fields, percent-encoded, with what a pattern or a hash tag would take apart',
      { entity: 'a%7Cb|50%25|{x}*?[y]\\ \u{1f600}' },
    ],
    [
      'times and days before 1970',
      { eventTime: -5, watermark: -1_000, nextDay: -3, version: version(1, 0, -4) },
    ],
    ['an offset beyond 32 bits', { version: version(3, 2 ** 40 + 1, 19_000), partition: 70_000 }],
  ]
  for (const [title, parts] of shapes) {
    test(`reads back ${title}`, async () => {
      await using store = await openNew(create)
      const value = onlineValue(parts)
      expect(await store.write([value])).toEqual({ written: 1, refused: 0, foreign: [] })
      const found = await store.read(value.view, value.entity)
      expect(content(found)).toEqual(content(value))
      if (traits.ttl === 'written') expect(found?.ttlMs).toBe(value.ttlMs)
      else expect(found?.ttlMs).toSatisfy((ms: number) => ms > 0 && ms <= value.ttlMs)
    })
  }

  test('a feature that became null, and one that left the definition, are gone; the envelope is whole', async () => {
    await using store = await openNew(create)
    const wide = onlineValue({ fields: Array.from({ length: 40 }, (_, i) => [`f${i}_7d`, `${i}`]) })
    await store.write([wide])
    const narrow = onlineValue({
      version: version(1, 101, 19_000),
      fields: [['f7_7d', '1']],
      nextDay: undefined,
      eventTime: undefined,
    })
    await store.write([narrow])
    expect(await readContent(store)).toEqual(content(narrow))
    const empty = { ...narrow, version: version(1, 102, 19_000), fields: [] }
    await store.write([empty])
    expect(await readContent(store)).toEqual(content(empty))
  })

  test('a value may have 5,000 features, and texts of 100 kB', async () => {
    await using store = await openNew(create)
    const fields = Array.from({ length: 5_000 }, (_, i) => [`f${i}`, `${i}`] as const)
    const wide = onlineValue({ fields: [...fields, ['text', 'é'.repeat(50_000)]] })
    await store.write([wide, onlineValue({ entity: 'next' })])
    expect(await readContent(store)).toEqual(content(wide))
    expect(await readContent(store, 'next')).toEqual(content(onlineValue({ entity: 'next' })))
  })

  test('thousands of values in one call, and none', async () => {
    await using store = await openNew(create)
    expect(await store.write([])).toEqual({ written: 0, refused: 0, foreign: [] })
    const values = Array.from({ length: 4_321 }, (_, i) =>
      onlineValue({ entity: `e${i}`, watermark: i }),
    )
    expect((await store.write(values)).written).toBe(4_321)
    for (const i of [0, 99, 100, 1_999, 2_000, 4_320]) {
      expect((await store.read(VIEW, `e${i}`))?.watermark).toBe(i)
    }
  })

  test.runIf(traits.keepsFieldOrder)('fields come in the order of the columns', async () => {
    await using store = await openNew(create)
    const fields = ['z', 'a', 'clicks_7d', 'clicks_1d'].map((name) => [name, '1'] as const)
    await store.write([onlineValue({ fields })])
    expect((await store.read(VIEW, 'user:1'))?.fields).toEqual(fields)
  })

  test('views and entities that begin alike are told apart', async () => {
    await using store = await openNew(create)
    await store.write([
      onlineValue({ view: 'a:v1', entity: 'x', watermark: 1 }),
      onlineValue({ view: 'a:v11', entity: 'x', watermark: 2 }),
      onlineValue({ view: 'a:v1', entity: 'xy', watermark: 3 }),
    ])
    expect((await store.read('a:v1', 'x'))?.watermark).toBe(1)
    expect((await store.read('a:v11', 'x'))?.watermark).toBe(2)
    expect((await store.read('a:v1', 'xy'))?.watermark).toBe(3)
    expect(await store.read('a:v1', '')).toBeUndefined()
  })

  test('values survive reopening', async () => {
    const target = await create()
    {
      await using store = await target.open(() => 0)
      await store.write([onlineValue()])
    }
    await using store = await target.open(() => 0)
    expect(await readContent(store)).toEqual(content(onlineValue()))
  })

  test('several partitions may write at once', async () => {
    await using store = await openNew(create)
    const writes = Array.from({ length: 8 }, (_, partition) =>
      store.write(
        Array.from({ length: 50 }, (_, i) =>
          onlineValue({ partition, entity: `${partition}-${i}` }),
        ),
      ),
    )
    const results = await Promise.all(writes)
    expect(results.map(({ written }) => written)).toEqual(Array(8).fill(50))
    expect((await store.read(VIEW, '7-49'))?.partition).toBe(7)
  })
}

function testVersions(create: Create): void {
  /** Each case: held, offered, whether the offered one must win. Numbers, not text: 9 < 10 and 99 < 100. */
  const orders: readonly (readonly [OnlineVersion, OnlineVersion, boolean])[] = [
    [version(1, 9, 5), version(1, 10, 5), true],
    [version(1, 100, 5), version(1, 99, 5), false],
    [version(9, 500, 5), version(10, 1, 1), true],
    [version(10, 1, 1), version(9, 500, 9), false],
    [version(1, 10, 99), version(1, 10, 100), true],
    [version(1, 10, -1), version(1, 10, -2), false],
    [version(1, 11, 5), version(1, 10, 99), false],
    [version(1, 2 ** 40, 5), version(1, 2 ** 40 + 1, 5), true],
  ]
  for (const [held, offered, wins] of orders) {
    const text = ({ generation, offset, day }: OnlineVersion): string =>
      `${generation}.${offset}.${day}`
    const title = wins ? 'replaces' : 'never replaces'
    test(`T7 T8 version ${text(offered)} ${title} ${text(held)}`, async () => {
      await using store = await openNew(create)
      await store.write([onlineValue({ version: held, watermark: 1 })])
      const result = await store.write([onlineValue({ version: offered, watermark: 2 })])
      expect(result).toEqual({ written: wins ? 1 : 0, refused: wins ? 0 : 1, foreign: [] })
      expect((await store.read(VIEW, 'user:1'))?.watermark).toBe(wins ? 2 : 1)
    })
  }

  test('T15 repeating a write changes nothing and is counted as refused', async () => {
    await using store = await openNew(create)
    const values = [onlineValue(), onlineValue({ entity: 'user:2' })]
    await store.write(values)
    expect(await store.write(values)).toEqual({ written: 0, refused: 2, foreign: [] })
    const other = onlineValue({ fields: [['clicks_1d', '999']] })
    expect(await store.write([other])).toEqual({ written: 0, refused: 1, foreign: [] })
    expect(await readContent(store)).toEqual(content(onlineValue()))
  })

  test('of two values of an entity in one call the higher version stays, in any order', async () => {
    await using store = await openNew(create)
    const low = onlineValue({ version: version(1, 1, 1), watermark: 1 })
    const high = onlineValue({ version: version(1, 2, 1), watermark: 2 })
    expect((await store.write([low, high])).written).toBe(2)
    expect((await store.write([high, low])).refused).toBe(2)
    expect((await store.read(VIEW, 'user:1'))?.watermark).toBe(2)
  })

  test('T26 within a generation the lowest partition wins, whatever the offsets, and the other is reported', async () => {
    await using store = await openNew(create)
    await store.write([onlineValue({ partition: 2, version: version(1, 5, 1) })])
    const higher = onlineValue({ partition: 3, version: version(1, 900, 9) })
    expect(await store.write([higher])).toEqual({
      written: 0,
      refused: 0,
      foreign: [{ view: VIEW, entity: 'user:1', partition: 2 }],
    })
    const lower = onlineValue({ partition: 1, version: version(1, 1, 1) })
    expect(await store.write([lower])).toEqual({ written: 1, refused: 0, foreign: [] })
    expect((await store.read(VIEW, 'user:1'))?.partition).toBe(1)
  })

  test('T26 of thousands of values just the foreign ones are named, each with its holder', async () => {
    await using store = await openNew(create)
    const names = Array.from({ length: 500 }, (_, i) => `e${i}`)
    const held = names.filter((_, i) => i % 71 === 0)
    await store.write(held.map((entity, i) => onlineValue({ entity, partition: i % 2 })))
    const result = await store.write(names.map((entity) => onlineValue({ entity, partition: 5 })))
    expect(result).toMatchObject({ written: names.length - held.length, refused: 0 })
    expect(new Set(result.foreign)).toEqual(
      new Set(held.map((entity, i) => ({ view: VIEW, entity, partition: i % 2 }))),
    )
  })

  test('a higher generation wins over a lower partition', async () => {
    await using store = await openNew(create)
    await store.write([onlineValue({ partition: 0, version: version(1, 500, 9) })])
    const next = onlineValue({ partition: 6, version: version(2, 1, 1) })
    expect((await store.write([next])).written).toBe(1)
    const old = onlineValue({ partition: 0, version: version(1, 501, 9) })
    expect(await store.write([old])).toEqual({ written: 0, refused: 1, foreign: [] })
    expect((await store.read(VIEW, 'user:1'))?.partition).toBe(6)
  })

  test('T14 writes of an owner and a zombie, interleaved in any way, end in the highest version', async () => {
    await using store = await openNew(create)
    let round = 0
    const offered = fc.record({ offset: fc.nat(6), day: fc.nat(3), generation: fc.nat(2) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(offered, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 }),
        async (calls) => {
          round += 1
          const entity = `user:${round}`
          await Promise.all(
            calls.map((call) =>
              store.write(call.map((v) => onlineValue({ entity, version: v, watermark: rank(v) }))),
            ),
          )
          const highest = Math.max(...calls.flat().map(rank))
          expect((await store.read(VIEW, entity))?.watermark).toBe(highest)
        },
      ),
      { numRuns: 25, verbose: fc.VerbosityLevel.Verbose },
    )
  })
}

function rank({ generation, offset, day }: OnlineVersion): number {
  return generation * 10_000 + offset * 100 + day
}

function testTimeToLive(create: Create): void {
  test('a value is gone when its time to live has passed, and its version with it', async () => {
    let nowMs = 5_000
    await using store = await (await create()).open(() => nowMs)
    await store.write([onlineValue({ ttlMs: 1_000 })])
    nowMs = 5_999
    expect(await readContent(store)).toEqual(content(onlineValue()))
    nowMs = 6_000
    expect(await store.read(VIEW, 'user:1')).toBeUndefined()
    expect((await store.walk(VIEW, 0, undefined, 10)).values).toEqual([])
    const older = onlineValue({ version: version(1, 1, 1) })
    expect((await store.write([older])).written).toBe(1)
    expect(await readContent(store)).toEqual(content(older))
  })

  test('writing the same version again renews the time to live', async () => {
    let nowMs = 0
    await using store = await (await create()).open(() => nowMs)
    await store.write([onlineValue({ ttlMs: 1_000 })])
    nowMs = 900
    expect((await store.write([onlineValue({ ttlMs: 1_000 })])).refused).toBe(1)
    nowMs = 1_899
    expect(await readContent(store)).toEqual(content(onlineValue()))
    nowMs = 1_900
    expect(await store.read(VIEW, 'user:1')).toBeUndefined()
  })

  test('a refused value of a lower version renews nothing', async () => {
    let nowMs = 0
    await using store = await (await create()).open(() => nowMs)
    await store.write([onlineValue({ ttlMs: 1_000 })])
    nowMs = 900
    await store.write([onlineValue({ version: version(1, 1, 1), ttlMs: 9_000 })])
    nowMs = 1_000
    expect(await store.read(VIEW, 'user:1')).toBeUndefined()
  })

  test('the clock of the store is the one it was given', async () => {
    await using store = await (await create()).open(() => 77)
    expect(await store.nowMs()).toBe(77)
  })
}

/** The same where the store has a clock of its own: times to live of a second and less. */
function testRealTimeToLive(create: Create): void {
  test('a value is gone when its time to live has passed, and its version with it', async () => {
    await using store = await openNew(create)
    await store.write([onlineValue({ ttlMs: 400 }), onlineValue({ entity: 'stays' })])
    expect(await readContent(store)).toEqual(content(onlineValue()))
    await sleep(450)
    expect(await readContent(store)).toBeUndefined()
    const { values } = await store.walk(VIEW, 0, undefined, 10)
    expect(values.filter(({ entity }) => entity === 'user:1')).toEqual([])
    const older = onlineValue({ version: version(1, 1, 1) })
    expect((await store.write([older])).written).toBe(1)
    expect(await readContent(store)).toEqual(content(older))
  })

  test('T5 writing the same version again renews the time to live, a lower version does not', async () => {
    await using store = await openNew(create)
    const entities = ['renewed', 'refused']
    await store.write(entities.map((entity) => onlineValue({ entity, ttlMs: 600 })))
    const same = onlineValue({ entity: 'renewed', ttlMs: 60_000 })
    const lower = onlineValue({ entity: 'refused', ttlMs: 60_000, version: version(1, 1, 1) })
    expect((await store.write([same, lower])).refused).toBe(2)
    await sleep(650)
    expect(await readContent(store, 'renewed')).toEqual(content(same))
    expect(await readContent(store, 'refused')).toBeUndefined()
  })

  test('the store tells its own clock', async () => {
    await using store = await openNew(create)
    expect(Math.abs((await store.nowMs()) - Date.now())).toBeLessThan(5_000)
  })
}

function testMarkers(create: Create): void {
  test('a marker is kept per partition and survives reopening', async () => {
    const target = await create()
    const other = marker({ scanId: 'scan-1', position: 2 ** 41 })
    {
      await using store = await target.open(() => 0)
      expect(await store.marker(0)).toBeUndefined()
      expect(await advance(store, marker())).toEqual({ outcome: 'advanced', stored: marker() })
      expect(await advance(store, other, { partition: 1 })).toEqual({
        outcome: 'advanced',
        stored: other,
      })
    }
    await using store = await target.open(() => 10 ** 15)
    expect(await store.marker(0)).toEqual(marker())
    expect(await store.marker(1)).toEqual(other)
    expect(await store.marker(10)).toBeUndefined()
  })

  const steps: readonly (readonly [Partial<Marker>, boolean])[] = [
    [{ position: 11 }, true],
    [{ position: 9 }, false],
    [{ position: 9, asOf: 30_000 }, false],
    [{ position: 100, asOf: 1 }, true],
    [{ asOf: 19_001 }, true],
    [{ asOf: 18_999 }, false],
    [{ generation: 2, position: 0, asOf: 0 }, true],
    [{ generation: 0, position: 99, asOf: 30_000 }, false],
    [{ scanId: 'scan-2' }, true],
    [{}, true],
  ]
  for (const [parts, advances] of steps) {
    test(`marker ${JSON.stringify(parts)} ${advances ? 'replaces' : 'does not replace'} one at generation 1, position 10, as of 19000`, async () => {
      await using store = await openNew(create)
      expect(await store.marker(0)).toBeUndefined()
      await advance(store, marker())
      const stored = advances ? marker(parts) : marker()
      const outcome = advances ? 'advanced' : 'ahead'
      expect(await advance(store, marker(parts))).toEqual({ outcome, stored })
      expect(await store.marker(0)).toEqual(stored)
    })
  }

  test('a scan id goes when its scan has ended', async () => {
    await using store = await openNew(create)
    expect(await store.marker(0)).toBeUndefined()
    await advance(store, marker({ scanId: 'scan-1' }))
    expect(await store.marker(0)).toEqual(marker({ scanId: 'scan-1' }))
    await advance(store, marker({ position: 11 }))
    expect(await store.marker(0)).toEqual(marker({ position: 11 }))
  })

  /** Expected, stored, whether data was lost in between. */
  const losses: readonly (readonly [Partial<Marker>, Partial<Marker> | undefined, boolean])[] = [
    [{}, undefined, true],
    [{}, {}, false],
    [{ position: 11 }, {}, true],
    [{ asOf: 19_001 }, {}, true],
    [{ generation: 2, position: 1 }, {}, true],
    [{ position: 9 }, {}, false],
    [{}, { scanId: 'another' }, false],
    [{ position: 9, asOf: 19_500 }, {}, false],
  ]
  for (const [last, stored, isLost] of losses) {
    const held = stored === undefined ? 'none' : JSON.stringify(stored)
    test(`where ${JSON.stringify(last)} is expected and ${held} is stored, ${isLost ? 'data was lost and nothing is written' : 'nothing was lost'}`, async () => {
      await using store = await openNew(create)
      expect(await store.marker(0)).toBeUndefined()
      if (stored) await advance(store, marker(stored))
      const to = marker({ generation: 2, position: 500 })
      const result = await advance(store, to, { expected: marker(last) })
      const after = isLost ? stored && marker(stored) : to
      expect(result).toEqual({ outcome: isLost ? 'lost' : 'advanced', stored: after })
      expect(await store.marker(0)).toEqual(after)
    })
  }

  test('a store that is ahead and has lost nothing says ahead, also to one that expected less', async () => {
    await using store = await openNew(create)
    expect(await store.marker(0)).toBeUndefined()
    await advance(store, marker({ position: 50 }))
    const result = await advance(store, marker({ position: 20 }), { expected: marker() })
    expect(result).toEqual({ outcome: 'ahead', stored: marker({ position: 50 }) })
  })

  test('of owner and zombie that advance at once the higher marker stays', async () => {
    await using store = await openNew(create)
    expect(await store.marker(0)).toBeUndefined()
    const positions = Array.from({ length: 40 }, (_, i) => 10 + ((i * 17) % 40))
    await Promise.all(positions.map((position) => advance(store, marker({ position }))))
    expect(await store.marker(0)).toEqual(marker({ position: 49 }))
  })

  test('a marker that was taken away is as good as lost, and no other one is', async () => {
    const store = await openNew(create)
    try {
      await store.forgetMarker(0)
      for (const partition of [0, 1]) {
        await store.marker(partition)
        await advance(store, marker({ scanId: 'scan-1' }), { partition })
      }
      await store.forgetMarker(0)
      expect(await store.marker(0)).toBeUndefined()
      expect(await store.marker(1)).toEqual(marker({ scanId: 'scan-1' }))
      const to = marker({ position: 11 })
      expect(await advance(store, to, { expected: marker() })).toEqual({
        outcome: 'lost',
        stored: undefined,
      })
      expect(await advance(store, to)).toEqual({ outcome: 'advanced', stored: to })
    } finally {
      await store[Symbol.asyncDispose]()
    }
  })

  test('a lost store shows by its missing marker', async () => {
    const target = await create()
    {
      await using store = await target.open(() => 0)
      await store.write([onlineValue()])
      await advance(store, marker())
    }
    await target.lose()
    await using store = await target.open(() => 0)
    expect(await store.marker(0)).toBeUndefined()
    expect(await store.read(VIEW, 'user:1')).toBeUndefined()
    const to = marker({ position: 11 })
    expect(await advance(store, to, { expected: marker() })).toEqual({
      outcome: 'lost',
      stored: undefined,
    })
    expect((await advance(store, to)).outcome).toBe('advanced')
  })
}

function testWalk(create: Create, traits: OnlineStoreTraits): void {
  test('a walk passes every value of its view and partition once, in pages, also while they are rewritten', async () => {
    await using store = await openNew(create)
    const names = Array.from({ length: 37 }, (_, i) => `user:${i}`)
    await store.write(
      names.flatMap((entity, i) => [
        onlineValue({ entity, partition: i % 2 }),
        onlineValue({ entity, view: 'activity:v2' }),
      ]),
    )
    for (const limit of [1, 5, 100]) {
      const seen: string[] = []
      let cursor: string | undefined
      let offset = limit * 1_000
      do {
        const page = await store.walk(VIEW, 1, cursor, limit)
        expect(page.values.length).toBeLessThanOrEqual(limit)
        seen.push(...page.values.map(({ entity }) => entity))
        await store.write(page.values.map((v) => ({ ...v, version: version(1, (offset += 1), 1) })))
        cursor = page.next
      } while (cursor !== undefined)
      const wanted = names.filter((_, i) => i % 2 === 1)
      expect(new Set(seen)).toEqual(new Set(wanted))
      if (traits.walk === 'once') expect(seen).toHaveLength(wanted.length)
    }
  })
  test('a walk passes every value that was there throughout, while thousands come and go', async () => {
    await using store = await openNew(create)
    const names = Array.from({ length: 1_500 }, (_, i) => `stays:${i}`)
    await store.write(names.map((entity) => onlineValue({ entity })))
    const seen = new Set<string>()
    let cursor: string | undefined
    let round = 0
    do {
      const page = await store.walk(VIEW, 0, cursor, 100)
      for (const { entity } of page.values) seen.add(entity)
      round += 1
      if (round <= 10) {
        const come = Array.from({ length: 300 }, (_, i) => `comes:${round}:${i}`)
        await store.write(come.map((entity) => onlineValue({ entity, partition: 1 })))
      }
      cursor = page.next
    } while (cursor !== undefined)
    expect(names.filter((name) => !seen.has(name))).toEqual([])
  })
}
