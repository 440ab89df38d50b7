/** The limits of live days: looked at when a day is complete, and again when late records change it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GateWatch } from '../../src/cli/gate-watch.ts'
import type { ColumnSpec } from '../../src/core/columns.ts'
import type { Value } from '../../src/core/value.ts'
import { pipelineOf, viewOf } from '../support/builders.ts'
import { partitionOf, progressOf } from '../support/run-progress.ts'
import { viewTable } from '../../src/table/view.ts'
import { rowsOf, specOf, TableFixture } from '../support/table-fixture.ts'

const DAY = 20_000
const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user', type: { kind: 'string' } },
  { name: 'clicks_1d', type: { kind: 'int64' } },
]

let fixture: TableFixture
let watch: GateWatch
let position = 10

beforeEach(async () => {
  fixture = await TableFixture.create()
  const gates = {
    previousDays: 1,
    rows: { min: 2 },
    columns: { clicks_1d: { type: { kind: 'int64' }, nullsMax: 0.4, change: 1 } },
  } as const
  const view = viewOf([1], [{ name: 'clicks', aggregate: 'count', field: '*' }], { gates })
  const { clock, database, options } = fixture
  const tables = { store: fixture.store(), database }
  watch = new GateWatch(
    { pipeline: pipelineOf({ views: [view] }), clock, log: options.log },
    tables,
  )
})

afterEach(async () => {
  await watch[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
})

/** However busy the machine is. */
function eventually(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 60_000, interval: 20 })
}

/** Writes a day of a partition and, as a run does, says in the same transaction that it is complete. */
async function close(day: number, partition: number, rows: readonly Value[][]): Promise<void> {
  const table = await fixture
    .store()
    .open(specOf({ name: 'activity_v1', columns: COLUMNS, sortedBy: ['user'] }))
  const key = { day, partition, slot: 0 }
  const file = await table.write(key, ++position, rowsOf(COLUMNS, rows))
  const changes = [{ ...key, position, file }]
  await table.commit({ generation: 1, run: 'test', changes, complete: [{ partition, day }] })
}

function look(partitions: readonly number[] = [0, 1]): void {
  fixture.clock.nowMs += 60_000
  watch.update(progressOf(partitions.map((partition) => partitionOf(partition))))
}

function failed(): string[] {
  return watch.results.filter(({ passed }) => !passed).map(({ gate }) => gate)
}

test('a day is judged when every partition has it, and again when late records changed it', async () => {
  await close(DAY, 0, [
    ['ann', 1],
    ['bob', 1],
  ])
  await close(DAY, 1, [['cid', 1]])
  look()
  await eventually(() => expect(watch.results).toHaveLength(3))
  expect(failed()).toEqual([])

  await close(DAY + 1, 0, [['ann', null]])
  look()
  await eventually(() =>
    expect(watch.results).toMatchObject([{ worst: { day: '2024-10-04' } }, {}, {}]),
  )
  expect(failed()).toEqual([])

  await close(DAY + 1, 1, [['cid', 9]])
  look()
  await eventually(() => {
    expect(failed()).toEqual(['nulls', 'change'])
  })
  const warnings = (): string[] =>
    fixture.logged.filter(({ level }) => level === 'warn').map(({ message }) => message)
  expect(warnings()).toEqual([
    'activity@1: nulls of clicks_1d: expected at most 40%, found 50% on 2024-10-05; 1 of 1 days are beyond it',
    'activity@1: change of clicks_1d: expected at most 100% away from the mean of the day before, found 9 after 1 (800%) on 2024-10-05; 1 of 1 days are beyond it',
  ])

  await close(DAY + 1, 0, [
    ['ann', 1],
    ['bob', 1],
  ])
  await close(DAY + 1, 1, [['cid', 1]])
  look()
  await eventually(() => {
    expect(failed()).toEqual([])
  })
  expect(warnings()).toHaveLength(2)
}, 120_000)

test('a process without partition 0 leaves it to the one that has it', async () => {
  await close(DAY, 0, [['ann', 1]])
  look([0])
  await eventually(() => {
    expect(failed()).toEqual(['rows.min'])
  })
  look([1])
  expect(watch.results).toEqual([])
}, 120_000)

test('a table that cannot be read is said, and looked at again', async () => {
  await close(DAY, 0, [['ann', 1]])
  const { files } = await viewTable(fixture.store().table('activity_v1'))
  const path = files[0]?.path ?? ''
  const bytes = await fixture.options.storage.get(`activity_v1/${path}`)
  await fixture.options.storage.delete(`activity_v1/${path}`)
  look([0])
  await eventually(() =>
    expect(fixture.logged).toMatchObject([{ level: 'warn', message: /could not be looked at/ }]),
  )
  await fixture.options.storage.put(`activity_v1/${path}`, bytes ?? new Uint8Array())
  await eventually(() => {
    look([0])
    expect(failed()).toEqual(['rows.min'])
  })
}, 120_000)
