/** Amendments in a run: single records, one at a time, with what sinks say afterwards; and bytes that are not what they should be. */
import { expect, test } from 'vitest'
import type { Amendment } from '../../src/core/generation.ts'
import type { KeptRecord } from '../../src/engine/amended-port.ts'
import { readRecords } from '../../src/engine/hand-over.ts'
import { at, COUNT, day, viewOf } from '../support/builders.ts'
import { beginAmended } from '../support/amended.ts'
import type { RawPartition, RawRecord } from '../support/raw-record.ts'
import { Rig } from './rig.ts'

function record(offset: number, time: string, id = String(offset)): RawRecord {
  const value = JSON.stringify({ user: 'u', id, at: at(time) })
  return { offset, timestamp: at(time), key: null, value }
}

/** The second one closes five days early, the last one is too late however it is looked at. */
const LOG: readonly RawRecord[] = [
  record(0, '2024-03-01 10:00'),
  record(1, '2024-03-08 10:00'),
  record(2, '2024-03-02 10:00'),
  record(3, '2024-03-03 10:00'),
  record(4, '2024-03-05 10:00'),
  record(5, '2024-03-01 11:00'),
]

async function amended(part: Partial<RawPartition>): Promise<Rig> {
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(LOG)
  await beginAmended(rig, [{ partition: 0, records: LOG, ...part }])
  return rig
}

test('a record that is dropped moves no watermark and is in no row', async () => {
  const rig = await amended({ dropped: [1] })
  const { partitions } = await rig.runToEnd()
  expect(rig.rows()).toEqual([
    '2024-03-01 u n_1d=1 n_3d=1',
    '2024-03-02 u n_1d=1 n_3d=2',
    '2024-03-03 u n_1d=1 n_3d=3',
    '2024-03-04 u n_1d=0 n_3d=2',
  ])
  expect(partitions[0]?.counts).toMatchObject({ amended: 1, accepted: 4, too_late: 1 })
  expect([...rig.rejects.kept.keys()]).toEqual(['0@5'])
})

test('a late record that is accepted is folded when the log closes its day, and stays in the ledger', async () => {
  const rig = await amended({ dropped: [1], accepted: [record(5, '2024-03-01 11:00')] })
  const { partitions } = await rig.runToEnd()
  expect(rig.rows().slice(0, 3)).toEqual([
    '2024-03-01 u n_1d=2 n_3d=2',
    '2024-03-02 u n_1d=1 n_3d=3',
    '2024-03-03 u n_1d=1 n_3d=4',
  ])
  const [tile] = rig.tables.rows('activity_v1__tiles')
  expect(tile?.row.get('_offset')).toBe(2)
  expect(partitions[0]?.counts).toMatchObject({ healed: 1, accepted: 4, too_late: 1 })
  expect([...rig.rejects.kept.keys()]).toEqual(['0@5'])
})

test('what is accepted and no longer too late, since the watermark was taken back, counts once', async () => {
  const late = record(4, '2024-03-02 11:00')
  const log = [...LOG.slice(0, 4), late]
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(log)
  await beginAmended(rig, [{ partition: 0, records: log, dropped: [1], accepted: [late] }])
  const { partitions } = await rig.runToEnd()
  expect(rig.rows()).toContain('2024-03-02 u n_1d=2 n_3d=3')
  expect(partitions[0]?.counts).toMatchObject({ healed: 1, amended: 2, accepted: 3 })
})

test('a late record that repeats the id of an event is a duplicate, accepted or not', async () => {
  const late = record(5, '2024-03-02 11:00', '2')
  const log = [...LOG.slice(0, 5), late]
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(log)
  await beginAmended(rig, [{ partition: 0, records: log, dropped: [1], accepted: [late] }])
  await rig.runToEnd()
  expect(rig.rows()).toContain('2024-03-02 u n_1d=1 n_3d=2')
})

test('nor does a record count twice that is accepted and was on time', async () => {
  const withoutIds = LOG.map(({ offset, ...rest }) => {
    const { id: _, ...event } = JSON.parse(rest.value as string) as Record<string, unknown>
    return { ...rest, offset, value: JSON.stringify(event) }
  })
  const accepted = withoutIds.slice(2, 3)
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(withoutIds)
  await beginAmended(rig, [{ partition: 0, records: withoutIds, dropped: [1], accepted }])
  await rig.runToEnd()
  expect(rig.rows()).toContain('2024-03-02 u n_1d=1 n_3d=2')
})

