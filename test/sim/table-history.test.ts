/** What the simulator says of a table's history: nothing of a good one, and each planted violation by name. */
import { describe, expect, test } from 'vitest'
import { TableReader, compareLooks, featureRows } from '../../sim/table-history.ts'
import type { TableLook } from '../../sim/table-history.ts'
import { compactTable } from '../../src/table/compact.ts'
import { vacuumTable } from '../../src/table/vacuum.ts'
import { COUNT, viewOf } from '../support/builders.ts'
import { DAY, Place, SPEC, addOf, goodPlace } from './table-place.ts'

const HOUR_MS = 3_600_000

test('a good history has no problems, neither with checkpoints nor compacted nor vacuumed', async () => {
  const place = await goodPlace()
  expect(await place.problems()).toEqual([])
  await place.write([{ day: DAY + 3, slot: 1, position: 70, users: {} }])
  const table = place.store.table(SPEC.name)
  const days = [DAY, DAY + 1]
  await compactTable(table, { generation: 1, partition: 0, days, slots: 2, metadata: {} })
  await table.log.checkpoint()
  expect(await place.problems()).toEqual([])
  place.clock.nowMs += 3 * HOUR_MS
  await vacuumTable(table, { graceMs: HOUR_MS, logRetentionMs: HOUR_MS })
  expect(await place.problems()).toEqual([])
})

test('rows come as the comparison with the oracle wants them', async () => {
  const place = await goodPlace()
  const rows = await featureRows(new TableReader(place.storage, SPEC.name), viewOf([1], [COUNT]))
  expect(rows).toHaveLength(6)
  expect(rows).toContainEqual({
    entity: ['ann'],
    day: DAY,
    eventTimestamp: 5,
    maxEventTime: 159,
    completeFrom: 3,
    values: new Map([['n_1d', 1]]),
  })
})

describe('a planted violation is told:', () => {
  test('a slot with two files, and a row that is there twice', async () => {
    const place = await goodPlace()
    const [path = ''] = (await place.active()).filter((one) => one.includes('x0000000000000000059'))
    const second = path.replace('x0000000000000000059', 'x0000000000000000060')
    const stored = await place.storage.get(`${SPEC.name}/${path}`)
    await place.storage.put(`${SPEC.name}/${second}`, stored ?? new Uint8Array())
    await place.append({ add: addOf(second, stored?.length ?? 0, 2) })
    const problems = await place.problems()
    expect(problems).toContainEqual(expect.stringContaining('are active for one slot'))
    expect(problems).toContainEqual(expect.stringMatching(/"ann".* is in .* and in /))
  })

  test('a file that is not there, or has other bytes or rows than its entry says', async () => {
    const gone = await goodPlace()
    const paths = (await gone.active()).filter((one) => one.includes('s001'))
    for (const path of paths) await gone.storage.delete(`${SPEC.name}/${path}`)
    expect(await gone.problems()).toContainEqual(
      expect.stringContaining('but there is no such file'),
    )
    const other = await goodPlace()
    await other.edit(/0{19}1\.json$/, '\\"numRecords\\":2', '\\"numRecords\\":3')
    expect(await other.problems()).toContainEqual(expect.stringContaining('has 2 rows, not 3'))
    await other.edit(/x0{18}1-.*parquet$/, '"ann"', '"another"')
    expect(await other.problems()).toContainEqual(expect.stringMatching(/has \d+ bytes, not \d+/))
  })

  test('a slot that goes back to an older position, or to the same one', async () => {
    const place = await goodPlace()
    const [path = ''] = (await place.active()).filter((one) => one.includes('x0000000000000000058'))
    const [newest = ''] = (await place.active()).filter((one) =>
      one.includes('x0000000000000000059'),
    )
    const again = path.replace(/.{8}\.parquet$/, 'ffffffff.parquet')
    const bytes = (await place.storage.get(`${SPEC.name}/${path}`)) ?? new Uint8Array()
    await place.storage.put(`${SPEC.name}/${again}`, bytes)
    await place.append({ remove: { path: newest } }, { add: addOf(again, bytes.length, 2) })
    expect(await place.problems()).toEqual([
      expect.stringMatching(/slot 2001-01-05 p0 s0 goes from \(1, 59\) to \(1, 58\) by ds=/),
    ])
  })

  test('an emptied slot that goes back', async () => {
    const place = await goodPlace()
    await place.write([{ slot: 1, position: 80, users: {} }])
    const appId = `tidemark/${SPEC.name}/0/2001-01-05/1/g1`
    await place.append({ txn: { appId, version: 79 } })
    expect(await place.problems()).toEqual([
      expect.stringContaining('slot 2001-01-05 p0 s1 goes from (1, 80) to (1, 79)'),
    ])
  })

  test('a file that goes without an heir', async () => {
    const place = await goodPlace()
    const [path = ''] = (await place.active()).filter((one) => one.includes('s001'))
    await place.append({ remove: { path } })
    expect(await place.problems()).toContainEqual(expect.stringContaining('gets nothing instead'))
  })

  test('a slot that a publish takes away although it leaves that day as it is', async () => {
    const place = await goodPlace()
    const paths = (await place.active()).filter((one) => one.includes('s001'))
    await place.append(
      { txn: { appId: `tidemark/${SPEC.name}/swapped`, version: 2 } },
      ...paths.map((path) => ({ remove: { path } })),
    )
    expect(await place.problems()).toEqual([])
    const leaves = (generation: number, { ds }: { readonly ds: string }): boolean =>
      generation === 2 && ds > '2001-01-05'
    expect(await place.problems({ leaves })).toEqual([
      expect.stringContaining('slot 2001-01-06 p0 s1 gets nothing instead'),
    ])
  })

  test('a pointer to a checkpoint that is not there', async () => {
    const place = await goodPlace()
    await place.edit(/_last_checkpoint$/, /"version":\d+/, '"version":49')
    expect(await place.problems()).toEqual([
      expect.stringContaining('_last_checkpoint names version 49, which has no checkpoint'),
    ])
  })

  test('a remove of what is not active, an add of what was there, and what is no action', async () => {
    const place = await goodPlace()
    const [path = ''] = (await place.active()).filter((one) => one.includes('s001'))
    await place.append({ remove: { path: 'ds=2001-01-05/none' } }, { add: addOf(path, 1, 1) })
    await place.append({ add: null, remove: null }, { cdc: {} })
    const problems = (await place.problems()).join('\n')
    expect(problems).toContain('removes ds=2001-01-05/none, which is not active')
    expect(problems).toContain('a second time')
    expect(problems).toContain('no action: {"cdc":{}}')
  })

  test('complete days and generations that go down, and files of another generation', async () => {
    const place = await goodPlace()
    await place.append({ txn: { appId: `tidemark/${SPEC.name}/0`, version: DAY } })
    expect(await place.problems()).toEqual([
      expect.stringContaining(`complete days of partition 0 go from ${DAY + 1} to ${DAY}`),
    ])
    const other = await goodPlace()
    await other.edit(/0{18}\d[1-9]\.json$/, /-g0001-(x0000000000000000057-)/g, '-g0002-$1')
    expect(await other.problems()).toContainEqual(
      expect.stringContaining('while the table is at generation 1'),
    )
  })

  test('a day that is complete before its every slot is in', async () => {
    const place = new Place()
    await place.write(
      [
        { slot: 0, position: 1, users: { ann: 100 } },
        { slot: 1, position: 1, users: { cyd: 70 } },
      ],
      DAY,
    )
    await place.write([{ day: DAY + 1, slot: 0, position: 2, users: { ann: null } }], DAY + 1)
    expect(await place.problems()).toEqual([
      expect.stringContaining('2001-01-06 is complete, but slot 2001-01-06 p0 s1 is missing'),
    ])
  })

  test('a compaction that changes a row', async () => {
    const place = await goodPlace()
    const table = place.store.table(SPEC.name)
    await compactTable(table, { generation: 1, partition: 0, days: [DAY], slots: 2, metadata: {} })
    await place.edit(/all002.*parquet$/, '70', '71')
    expect(await place.problems()).toEqual([expect.stringContaining('a compaction changes rows')])
  })

  test('a checkpoint of the log that lacks a file, a setting or an entry', async () => {
    const place = await goodPlace()
    const checkpoint = /50\.checkpoint\.parquet$/
    await place.edit(checkpoint, '"path":"ds=2001-01-06', '"path":"ds=2001-01-09')
    await place.edit(checkpoint, '"tidemark.generation":"1"', '"tidemark.generation":"2"')
    await place.edit(checkpoint, `"version":${DAY + 1}`, `"version":${DAY}`)
    const problems = (await place.problems()).join('\n')
    expect(problems).toContain('the checkpoint of version 50 has 4 files, the log 4 or others')
    expect(problems).toContain('the checkpoint of version 50 has other settings')
    expect(problems).toContain(`has forgotten tidemark/${SPEC.name}/0 at ${DAY + 1}`)
  })
})

