/** The simulator's check of milestones agrees with the engine, and tells each planted difference. */
import { expect, test } from 'vitest'
import { milestoneProblems } from '../../sim/milestones.ts'
import { formatDay } from '../../src/core/day.ts'
import type { Milestone } from '../../src/engine/ports.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { Rig } from '../engine/rig.ts'
import { DAY_MS, recordsAt } from '../support/builders.ts'
import { judgePartition, type OraclePartition } from '../support/judge-oracle.ts'

/** Several days closed at once, a late record, and one that closes nothing. */
const EVENTS = ['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-04 11:00', '2024-03-09 10:00']

async function found(): Promise<{ rig: Rig; oracle: OraclePartition; milestones: Milestone[] }> {
  const rig = new Rig()
  rig.append(EVENTS)
  await rig.runToEnd()
  const records = recordsAt(EVENTS)
  const oracle = judgePartition(rig.pipeline, { partition: 0, records })
  const state = await MemoryPartitionState.open(rig.disks[0])
  return { rig, oracle, milestones: await state.milestones() }
}

test('the milestones of a run are what the log says', async () => {
  const { rig, oracle, milestones } = await found()
  expect(milestones.length).toBeGreaterThan(3)
  expect(milestoneProblems(rig.pipeline, oracle, milestones)).toEqual([])
})

test('they know of the day of a duplicate that lay ahead of all accepted events', async () => {
  const events = [
    { at: '2024-03-04 10:00', id: 'a' },
    { at: '2024-03-12 10:00', id: 'a' },
    { at: '2024-03-06 10:00', id: 'b' },
  ]
  const rig = new Rig({ duplicatesWithinMs: DAY_MS })
  rig.append(events)
  await rig.runToEnd()
  const oracle = judgePartition(rig.pipeline, { partition: 0, records: recordsAt(events) })
  const state = await MemoryPartitionState.open(rig.disks[0])
  const milestones = await state.milestones()
  expect(formatDay(milestones.at(-1)?.newestIdDay ?? NaN)).toBe('2024-03-12')
  expect(milestoneProblems(rig.pipeline, oracle, milestones)).toEqual([])
})

test('one that is missing, and one that says something else, are told', async () => {
  const { rig, oracle, milestones } = await found()
  const [first, ...others] = milestones
  expect(milestoneProblems(rig.pipeline, oracle, others)).toEqual([
    expect.stringMatching(/^milestone of partition 0: missing day \d+, .* at 1$/),
  ])
  const wrong = others.concat(first ? { ...first, offset: 9 } : [])
  expect(milestoneProblems(rig.pipeline, oracle, wrong)).toContainEqual(
    expect.stringMatching(/not so: day \d+, .* at 9$/),
  )
})
