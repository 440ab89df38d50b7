/** Corners of a regrouping, one by one: what random logs reach too seldom to be told by, and what is refused. */
import { describe, expect, test } from 'vitest'
import { homeOfText } from '../../src/core/home.ts'
import { partitionerNamed } from '../../src/core/partitioner.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import type { StateHead } from '../../src/engine/ports.ts'
import { DAY_MS } from '../support/builders.ts'
import type { RawRecord } from '../support/raw-record.ts'
import { resolveText } from '../support/resolve-text.ts'
import { differences, goneOn, grow } from './regrouping-world.ts'
import type { Growing, Grown } from './regrouping-world.ts'

const FIRST_MS = Date.UTC(2026, 0, 1)
const FIRST_DAY = FIRST_MS / DAY_MS
const PARTITIONS = 3

const DOCUMENT = `
name: shop
source:
  files: ./log
  format: json
  key: user
  fields: { user: string, n: int64 }
  event: { id: id, duplicatesWithin: 24h, time: { field: at, format: ms } }
time: { outOfOrderness: 0s, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 3d]
    features: { events: { count: "*" }, sum: { sum: n }, first: { first: n }, last: { last: n } }
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 2 } }
state: ./state
commit: { records: 3 }
`

function pipeline(): Pipeline {
  const found = resolveText(DOCUMENT, '/regrouping')
  return { ...found, rejects: { ...found.rejects, limit: 1 } }
}

function homeOf(user: string): number {
  const murmur2 = partitionerNamed('murmur2')
  if (murmur2 === undefined) throw new Error('murmur2 is known')
  return homeOfText(murmur2, PARTITIONS)(user)
}

/** Names whose keys lie in a partition now. */
function userOf(partition: number, nth = 0): string {
  const names = Array.from({ length: 100 }, (_, index) => `user-${index}`)
  const found = names.filter((name) => homeOf(name) === partition)[nth]
  if (found === undefined) throw new Error(`a key of partition ${partition}`)
  return found
}

interface Event {
  readonly user: string
  /** Days since the first. */
  readonly day: number
  readonly n?: number
  readonly id?: string
}

function records(events: readonly Event[], origin = 0): RawRecord[] {
  return events.map(({ user, day, n = 1, id }, index) => {
    const at = Math.round(FIRST_MS + day * DAY_MS)
    const value = JSON.stringify({ user, n, at, id: id ?? `${user} ${day} ${index} ${origin}` })
    return { offset: origin + index, timestamp: at, key: user, value }
  })
}

/** @param old by partition; `then`: where their keys lie now */
function growing(old: readonly (readonly Event[])[], then: readonly Event[]): Growing {
  const origins = Array.from({ length: PARTITIONS }, (_, partition) => old[partition]?.length ?? 0)
  return {
    partitioner: 'murmur2',
    log: {
      old: old.map((events, partition) => ({ partition, records: records(events) })),
      parts: origins.map((origin, partition) => {
        const own = then.filter(({ user }) => homeOf(user) === partition)
        return { partition, origin, records: records(own, origin) }
      }),
      home: ({ fields }) => homeOf(String(fields.get('user'))),
    },
  }
}

function daily(user: string, from: number, to: number): Event[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({ user, day: from + index + 0.5 }))
}

async function runAndCompare(grown: Grown): Promise<string> {
  const place = grown.world.place()
  expect(await grown.world.run(grown.plan, place)).toBeDefined()
  return differences(grown, place)
}

