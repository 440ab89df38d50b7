/** What a replay may bring in: the record that it is to publish, and what no replay can bring in under an old name. */
import { describe, expect, test } from 'vitest'
import type { Pipeline, ViewDefinition } from '../../src/core/definition.ts'
import { compareGenerations } from '../../src/core/generation-change.ts'
import { recordOf } from '../../src/core/generation.ts'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { replayedRecord } from '../../src/core/replayed-record.ts'
import type { ReplayedChange } from '../../src/core/replayed-record.ts'
import { planViews } from '../../src/core/view-plan.ts'
import { COUNT, HOUR_MS, day, pipelineOf, viewOf } from '../support/builders.ts'
import type { PipelineParts } from '../support/builders.ts'

const LAST = { name: 'newest', aggregate: 'last', field: 'user' } as const
const VIEW = viewOf([1, 7], [{ ...COUNT, windows: [7] }], { hash: 'old' })

function recordFor(pipeline: Pipeline): GenerationRecord {
  return recordOf(pipeline, planViews(pipeline), {
    generation: 4,
    zoneData: '2026a',
    origins: [10, 20],
    log: 'topic id',
  })
}

const STORED: GenerationRecord = {
  ...recordFor(pipelineOf({ views: [VIEW] })),
  amendments: [{ kind: 'drop', partition: 0, offset: 17 }],
  handOver: { kind: 'own', days: { first: 1, last: 2 } },
}

function changeTo(
  views: readonly ViewDefinition[],
  rows: Parameters<typeof replayedRecord>[2] = {},
  parts: Partial<PipelineParts> = {},
): ReplayedChange {
  return replayedRecord(STORED, recordFor(pipelineOf({ ...parts, views })), rows)
}

function changed(change: ReplayedChange): Extract<ReplayedChange, { kind: 'changed' }> {
  if (change.kind !== 'changed') throw new Error(`the change is ${change.kind}`)
  return change
}

test('the same file gives no new record: the replay counts the same anew', () => {
  expect(changeTo([VIEW])).toEqual({ kind: 'same' })
})

test('the next record goes on with the log, its origins and its amendments, and without a hand-over', () => {
  const { record } = changed(changeTo([VIEW, { ...VIEW, version: 2, hash: 'new' }]))
  const { generation, log, segments, amendments, handOver } = record
  expect({ generation, log, segments, amendments, handOver }).toEqual({
    generation: 5,
    log: 'topic id',
    segments: STORED.segments,
    amendments: STORED.amendments,
    handOver: undefined,
  })
})

describe('views come and go', () => {
  test('a new version stands behind the old one, which stays as it is', () => {
    const second = viewOf([1, 3], [LAST], { version: 2, hash: 'new' })
    const { record, views, retired, answeredByTiles } = changed(changeTo([second, VIEW]))
    expect(record.views.map(({ name, version }) => `${name}@${version}`)).toEqual([
      'activity@1',
      'activity@2',
    ])
    expect(record.views[0]).toBe(STORED.views[0])
    expect({ views, retired, answeredByTiles }).toEqual({
      views: ['activity@2'],
      retired: [],
      answeredByTiles: false,
    })
  })

  test('one that is in the file no longer is retired', () => {
    const second = viewOf([1, 3], [LAST], { version: 2, hash: 'new' })
    const change = changed(changeTo([second]))
    expect(change).toMatchObject({ views: ['activity@2'], retired: ['activity@1'] })
    expect(change.differences).toEqual([
      'views.activity@2: new',
      'views.activity@1: no longer written',
    ])
  })
})