describe('two looks of one reader', () => {
  const earlier: TableLook = {
    table: 'activity_v1',
    version: 3,
    generation: 1,
    swapped: 0,
    complete: new Map([[0, DAY]]),
    slots: new Map([['2001-01-05 p0 s0', { generation: 1, position: 4 }]]),
    rows: new Map([['2001-01-05 ["ann"]', 100]]),
    problems: [],
  }

  test('agree where the table only grew', async () => {
    const place = await goodPlace()
    const reader = new TableReader(place.storage, SPEC.name)
    const [before] = [await reader.look()]
    await place.write([{ day: DAY + 2, position: 90, users: { ann: 7 } }])
    const after = await reader.look()
    expect(before && after && compareLooks(before, after)).toEqual([])
    expect([before?.rows.size, after?.rows.size]).toEqual([6, 7])
    expect(await new TableReader(place.storage, 'none').look()).toBeUndefined()
  })

  test('agree where a publish has come in between that counts otherwise', () => {
    const after = { ...earlier, version: 4, swapped: 2, rows: new Map() }
    expect(compareLooks(earlier, after)).toEqual([])
  })

  test.each([
    ['the version went back', { version: 2 }],
    ['the generation went back', { generation: 0 }],
    [`was complete up to day ${DAY}, now up to undefined`, { complete: new Map() }],
    [`was complete up to day ${DAY}, now up to ${DAY - 1}`, { complete: new Map([[0, DAY - 1]]) }],
    ['was at (1, 4), now at undefined', { slots: new Map() }],
    ['is gone', { rows: new Map() }],
    ['knew an event of 100, now only of 99', { rows: new Map([['2001-01-05 ["ann"]', 99]]) }],
    ['knew an event of 100, now only of null', { rows: new Map([['2001-01-05 ["ann"]', null]]) }],
    ['activity_v1 is odd', { problems: ['activity_v1 is odd'] }],
  ])('differ: %s', (expected, change) => {
    const problems = compareLooks(earlier, { ...earlier, version: 4, ...change })
    expect(problems).toEqual([expect.stringContaining(expected)])
  })
})