describe('regrouping', () => {
  test('rows that only the slower partition may still write are whole for entities of the faster one, whose tiles are dropped', async () => {
    const [fast, slow] = [userOf(2), userOf(0)]
    const then = [...daily(fast, 31, 33), ...daily(slow, 31, 33)]
    const grown = await grow(pipeline(), growing([daily(fast, 0, 30), daily(slow, 0, 10)], then))
    expect(grown.plan.staged.first).toBe(FIRST_DAY + 10)
    expect(await runAndCompare(grown)).toBe('')
  })

  test('an event that is too late for the faster partition is too late for an entity of the slower one, too', async () => {
    const [fast, slow] = [userOf(2), userOf(0)]
    const then = [{ user: slow, day: 11.5 }, ...daily(fast, 31, 32)]
    const grown = await grow(pipeline(), growing([daily(fast, 0, 30), daily(slow, 0, 10)], then))
    const place = grown.world.place()
    await grown.world.run(grown.plan, place)
    expect(await differences(grown, place)).toBe('')
    const { rejects } = await (await goneOn(grown, place)).sinks()
    expect(rejects).toMatchObject([{ partition: 0, reason: 'too_late' }])
  })

  test('an entity that was in two old partitions is merged in their order: ties of first and last by it', async () => {
    const user = userOf(2)
    const old = [
      [
        { user, day: 0.5, n: 1 },
        { user, day: 0.6, n: 2 },
      ],
      [
        { user, day: 0.5, n: 3 },
        { user, day: 0.6, n: 4 },
      ],
    ]
    const grown = await grow(pipeline(), growing(old, [{ user, day: 0.6, n: 5 }]))
    const place = grown.world.place()
    await grown.world.run(grown.plan, place)
    const next = await goneOn(grown, place)
    const value = await next.online.read('activity:v1', user)
    expect(Object.fromEntries(value?.fields ?? [])).toMatchObject({
      events_1d: '5',
      sum_1d: '15',
      first_1d: '1',
      last_1d: '5',
    })
    expect(value).toMatchObject({ partition: 2, version: { generation: 2, offset: 0 } })
  })

  test('an id that another old partition has seen is a duplicate', async () => {
    const [user, other] = [userOf(2), userOf(0)]
    const old = [[{ user: other, day: 0.5, id: 'x' }], [{ user, day: 0.6 }]]
    const grown = await grow(pipeline(), growing(old, [{ user, day: 0.7, id: 'x' }]))
    expect(await runAndCompare(grown)).toBe('')
  })

  test('days that a tick had closed in one partition are closed in all, and their rows are published with the others', async () => {
    const [fast, slow] = [userOf(2), userOf(1)]
    const old = [daily(fast, 0, 3), daily(slow, 0, 3)]
    const grown = await grow(pipeline(), {
      ...growing(old, []),
      before: ({ disks: [disk] }) => {
        if (disk?.head === undefined) throw new Error('the owner has run')
        const head = JSON.parse(disk.head) as StateHead
        const closedDay = FIRST_DAY + 5
        disk.head = JSON.stringify({ ...head, time: { ...head.time, closedDay } })
      },
    })
    const result = await grown.world.run(grown.plan, grown.world.place())
    expect(grown.plan.record.regrouped?.closedDay).toBe(FIRST_DAY + 5)
    expect(result?.partitions.map(({ closedDay }) => closedDay)).toEqual(
      Array.from({ length: PARTITIONS }, () => FIRST_DAY + 5),
    )
  })

  test('a partition that was added and has no record yet tells what it was handed', async () => {
    const user = userOf(2)
    const grown = await grow(pipeline(), growing([daily(user, 0, 3), daily(userOf(0), 0, 3)], []))
    const place = grown.world.place()
    await grown.world.run(grown.plan, place)
    const next = await goneOn(grown, place)
    expect(await next.online.read('activity:v1', user)).toMatchObject({
      partition: 2,
      version: { generation: 2, offset: -1 },
    })
  })

  test('it comes alone, and not before where the owner stands', async () => {
    const how = growing([daily(userOf(2), 0, 3)], [])
    await expect(grow(pipeline(), { ...how, wish: { onlyRange: true } })).rejects.toThrow(
      /had 1 partitions and has 3 now: entities are regrouped first/,
    )
    await expect(grow(pipeline(), { ...how, ends: [3] })).rejects.toThrow(
      /the owner of partition 0 stands at offset 4/,
    )
    await expect(grow(pipeline(), { ...how, ends: [9] })).rejects.toThrow(
      /partition 0 ends at offset 4, before 9/,
    )
  })
})
