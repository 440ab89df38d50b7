/** Owners that come into a generation before its publish has come to the tables. */
import { expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import type { TableTransaction } from '../../src/engine/ports.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { day } from '../support/builders.ts'
import { appendDays, DAYS, handOverState, openRig, publish, states } from './hand-over-rig.ts'
import type { Rig } from './rig.ts'

async function completeDays(rig: Rig): Promise<string[]> {
  const spec = { name: 'activity_v1', columns: [], sortedBy: [], metadata: {} }
  const table = await rig.tables.open({ ...spec, generation: 2 })
  return [...(await table.complete()).values()].map(formatDay)
}

test('an owner that comes before the publish calls no day complete until its tables have it', async () => {
  const rig = openRig()
  appendDays(rig, DAYS.slice(0, 2))
  await rig.runToEnd()
  rig.tables.swapped = 0
  const before = rig.done('table commit').length
  appendDays(rig, DAYS.slice(2))
  await publish(rig, states(await handOverState(rig, DAYS.slice(0, 4))))
  await rig.runToEnd()
  // Rows of the days that the replay has closed are still to come; those of this owner's days are in.
  expect(rig.rows().at(-1)).toBe('2024-03-07 u n_1d=2 n_3d=6')
  expect(await completeDays(rig)).toEqual(['2024-03-04'])
  // Nor is it repeated what the table calls complete: the publish may have taken that back.
  const since = rig.done('table commit').slice(before) as TableTransaction[]
  expect(since.length).toBeGreaterThan(0)
  expect(since.flatMap(({ complete }) => complete)).toEqual([])
  await using disk = await MemoryPartitionState.open(rig.disks[0] ?? new MemoryDisk())
  expect(disk.head?.table).toMatchObject({ complete: [], awaits: 2, whole: [day('2024-03-07')] })
  const run = rig.start()
  await rig.clock.advance(5_000)
  expect(await completeDays(rig)).toEqual(['2024-03-04'])
  rig.tables.swapped = 2
  await rig.clock.advance(5_000)
  expect(await completeDays(rig)).toEqual(['2024-03-07'])
  appendDays(rig, ['2024-03-09'])
  await rig.clock.advance(5_000)
  expect(await completeDays(rig)).toEqual(['2024-03-08'])
  await run.stop()
  await using after = await MemoryPartitionState.open(rig.disks[0] ?? new MemoryDisk())
  expect(after.head?.table.awaits).toBeUndefined()
})

test('days that a publish has brought in are owed to nobody, though the tables do not call them complete yet', async () => {
  const rig = openRig()
  appendDays(rig, DAYS.slice(0, 2))
  await rig.runToEnd()
  appendDays(rig, DAYS.slice(2))
  await publish(rig, states(await handOverState(rig, DAYS.slice(0, 4))))
  rig.hooks.set('table commit', () => new Promise(() => undefined))
  const run = rig.start()
  await rig.clock.advance(2_000)
  await run.kill()
  expect(await completeDays(rig)).toEqual(['2024-03-04'])
  // Tiles of those days may be gone by now: rows that were written anew would lack them.
  await using disk = await MemoryPartitionState.open(rig.disks[0] ?? new MemoryDisk())
  expect(disk.head).toMatchObject({
    time: { closedDay: day('2024-03-07') },
    table: { whole: [day('2024-03-06')] },
  })
})
