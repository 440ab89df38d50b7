/** Tables of a replay in a bucket: compared and judged through local copies of a piece at a time. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { s3Obstacle } from '../../../servers/s3.ts'
import { openBucket } from '../../../src/cli/open-storage.ts'
import { compareView } from '../../../src/cli/replay-compare.ts'
import { judgeReplay } from '../../../src/cli/replay-gates.ts'
import type { ColumnSpec } from '../../../src/core/columns.ts'
import { planViews } from '../../../src/core/view-plan.ts'
import { TABLE_FAULTS } from '../../../src/table/failure.ts'
import { locationIn, newBucket } from '../../support/bucket.ts'
import { pipelineOf, viewOf } from '../../support/builders.ts'
import { replayOf, ReplayFixture } from '../../support/replay-fixture.ts'
import type { SlotContent } from '../../support/replay-fixture.ts'

const obstacle = await s3Obstacle()
const DAY = 20_000
const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user', type: { kind: 'string' } },
  { name: 'clicks_1d', type: { kind: 'int64' } },
]

/** Three days of two partitions; on the last day partition 1 has other clicks. */
function slots(clicks: number): SlotContent[] {
  return [0, 1, 2].flatMap((day) =>
    [0, 1].map((partition) => ({
      day: DAY + day,
      partition,
      rows: [[`u${partition}`, day === 2 && partition === 1 ? clicks : 1]],
    })),
  )
}

describe.skipIf(obstacle !== undefined)(`a replay's tables in S3 ${obstacle ?? ''}`, () => {
  test('are compared with the live ones and judged, and leave no copy behind', async () => {
    const state = await mkdtemp(path.join(tmpdir(), 'tidemark-s3-replay-'))
    const location = locationIn(await newBucket())
    await using storage = await openBucket(state, location, { faults: TABLE_FAULTS })
    await using fixture = await ReplayFixture.create(storage)
    await fixture.fill('live', { columns: COLUMNS, slots: slots(1) })
    await fixture.fill('staged', { columns: COLUMNS, slots: slots(9) })
    const replay = replayOf({ first: DAY, last: DAY + 2 }, [DAY + 2, DAY + 2])
    const options = { workspace: state, sampleRows: 5 }
    const { difference } = await compareView(replay, 'activity@1', fixture.tables, options)
    expect(difference).toMatchObject({
      total: { live: 6, staged: 6, added: 0, removed: 0, changed: 1 },
      sample: [{ day: DAY + 2, partition: 1, columns: { clicks_1d: { before: 1, after: 9 } } }],
    })
    const gates = {
      previousDays: 2,
      rows: {},
      columns: { clicks_1d: { type: { kind: 'int64' }, change: 3 } },
    } as const
    const view = viewOf([1], [{ name: 'clicks', aggregate: 'count', field: '*' }], { gates })
    const views = planViews(pipelineOf({ views: [view] }))
    expect(await judgeReplay(replay, views, fixture.tables)).toMatchObject([
      { passed: false, worst: { day: '2024-10-06', found: '5 after 1 (400%)' } },
    ])
    const left = await readdir(path.join(state, 'tidemark-s3'), { recursive: true }).catch(() => [])
    expect(left.filter((name) => name.endsWith('.parquet'))).toEqual([])
    await rm(state, { recursive: true })
  })
})
