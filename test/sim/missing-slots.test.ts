/** Which slots of a complete day the simulator lets a reader miss: those of which the log had said nothing when it closed the day. */
import { expect, test } from 'vitest'
import { JudgedLog } from '../../sim/judged-log.ts'
import { mayBeMissing } from '../../sim/missing-slots.ts'
import { formatDay } from '../../src/core/day.ts'
import { slotOf } from '../../src/core/slot.ts'
import { MemoryBucket } from '../../src/memory/object-storage.ts'
import { COUNT, day, pipelineOf, recordsAt, viewOf } from '../support/builders.ts'
import type { RawRecord } from '../support/raw-record.ts'

const SLOTS = 4
const offline = {
  kind: 'delta',
  location: { kind: 'directory', directory: 'features' },
  slots: SLOTS,
  correctionsEveryMs: 1_000,
} as const
const pipeline = { ...pipelineOf({ views: [viewOf([2], [COUNT])] }), sinks: { offline } }

function isLetPass(records: readonly RawRecord[], missed: string, user: string): boolean {
  const partitions = [{ partition: 0, records }]
  const tables = new MemoryBucket()
  const bytes = Buffer.from('{}')
  tables.contents.set('_tidemark/generations/000001.json', { bytes, modifiedMs: 0 })
  const world = {
    pipeline,
    scenario: { partitions },
    judged: new JudgedLog(pipeline, partitions, () => []),
    tables,
  } as unknown as Parameters<typeof mayBeMissing>[0]
  const slot = slotOf(user, SLOTS)
  const before = formatDay(day(missed) - 1)
  return mayBeMissing(
    world,
    `activity_v1 version 5: ${missed} is complete, but slot ${missed} p0 s${slot} is missing that follows ds=${before}/p0000-x`,
  )
}

/** The second closes 2024-03-05, the third is of the day before that, and late; `w` says nothing of these days. */
const LATE = recordsAt([
  { at: '2024-03-05 10:00', user: 'w' },
  { at: '2024-03-06 10:00', user: 'w' },
  { at: '2024-03-05 11:00', user: 'u' },
  { at: '2024-03-08 10:00', user: 'w' },
])

test('a slot that only a late record has filled may follow after its day is complete', () => {
  expect(slotOf('u', SLOTS)).not.toBe(slotOf('w', SLOTS))
  expect(isLetPass(LATE, '2024-03-05', 'u')).toBe(true)
})

test('a slot that had something to say when the log closed its day may not', () => {
  expect(isLetPass(LATE, '2024-03-05', 'w')).toBe(false)
  // The late record was there before the log closed this day.
  expect(isLetPass(LATE, '2024-03-06', 'u')).toBe(false)
})

test('that includes the row that says that all windows are empty now, and no day after it', () => {
  expect(isLetPass(LATE, '2024-03-07', 'u')).toBe(false)
  const onTime = recordsAt(['2024-03-01 10:00', { at: '2024-03-08 10:00', user: 'w' }])
  expect(isLetPass(onTime, '2024-03-03', 'u')).toBe(false)
  expect(isLetPass(onTime, '2024-03-04', 'u')).toBe(true)
})

test('a day that the log never closes is complete as far as the one who ticked knew', () => {
  expect(isLetPass(LATE, '2024-03-08', 'w')).toBe(true)
})

test('nothing else is let pass', () => {
  const world = {} as Parameters<typeof mayBeMissing>[0]
  expect(mayBeMissing(world, 'activity_v1 version 5: the generation goes from 2 to 1')).toBe(false)
})
