/** Corners of a regrouping, one by one: what random logs reach too seldom to be told by, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { StateHead } from '../../src/engine/ports.ts'
import { differences, goneOn, grow } from './regrouping-world.ts'
import { daily, FIRST_DAY, growing, PARTITIONS, pipeline, userOf } from './growing-log.ts'
import type { Grown } from './regrouping-world.ts'

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

  test('a value whose entity no state has any more becomes that of the partition that was added, before it has a record', async () => {
    const gone = userOf(2)
    const old = [{ user: gone, day: 0.5 }, ...daily(userOf(0), 0, 12)]
    const grown = await grow(pipeline(), growing([old], []))
    const before = await grown.world.live.online.read('activity:v1', gone)
    expect(before).toMatchObject({ partition: 0, version: { generation: 1, offset: 0 } })
    const place = grown.world.place()
    await grown.world.run(grown.plan, place)
    const next = await goneOn(grown, place)
    expect(await next.online.read('activity:v1', gone)).toMatchObject({
      partition: 2,
      eventTime: undefined,
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
