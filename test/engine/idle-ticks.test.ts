/** Idle ticks: what moves days on when the log is quiet, and what they may not decide. */
import { describe, expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import { TidemarkError } from '../../src/errors.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { at, day } from '../support/builders.ts'
import { Rig, type RigParts } from './rig.ts'

const SECOND_MS = 1_000
/** Small, since the engine asks twenty times a second. */
const IDLE_MS = 5 * SECOND_MS

/** The wall clock says 23:59:50 of the day of the first event. */
function rigOf(parts: RigParts = {}): Rig {
  return new Rig({
    wall: '2024-03-04 23:59:50',
    ...parts,
    time: { idleAfterMs: IDLE_MS, outOfOrdernessMs: SECOND_MS, ...parts.time },
  })
}

function closed(rig: Rig): string[] {
  return [...new Set(rig.rows().map((row) => row.slice(0, 10)))]
}

test('T2 a quiet log ticks to wall clock - outOfOrderness - idleAfter, and its last day closes', async () => {
  //  wall     23:59:50 x          00:00:00     00:00:06 = end of 03-04 + 1 s + 5 s
  const rig = rigOf()
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(15 * SECOND_MS)
  expect(closed(rig)).toEqual([])
  await rig.clock.advance(2 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  expect(await rig.served()).toBe('2024-03-05 n_1d=0 n_3d=1 (next 2024-03-07)')
  await run.stop()
  await rig.runToEnd()
  await rig.expectTheLaw(at('2024-03-05'))
})

test('T1 a partition that is behind its log does not tick, however long it is without a record', async () => {
  const rig = rigOf()
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  rig.extraLag = 1
  await rig.clock.advance(60 * SECOND_MS)
  expect(closed(rig)).toEqual([])
  rig.extraLag = 0
  await rig.clock.advance(5 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  await run.stop()
})

test('T1 a partition with records does not tick: idleAfter counts from the last one', async () => {
  const rig = rigOf()
  const run = rig.start()
  for (let second = 0; second < 30; second += 3) {
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(3 * SECOND_MS)
    expect(closed(rig)).toEqual([])
  }
  await rig.clock.advance(10 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  await run.stop()
})

test('T1 a partition that is held back does not tick', async () => {
  const rig = rigOf({ memory: { pendingEntitiesMax: 1 } })
  const run = rig.start()
  await rig.clock.advance(300)
  rig.hooks.set('online write', () => {
    throw new TidemarkError('ONLINE_UNAVAILABLE', 'the store: connection refused. Start it')
  })
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(500)
  rig.append([{ at: '2024-03-04 23:59:51', user: 'other' }, '2024-03-04 23:59:52'])
  await rig.clock.advance(60 * SECOND_MS)
  expect(rig.disks[0]?.head).toContain(`"closedDay":${day('2024-03-03')}`)
  rig.hooks.clear()
  await rig.clock.advance(60 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  await run.stop()
})

test('loading last year’s log does not tick: log and tick are more than two days behind the wall clock', async () => {
  const rig = rigOf({ wall: '2025-03-04 10:00' })
  const run = rig.start()
  rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
  await rig.clock.advance(60 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  expect(rig.told.filter((line) => line.startsWith('historical log, not ticking'))).toHaveLength(1)
  await run.stop()
})

test('a historical log ticks where it was told to', async () => {
  const rig = rigOf({ wall: '2024-03-10 10:00', time: { tickHistorical: true } })
  const run = rig.start()
  rig.append(['2024-03-04 10:00'])
  await rig.clock.advance(60 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04', '2024-03-05', '2024-03-06', '2024-03-07'])
  await run.stop()
})

test('T30 the wall clock of a tick is the lowest of its own and the store’s', async () => {
  const rig = rigOf()
  rig.storeBehindMs = 3_600_000
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(120 * SECOND_MS)
  expect(closed(rig)).toEqual([])
  rig.storeBehindMs = 0
  await rig.clock.advance(5 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  await run.stop()
})

test('T30 a wall clock that jumps does not make a partition idle: that is measured by the monotonic clock', async () => {
  const rig = rigOf()
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(2 * SECOND_MS)
  rig.clock.wall = at('2024-03-05 12:00')
  await rig.clock.advance(2 * SECOND_MS)
  expect(closed(rig)).toEqual([])
  await run.stop()
})

test('T30 a wall clock that is set back takes no day back', async () => {
  const rig = rigOf()
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(20 * SECOND_MS)
  expect(closed(rig)).toEqual(['2024-03-04'])
  const before = await rig.served()
  rig.clock.wall = at('2024-03-03 12:00')
  await rig.clock.advance(20 * SECOND_MS)
  expect(await rig.served()).toBe(before)
  expect(rig.disks[0]?.head).toContain(`"closedDay":${day('2024-03-04')}`)
  await run.stop()
})

test('who is told to stop while it waits for records closes no day any more: it may have slept, and others go on', async () => {
  const rig = rigOf()
  rig.fetchWaitMs = 1_500
  const run = rig.start()
  rig.append(['2024-03-04 23:59:50'])
  await rig.clock.advance(9 * SECOND_MS)
  // It was stopped, and woke up in the fetch of then.
  rig.clock.wall = at('2024-03-05 12:00')
  await run.stop()
  expect(rig.disks[0]?.head).toContain(`"closedDay":${day('2024-03-03')}`)
  await rig.runToEnd()
  await rig.expectTheLaw()
})

describe('after a tick', () => {
  test('T25 a record of a day that only the tick closed is accepted, on time, and corrects the row', async () => {
    //  log     x 03-04 23:59:50                x 03-04 23:59:55
    //  tick                      03-04 closed
    const rig = rigOf({ time: { allowedLatenessMs: 0 } })
    const run = rig.start()
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(20 * SECOND_MS)
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=1 n_3d=1'])
    rig.append(['2024-03-04 23:59:55'])
    await rig.clock.advance(2 * SECOND_MS)
    expect(rig.rejects.kept.size).toBe(0)
    expect(run.progress?.partitions[0]?.counts).not.toHaveProperty('late')
    await run.stop()
    await rig.runToEnd()
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=2 n_3d=2'])
    await rig.expectTheLaw(at('2024-03-05'))
  })

  test('T1 records that return late are judged by the log alone, and pull nothing back', async () => {
    const rig = rigOf({ time: { allowedLatenessMs: 0 } })
    const run = rig.start()
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(20 * SECOND_MS)
    rig.append(['2024-03-05 10:00', '2024-03-04 12:00'])
    await rig.clock.advance(2 * SECOND_MS)
    expect([...rig.rejects.kept.values()].map(({ reason }) => reason)).toEqual(['too_late'])
    await run.stop()
    await rig.runToEnd()
    await rig.expectTheLaw(at('2024-03-05'))
  })

  test('a day that a tick closed has no milestone until the log closes it', async () => {
    const rig = rigOf()
    const run = rig.start()
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(20 * SECOND_MS)
    expect(milestones(rig)).toEqual(['2024-03-03 at 1'])
    rig.append(['2024-03-05 10:00'])
    await rig.clock.advance(2 * SECOND_MS)
    expect(milestones(rig)).toEqual(['2024-03-03 at 1', '2024-03-04 at 2'])
    await run.stop()
  })

  test('T4 a restart knows what was ticked', async () => {
    const rig = rigOf()
    const run = rig.start()
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(20 * SECOND_MS)
    await run.kill()
    await rig.runToEnd()
    expect(await rig.served()).toBe('2024-03-05 n_1d=0 n_3d=1 (next 2024-03-07)')
    await rig.expectTheLaw(at('2024-03-05'))
  })

  test('a new owner first ticks to the latest of: the marker’s as-of, the days complete in the table, the old state', async () => {
    const rig = rigOf()
    const run = rig.start()
    rig.append(['2024-03-04 23:59:50'])
    await rig.clock.advance(20 * SECOND_MS)
    await run.stop()
    rig.disks[0] = new MemoryDisk()
    rig.clock.wall = at('2024-03-04 23:59:59')
    await rig.runToEnd()
    expect(rig.disks[0].head).toContain(`"closedDay":${day('2024-03-04')}`)
    await rig.expectTheLaw(at('2024-03-05'))
  })
})

function milestones(rig: Rig): string[] {
  return [...(rig.disks[0]?.milestones.values() ?? [])].map(
    (one) => `${formatDay(one.day)} at ${one.offset}`,
  )
}
