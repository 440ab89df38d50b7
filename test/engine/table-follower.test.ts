/** The table follower at work: dirty slots become files, files become transactions, and a day is complete when all of it is in. */
import { describe, expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import type { SlotKey, TableTransaction } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { TableLane } from '../../src/engine/table-lane.ts'
import { COUNT, day, viewOf } from '../support/builders.ts'
import { gate, Rig } from './rig.ts'

const CORRECTIONS_MS = 900_000
const USERS = ['ann', 'bob', 'cy', 'dan', 'eve', 'fay', 'gus', 'hal']

function appendUsers(rig: Rig, date: string): void {
  rig.append(USERS.map((user, i) => ({ at: `${date} 10:${10 + i}`, user })))
}

interface Transaction extends TableTransaction {
  readonly table: string
}

function transactions(rig: Rig, table: string): Transaction[] {
  return (rig.done('table commit') as Transaction[]).filter((one) => one.table === table)
}

describe('a day’s close', () => {
  test('writes a row per entity whose longest window is not empty, and the all-empty row of the day on which it became so', async () => {
    //          03-04   03-05   03-06   03-07   03-08   03-09
    //  u         x                                       x     closes 03-04 .. 03-08
    //  3 days    1       1       1     empty   none
    const rig = new Rig()
    const run = rig.start()
    rig.append(['2024-03-04 10:00', '2024-03-09 10:00'])
    await rig.clock.advance(2_000)
    expect(rig.rows()).toEqual([
      '2024-03-04 u n_1d=1 n_3d=1',
      '2024-03-05 u n_1d=0 n_3d=1',
      '2024-03-06 u n_1d=0 n_3d=1',
      '2024-03-07 u n_1d=0 n_3d=0',
    ])
    await run.stop()
  })

  test('comes with the record that crosses it, and not before the watermark reaches the end of the day', async () => {
    const rig = new Rig({ time: { outOfOrdernessMs: 1_800_000 } })
    const run = rig.start()
    rig.append(['2024-03-04 10:00', '2024-03-05 00:29'])
    await rig.clock.advance(2_000)
    expect(rig.rows()).toEqual([])
    rig.append(['2024-03-05 00:30'])
    await rig.clock.advance(2_000)
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=1 n_3d=1'])
    await run.stop()
  })

  test('T24 the window of three days includes the day of the row and the two before it', async () => {
    const rig = new Rig()
    rig.append(['2024-03-04 00:00', '2024-03-05 00:00', '2024-03-06 00:00', '2024-03-07 00:00'])
    await rig.runToEnd()
    expect(rig.rows()).toEqual([
      '2024-03-04 u n_1d=1 n_3d=1',
      '2024-03-05 u n_1d=1 n_3d=2',
      '2024-03-06 u n_1d=1 n_3d=3',
    ])
  })

  test('does not hold the fold back, nor does it lose a record that comes while rows are written', async () => {
    const rig = new Rig()
    const writing = gate()
    rig.hooks.set('table file', () => writing.passed)
    const run = rig.start()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.clock.advance(1_000)
    rig.append(['2024-03-05 10:01'])
    await rig.clock.advance(1_000)
    expect(await rig.served()).toContain('n_1d=2')
    writing.open()
    await rig.clock.advance(1_000)
    await run.stop()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})

describe('corrections', () => {
  test('T25 a late record changes the closed days that it reaches, in place: each (entity, day) has one row', async () => {
    //          03-04   03-05   03-06          03-07
    //  u         x       x       x  late to 03-04
    const rig = new Rig({ time: { allowedLatenessMs: 3 * 86_400_000 } })
    const run = rig.start()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-06 10:00'])
    await rig.clock.advance(2_000)
    rig.append(['2024-03-04 12:00'])
    await rig.clock.advance(2_000)
    expect(rig.rows()).toContain('2024-03-04 u n_1d=1 n_3d=1')
    await rig.clock.advance(CORRECTIONS_MS)
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=2 n_3d=2', '2024-03-05 u n_1d=1 n_3d=3'])
    await run.stop()
  })

  test('T25 a record that is too late goes to the ledger and changes no row: never both', async () => {
    const rig = new Rig({ time: { allowedLatenessMs: 3_600_000 } })
    rig.append(['2024-03-04 10:00', '2024-03-05 01:00', '2024-03-04 23:59'])
    await rig.runToEnd()
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=1 n_3d=1'])
    expect(
      [...rig.rejects.kept.values()].map(({ reason, offset }) => ({ reason, offset })),
    ).toEqual([{ reason: 'too_late', offset: 2 }])
    await rig.expectTheLaw()
  })

  test('a record one millisecond before the end of its lateness is still accepted', async () => {
    const rig = new Rig({ time: { allowedLatenessMs: 3_600_000 } })
    rig.append(['2024-03-04 10:00', '2024-03-05 00:59:59.999', '2024-03-04 23:59'])
    await rig.runToEnd()
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=2 n_3d=2'])
    expect(rig.rejects.kept.size).toBe(0)
  })

  test('reach the all-empty row: the last closed day is bucket + longest window', async () => {
    // A late record fills a tile on 03-05 that was not there: the all-empty row moves from 03-07 to 03-08.
    const rig = new Rig({ time: { allowedLatenessMs: 10 * 86_400_000 } })
    const run = rig.start()
    rig.append(['2024-03-04 10:00', { at: '2024-03-10 10:00', user: 'other' }])
    await rig.clock.advance(2_000)
    expect(rig.rows().filter((row) => row.includes(' u '))).toHaveLength(4)
    rig.append(['2024-03-05 10:00'])
    await rig.clock.advance(CORRECTIONS_MS + 1_000)
    expect(rig.rows().filter((row) => row.includes(' u '))).toEqual([
      '2024-03-04 u n_1d=1 n_3d=1',
      '2024-03-05 u n_1d=1 n_3d=2',
      '2024-03-06 u n_1d=0 n_3d=2',
      '2024-03-07 u n_1d=0 n_3d=1',
      '2024-03-08 u n_1d=0 n_3d=0',
    ])
    await run.stop()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('a slot that is dirtied again while it is flushed stays dirty', async () => {
    // read slot (X = 2) ... late record 2 is committed ... transaction of X ... clear: not this slot
    const rig = new Rig()
    const transacting = gate()
    const run = rig.start()
    rig.hooks.set('table commit', () => transacting.passed)
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.clock.advance(1_000)
    rig.append(['2024-03-04 11:00'])
    await rig.clock.advance(1_000)
    transacting.open()
    await rig.clock.advance(1_000)
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=1 n_3d=1'])
    expect([...(rig.disks[0]?.dirty.keys() ?? [])].length).toBeGreaterThan(0)
    await rig.clock.advance(CORRECTIONS_MS)
    expect(rig.rows()).toEqual(['2024-03-04 u n_1d=2 n_3d=2'])
    expect([...(rig.disks[0]?.dirty.keys() ?? [])]).toEqual([])
    await run.stop()
  })
})

describe('complete days', () => {
  test('a day is complete only after its every slot is in', async () => {
    // 200 rows of memory for many days: a flush has to be split, and what is in becomes complete from the front.
    const rig = new Rig({ slots: 3, memory: { tableRowsMax: 6 } })
    for (const date of ['2024-03-04', '2024-03-05', '2024-03-06', '2024-03-07', '2024-03-08'])
      appendUsers(rig, date)
    await rig.runToEnd()
    const inTable = new Set<string>()
    const all = transactions(rig, 'activity_v1')
    expect(all.length).toBeGreaterThan(1)
    for (const { changes, complete } of all) {
      for (const { day: index, slot } of changes) inTable.add(`${index} ${slot}`)
      for (const { day: last } of complete) {
        for (let index = day('2024-03-04'); index <= last; index += 1) {
          for (const slot of [0, 1, 2]) expect(inTable).toContain(`${index} ${slot}`)
        }
      }
    }
    expect(formatDay(all.at(-1)?.complete[0]?.day ?? 0)).toBe('2024-03-07')
    await rig.expectTheLaw()
  })

  test('the memory for rows splits a flush: the newest days wait for the next pass', async () => {
    const rig = new Rig({ memory: { tableRowsMax: 20 } })
    for (const date of [
      '2024-03-04',
      '2024-03-05',
      '2024-03-06',
      '2024-03-07',
      '2024-03-08',
      '2024-03-09',
    ]) {
      appendUsers(rig, date)
    }
    await rig.runToEnd()
    for (const { changes } of transactions(rig, 'activity_v1')) {
      expect(changes.length).toBeLessThanOrEqual(3)
    }
    await rig.expectTheLaw()
  })

  test('a day that a tick of an owner before has closed is not complete before the new one has read to the end', async () => {
    const rig = new Rig({ time: { idleAfterMs: 10_000 }, wall: '2024-03-04 23:59' })
    const former = rig.start()
    await rig.clock.advance(300)
    rig.hooks.set('table commit', () => {
      throw new TidemarkError('TABLE_UNAVAILABLE', 'the place of the tables is away')
    })
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(120_000)
    expect(formatDay((await rig.online.marker(0))?.asOf ?? 0)).toBe('2024-03-05')
    await former.kill()
    rig.disks[0] = new MemoryDisk()
    // There is more in the log than the new owner is given.
    rig.extraLag = 1
    const owner = rig.start()
    await rig.clock.advance(5_000)
    expect(rig.rows()).toHaveLength(USERS.length)
    const told = transactions(rig, 'activity_v1').flatMap(({ complete }) => complete)
    expect(told.map((one) => formatDay(one.day))).not.toContain('2024-03-04')
    rig.extraLag = 0
    await rig.clock.advance(5_000)
    const [last] = transactions(rig, 'activity_v1').at(-1)?.complete ?? []
    expect(last && formatDay(last.day)).toBe('2024-03-04')
    await owner.stop()
  })

  test('a correction does not take completeness back', () => {
    const lane = new TableLane({
      view: 0,
      kind: 'rows',
      table: undefined as never,
      complete: 10,
      version: undefined,
    })
    lane.await({ view: 0, kind: 'rows', day: 9, slot: 0 })
    expect(lane.awaitedDays).toBe(0)
    expect(lane.completeWith([], 10)).toBe(10)
    lane.await({ view: 0, kind: 'rows', day: 11, slot: 0 })
    lane.await({ view: 0, kind: 'rows', day: 11, slot: 1 })
    expect(lane.completeWith([{ day: 11, slot: 0 }], 12)).toBe(10)
    expect(
      lane.completeWith(
        [
          { day: 11, slot: 0 },
          { day: 11, slot: 1 },
        ],
        12,
      ),
    ).toBe(12)
  })

  test('days of a partition without events are complete at no time, and one without rows as soon as it closes', async () => {
    const rig = new Rig({ partitions: 2 })
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.runToEnd()
    const table = await rig.tables.open({
      name: 'activity_v1',
      columns: [],
      sortedBy: [],
      generation: 1,
      metadata: {},
    })
    expect([...(await table.complete())]).toEqual([[0, day('2024-03-04')]])
  })
})

describe('a table that refuses', () => {
  test('T14 a table of another generation stops the writer, and its rows are not touched', async () => {
    const rig = new Rig()
    await rig.tables.open({
      name: 'activity_v1',
      columns: [],
      sortedBy: [],
      generation: 2,
      metadata: {},
    })
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'GENERATION_CHANGED' })
    expect(rig.rows()).toEqual([])
  })

  test('T12 T13 files that no transaction named are never seen, whenever the process died', async () => {
    const rig = new Rig()
    rig.hooks.set('table commit', () => gate().passed)
    const run = rig.start()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.clock.advance(1_000)
    expect((rig.done('table file') as { readonly slot: SlotKey }[]).length).toBeGreaterThan(0)
    expect(rig.rows()).toEqual([])
    await run.kill()
    expect(rig.rows()).toEqual([])
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})

test('T10 rows say from when the log covers them whole: `_complete_from` is the day of the first record at offset 0', async () => {
  const rig = new Rig({ views: [viewOf([30], [COUNT])] })
  rig.append(['2024-03-04 10:00', '2024-03-06 10:00'])
  await rig.runToEnd()
  const columns = rig.tables.rows('activity_v1').map(({ row }) => row.get('_complete_from'))
  expect(columns).toEqual([day('2024-03-04'), day('2024-03-04')])
})