describe('under the same version', () => {
  test('a column is filled: it has no first day', () => {
    const change = changed(
      changeTo([viewOf([1, 7], [{ ...COUNT, windows: [7] }, LAST], { hash: 'new' })]),
    )
    expect(change.record.views[0]?.columns['newest_7d']?.since).toBeUndefined()
    expect(change.record.views[0]).toMatchObject({ hash: 'new', earlier: [] })
    expect(change).toMatchObject({ views: ['activity@1'], answeredByTiles: false })
  })

  test.each([
    { what: 'a longer window', view: viewOf([1, 7, 30], [{ ...COUNT, windows: [7, 30] }]) },
    { what: 'a window among the old ones', view: viewOf([1, 7], [{ ...COUNT, windows: [1, 7] }]) },
    {
      what: 'a feature under another name',
      view: viewOf(
        [1, 7],
        [
          { ...COUNT, windows: [7] },
          { ...COUNT, name: 'm' },
        ],
      ),
    },
  ])('$what is answered by stored tiles', ({ view }) => {
    expect(changeTo([{ ...view, hash: 'new' }])).toMatchObject({
      kind: 'changed',
      answeredByTiles: true,
    })
  })

  test('rows before the first that is written keep their hash, and null in what is new', () => {
    const from = day('2026-02-01')
    const wider = viewOf([1, 7], [{ ...COUNT, windows: [1, 7] }], { hash: 'new' })
    const { record } = changed(changeTo([wider], { from }))
    expect(record.views[0]).toMatchObject({
      hash: 'new',
      earlier: [{ hash: 'old', before: from }],
      columns: { n_1d: { since: from } },
    })
    expect(record.views[0]?.columns['n_7d']?.since).toBeUndefined()
  })

  test('what was in force before the first day written stays, what was in force after it is written anew', () => {
    const [view] = STORED.views
    if (view === undefined) throw new Error('there is a view')
    const earlier = [
      { hash: 'first', before: day('2026-01-01') },
      { hash: 'second', before: day('2026-03-01') },
    ]
    const from = day('2026-02-01')
    const change = replayedRecord(
      { ...STORED, views: [{ ...view, earlier }] },
      recordFor(pipelineOf({ views: [viewOf([1, 7], [COUNT], { hash: 'new' })] })),
      { from },
    )
    expect(changed(change).record.views[0]?.earlier).toEqual([
      { hash: 'first', before: day('2026-01-01') },
      { hash: 'second', before: from },
    ])
  })

  test('a column that came without a replay is filled where that is asked for', () => {
    const wider = viewOf([1, 7], [{ ...COUNT, windows: [1, 7] }], { hash: 'new' })
    const wanted = recordFor(pipelineOf({ views: [wider] }))
    const now = { closedDay: day('2026-03-05'), newestDay: day('2026-03-06') }
    const added = compareGenerations(STORED, wanted, now)
    if (added.kind !== 'additive') throw new Error(`the change is ${added.kind}`)
    expect(added.record.views[0]?.columns['n_1d']?.since).toBe(day('2026-03-06'))
    expect(replayedRecord(added.record, wanted)).toEqual({ kind: 'same' })
    const filled = changed(replayedRecord(added.record, wanted, { fillsColumns: true }))
    expect(filled.record.views[0]).toMatchObject({ hash: 'new', earlier: [] })
    expect(filled.record.views[0]?.columns['n_1d']?.since).toBeUndefined()
    expect(filled).toMatchObject({
      answeredByTiles: true,
      differences: ['views.activity@1: filled for earlier days n_1d'],
    })
  })
})

describe('what records are judged by', () => {
  test('changes for all views at once, and tiles do not answer it', () => {
    const time = { allowedLatenessMs: 48 * HOUR_MS }
    const change = changed(changeTo([VIEW], {}, { time }))
    expect(change).toMatchObject({ views: ['activity@1'], answeredByTiles: false })
    expect(change.record.policy.allowedLatenessMs).toBe(48 * HOUR_MS)
    expect(change.differences[0]).toContain('time.allowedLateness')
  })
})

describe('what no replay brings in under the same version', () => {
  test.each([
    {
      what: 'another filter',
      view: { ...VIEW, where: { kind: 'present', field: 'user' } as const },
      why: 'another entity or filter',
    },
    {
      what: 'a column of another meaning',
      view: viewOf([1, 7], [{ ...LAST, name: 'n', windows: [7] }]),
      why: 'the column n_7d means something else',
    },
  ])('$what', ({ view, why }) => {
    const change = changeTo([{ ...view, hash: 'new' }])
    expect(change).toMatchObject({ kind: 'refused' })
    expect(change.kind === 'refused' && change.differences).toEqual([
      expect.stringMatching(new RegExp(`^views.activity: ${why}.*new version: \`activity@2\`$`)),
    ])
  })

  test('another time zone, but new versions of all views may have one', () => {
    const time = { zone: 'Europe/Berlin' }
    expect(changeTo([VIEW], {}, { time })).toMatchObject({
      kind: 'refused',
      differences: [expect.stringContaining('views.activity: time.zone is another one')],
    })
    const second = { ...VIEW, version: 2, hash: 'new' }
    expect(changeTo([second], {}, { time })).toMatchObject({
      kind: 'changed',
      retired: ['activity@1'],
    })
  })

  test('another name of the pipeline, another number of slots', () => {
    const wanted = { ...recordFor(pipelineOf({ views: [VIEW] })), pipeline: 'other', slots: 8 }
    const change = replayedRecord(STORED, wanted)
    expect(change).toMatchObject({
      kind: 'refused',
      differences: [
        expect.stringContaining('name: was test, is now other'),
        expect.stringContaining('sinks.offline.slots: was 1, is now 8'),
      ],
    })
  })
})
