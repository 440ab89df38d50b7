/** Time of a partition through the whole engine: poison, restarts, milestones, eviction, civil days. */
import { describe, expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import type { StateCommit } from '../../src/engine/ports.ts'
import { at, COUNT, DAY_MS, HOUR_MS, recordsAt, viewOf } from '../support/builders.ts'
import { Rig } from './rig.ts'

function reasons(rig: Rig): string[] {
  return [...rig.rejects.kept.values()].map(({ reason }) => reason)
}

test('T3 one stamp from the far future is refused before it can move the watermark', async () => {
  const rig = new Rig()
  const [first, poison, honest] = recordsAt([
    '2024-03-04 10:00',
    '2024-03-04 10:01',
    '2024-03-04 10:02',
  ])
  if (!first || !poison || !honest) throw new Error('three records')
  const value = JSON.stringify({ user: 'u', at: at('2030-01-01') })
  rig.appendRaw([first, { ...poison, value }, honest])
  await rig.runToEnd()
  expect(reasons(rig)).toEqual(['future'])
  expect(await rig.served()).toContain('n_1d=2')
  await rig.expectTheLaw()
})

test('T3 seconds given for millis, and dates before the floor, are refused with a reason that says so', async () => {
  const rig = new Rig()
  const [record] = recordsAt(['2024-03-04 10:00'])
  if (!record) throw new Error('a record')
  const stamped = (time: number): typeof record => ({
    ...record,
    value: JSON.stringify({ user: 'u', at: time }),
  })
  rig.appendRaw([
    stamped(at('2024-03-04') / 1000),
    stamped(at('1999-12-31')),
    stamped(at('2024-03-04') * 1000),
  ])
  await rig.runToEnd()
  expect(reasons(rig)).toEqual(['bad_timestamp', 'bad_timestamp', 'bad_timestamp'])
  expect([...rig.rejects.kept.values()].map(({ message }) => message).join('\n')).toMatch(/second/)
})

test('T4 lateness is judged by the same watermark after a restart as without one', async () => {
  //   03-04   03-06 | restart | 03-04 is too late (lateness 0), and would be on time for a fresh watermark
  const rig = new Rig({ time: { allowedLatenessMs: 0 } })
  rig.append(['2024-03-04 10:00', '2024-03-06 10:00'])
  await rig.runToEnd()
  rig.append(['2024-03-04 11:00'])
  await rig.runToEnd()
  expect(reasons(rig)).toEqual(['too_late'])
  await rig.expectTheLaw()
})

test('T20 a producer’s repeat is found by its id, also across a restart and as long as duplicatesWithin says', async () => {
  const rig = new Rig({ duplicatesWithinMs: DAY_MS })
  rig.append([{ at: '2024-03-04 10:00', id: 'a' }])
  await rig.runToEnd()
  rig.append([
    { at: '2024-03-04 10:00', id: 'a' },
    { at: '2024-03-05 23:59', id: 'b' },
    { at: '2024-03-04 10:00', id: 'a' },
    { at: '2024-03-06 00:00', id: 'c' },
    { at: '2024-03-05 10:00', id: 'a' },
  ])
  await rig.runToEnd()
  expect(rig.rows().at(-1)).toBe('2024-03-05 u n_1d=2 n_3d=3')
  await rig.expectTheLaw()
})

test('T21 offset and tiles are in one commit: a redelivered record is skipped by the offset in the state', async () => {
  const rig = new Rig({ fetch: 3 })
  rig.append(['2024-03-04 10:00', '2024-03-04 10:01', '2024-03-04 10:02', '2024-03-04 10:03'])
  const run = rig.start()
  await rig.clock.advance(1_000)
  await run.kill()
  await rig.runToEnd()
  for (const { head, tiles } of rig.done('state commit') as StateCommit[]) {
    for (const { offset } of tiles) expect(offset).toBeLessThan(head.nextOffset)
  }
  expect(await rig.served()).toContain('n_1d=4')
})

test('T18 sums of doubles are those of log order within a day and of day order across days', async () => {
  // 1 + 1 + 1e16 keeps both ones, 1e16 + 1 + 1 loses them. The late 1 is added to the tile of its own day.
  const sum = viewOf([3], [{ name: 's', aggregate: 'sum', field: 'w' }])
  const rig = new Rig({
    views: [sum],
    fields: { w: { kind: 'double' } },
    time: { allowedLatenessMs: 5 * DAY_MS },
  })
  rig.append([
    { at: '2024-03-04 10:00', w: 1 },
    { at: '2024-03-06 10:00', w: 1e16 },
    { at: '2024-03-05 11:00', w: 1 },
    { at: '2024-03-07 10:00', w: 0 },
  ])
  await rig.runToEnd()
  expect(rig.rows().at(-1)).toBe('2024-03-06 u s_3d=10000000000000002')
  await rig.expectTheLaw()
})

test('T19 min, max, first and last forget what leaves the window', async () => {
  const features = (['min', 'max', 'first', 'last'] as const).map((aggregate) => ({
    name: aggregate,
    aggregate,
    field: 'w',
  }))
  const rig = new Rig({ views: [viewOf([2], features)], fields: { w: { kind: 'int32' } } })
  rig.append([
    { at: '2024-03-04 10:00', w: 9 },
    { at: '2024-03-05 10:00', w: 5 },
    { at: '2024-03-06 10:00', w: 7 },
    '2024-03-07 10:00',
  ])
  await rig.runToEnd()
  expect(rig.rows()).toEqual([
    '2024-03-04 u min_2d=9 max_2d=9 first_2d=9 last_2d=9',
    '2024-03-05 u min_2d=5 max_2d=9 first_2d=9 last_2d=5',
    '2024-03-06 u min_2d=5 max_2d=7 first_2d=5 last_2d=7',
  ])
})

test('T28 counters beyond 2^53 are exact from the event to both sinks', async () => {
  const sum = viewOf([1], [{ name: 's', aggregate: 'sum', field: 'n' }])
  const rig = new Rig({ views: [sum], fields: { n: { kind: 'int64' } } })
  rig.appendRaw(
    recordsAt(['2024-03-04 10:00', '2024-03-04 10:01', '2024-03-05 10:00']).map((record, i) => {
      const n = ['9007199254740993', '9007199254740993', '9223372036854775807'][i] ?? '0'
      return { ...record, value: String(record.value).replace('}', `,"n":${n}}`) }
    }),
  )
  await rig.runToEnd()
  expect(rig.rows()).toEqual(['2024-03-04 u s_1d=18014398509481986'])
  expect(await rig.served()).toContain('s_1d=9223372036854775807')
})

test('tombstones are counted and change nothing, also as the last record of a batch of text that is not ASCII', async () => {
  const rig = new Rig()
  const [first] = recordsAt([{ at: '2024-03-04 10:00', user: 'Zoë 🦊' }])
  if (!first) throw new Error('a record')
  rig.appendRaw([{ ...first, value: null }, first, { ...first, value: null }])
  const { partitions } = await rig.runToEnd()
  expect(await rig.served('Zoë 🦊')).toContain('n_1d=1')
  expect(partitions[0]?.counts).toMatchObject({ accepted: 1, tombstone: 2 })
  await rig.expectTheLaw()
})

test('T23 days are those of the zone: one of 23 hours closes an hour earlier', async () => {
  // Berlin, 2024-03-31: 22:00Z .. 22:00Z of the next day minus one hour of summer time
  const rig = new Rig({ time: { zone: 'Europe/Berlin' } })
  const run = rig.start()
  rig.append(['2024-03-30 23:00', '2024-03-31 21:59'])
  await rig.clock.advance(2_000)
  expect(rig.rows()).toEqual([])
  rig.append(['2024-03-31 22:00'])
  await rig.clock.advance(2_000)
  expect(rig.rows()).toEqual(['2024-03-31 u n_1d=2 n_3d=2'])
  await run.stop()
})

describe('milestones', () => {
  test('per day the first offset after the close, with watermark and largest event time, kept for ever', async () => {
    //  offset    0        1        2 (late)   3 closes 03-05, 03-06
    const rig = new Rig({ time: { outOfOrdernessMs: HOUR_MS } })
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-04 12:00', '2024-03-07 01:00'])
    await rig.runToEnd()
    const drawn = [...(rig.disks[0]?.milestones.values() ?? [])].map(
      (one) =>
        `${formatDay(one.day)} at ${one.offset}, watermark ${new Date(one.watermark).toISOString().slice(5, 16)}`,
    )
    expect(drawn).toEqual([
      '2024-03-03 at 1, watermark 03-04T09:00',
      '2024-03-04 at 2, watermark 03-05T09:00',
      '2024-03-05 at 4, watermark 03-07T00:00',
      '2024-03-06 at 4, watermark 03-07T00:00',
    ])
  })
})

describe('eviction', () => {
  test('the state does not grow for ever, and nothing that anybody sees changes by it', async () => {
    const rig = new Rig({ time: { allowedLatenessMs: DAY_MS } })
    const run = rig.start()
    for (let date = 0; date < 40; date += 1) {
      const midnight = at('2024-03-04') + date * DAY_MS
      rig.appendRaw(
        recordsAt([{ at: '2024-03-04 10:00', user: `u${date % 7}` }]).map((record) => {
          const value = JSON.stringify({
            user: `u${date % 7}`,
            id: `e${date}`,
            at: midnight + HOUR_MS,
          })
          return { ...record, timestamp: midnight + HOUR_MS, value }
        }),
      )
      await rig.clock.advance(1_200)
    }
    const tiles = [...(rig.disks[0]?.records.values() ?? [])].flatMap((entities) =>
      [...entities.values()].flatMap((one) => [...one.tiles.keys()]),
    )
    expect(tiles.length).toBeLessThanOrEqual(8)
    expect(tiles.length).toBeGreaterThan(0)
    expect(rig.disks[0]?.ids.size ?? 0).toBeLessThanOrEqual(4)
    await run.stop()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('no tile goes while the table or the online store still needs it', async () => {
    const rig = new Rig({ views: [viewOf([1], [COUNT])], time: { allowedLatenessMs: 0 } })
    rig.hooks.set('table commit', () => new Promise(() => undefined))
    const run = rig.start()
    for (const date of ['04', '05', '06', '07', '08', '09']) {
      rig.append([`2024-03-${date} 10:00`])
      await rig.clock.advance(1_000)
    }
    await run.kill()
    await rig.runToEnd()
    await rig.expectTheLaw()
    expect(rig.rows()).toHaveLength(5)
  })

  test('house-keeping goes by the last commit: a death amid days that were folded and not committed takes nothing with it', async () => {
    for (let deathly = 2; deathly <= 8; deathly += 1) {
      const rig = new Rig({ fetch: 3 })
      rig.pipeline = { ...rig.pipeline, commit: { ...rig.pipeline.commit, recordsMax: 9 } }
      const days = Array.from({ length: 40 }, (_, day) => at('2024-03-04 10:00') + day * DAY_MS)
      // Each comes twice, and either may be the last one before a commit.
      for (const [number, ms] of days.entries()) {
        const event = { timestamp: ms, key: null, offset: 0 }
        const value = JSON.stringify({ user: 'u', id: `e${number}`, at: ms })
        rig.appendRaw([
          { ...event, value },
          { ...event, value },
        ])
      }
      let commits = 0
      const run = rig.start({ untilEnd: true })
      rig.hooks.set('state commit', () => {
        commits += 1
        return commits === deathly ? new Promise(() => undefined) : undefined
      })
      await rig.clock.advance(10_000)
      await run.kill()
      rig.hooks.clear()
      await rig.runToEnd()
      await rig.expectTheLaw()
    }
  })
})