test('ids of events that were committed long ago tell duplicates among the accepted, too', async () => {
  const late = record(5, '2024-03-02 11:00', '2')
  const log = [...LOG.slice(0, 5), late]
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  await beginAmended(rig, [{ partition: 0, records: log, dropped: [1], accepted: [late] }])
  rig.appendRaw(log.slice(0, 3))
  await rig.runToEnd()
  rig.appendRaw(log.slice(3, 5))
  await rig.runToEnd()
  expect(rig.rows()).toContain('2024-03-02 u n_1d=1 n_3d=2')
})

test('a day that was over before the first event gets its row by a record that is accepted', async () => {
  const late = record(1, '2024-03-05 10:00')
  const log = [record(0, '2024-03-08 10:00'), late]
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(log)
  await beginAmended(rig, [{ partition: 0, records: log, accepted: [late] }])
  await rig.runToEnd()
  expect(rig.rows()).toEqual([
    '2024-03-05 u n_1d=1 n_3d=1',
    '2024-03-06 u n_1d=0 n_3d=1',
    '2024-03-07 u n_1d=0 n_3d=1',
  ])
})

test('a state that is gone on with does not fold it again', async () => {
  const rig = await amended({ dropped: [1], accepted: [record(5, '2024-03-01 11:00')] })
  await rig.runToEnd()
  const rows = rig.rows()
  rig.appendRaw([record(6, '2024-03-05 11:00')])
  await rig.runToEnd()
  expect(rig.rows()).toEqual(rows)
})

test('bytes that the log has forgotten come from beside the record', async () => {
  const rig = new Rig({ wall: '2024-03-20 10:00' })
  rig.appendRaw(LOG.slice(0, 5))
  const accepted = [record(5, '2024-03-01 11:00')]
  await beginAmended(rig, [{ partition: 0, records: LOG, accepted }])
  await rig.runToEnd()
  expect(rig.rows()[0]).toBe('2024-03-01 u n_1d=2 n_3d=2')
})

const ACCEPTED: Amendment = {
  kind: 'accept',
  partition: 0,
  offset: 5,
  day: day('2024-03-01'),
}

function valueOf(time: string): string {
  return JSON.stringify({ user: 'u', id: '5', at: at(time) })
}

async function withKept(kept: readonly Partial<KeptRecord>[]): Promise<Rig> {
  const rig = await amended({ accepted: [record(5, '2024-03-01 11:00')] })
  const own = kept.map((one): KeptRecord => {
    const value = Buffer.from(valueOf('2024-03-01 11:00'))
    return { partition: 0, offset: 5, timestamp: 0, key: null, value, headers: [], ...one }
  })
  rig.amended.get = () => Promise.resolve(own.length === 0 ? undefined : own)
  return rig
}

test('bytes that are missing are refused, with their place', async () => {
  const rig = await withKept([])
  await expect(rig.runToEnd()).rejects.toMatchObject({
    code: 'TABLE_REFUSED',
    message: expect.stringContaining(
      'accepts 1 late records whose bytes are missing: memory',
    ) as string,
  })
  expect(rig.effects).toEqual([])
})

test.each([
  ['another day', { value: Buffer.from(valueOf('2024-03-02 11:00')) }, /is one of 2024-03-02/],
  ['no event', { value: Buffer.from('nonsense') }, /is no event/],
  ['no value', { value: null }, /is no event \(no value\)/],
  ['another position', { offset: 4 }, /is accepted as an event of 2024-03-01/],
])('bytes of %s are refused', async (_, kept, words) => {
  const rig = await withKept([kept])
  await expect(rig.runToEnd()).rejects.toThrow(words)
})

test('a generation that begins by itself keeps the amendments', async () => {
  const rig = await amended({ dropped: [1], accepted: [record(5, '2024-03-01 11:00')] })
  await rig.runToEnd()
  const sum = { ...COUNT, name: 'm' }
  rig.pipeline = { ...rig.pipeline, views: [{ ...viewOf([1, 3], [COUNT, sum]), hash: 'another' }] }
  await rig.runToEnd()
  const records = await readRecords(rig.generations)
  expect(records.map(({ generation, amendments }) => [generation, amendments.length])).toEqual([
    [1, 2],
    [2, 2],
  ])
  expect(records[1]?.amendments).toContainEqual(ACCEPTED)
})
