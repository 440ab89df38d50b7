import { expect, test } from 'vitest'
import type { GenerationRecord } from '../../src/core/generation.ts'
import type { ArchiveSelection } from '../../src/engine/archive-port.ts'
import type { PartitionReplay, ReplayPlan } from '../../src/replay/plan.ts'
import { settleArchive } from '../../src/replay/settle-archive.ts'
import type { ArchivedPartition, SelectedArchive } from '../../src/replay/settle-archive.ts'

const SELECTION: ArchiveSelection = {
  location: '/kept',
  checksum: 'c',
  columns: {},
  layout: 'whole',
  hasPositions: true,
  hasInstant: false,
  files: [],
}

function planOf(offset: number, stop: number | undefined, partitions = 1): ReplayPlan {
  const segments = Array.from({ length: partitions }, (_, partition) => ({ partition, origin: 0 }))
  const replays = segments.map(({ partition }): PartitionReplay => {
    return { partition, start: { kind: 'origin', offset }, stop, records: undefined }
  })
  return {
    format: 1,
    id: 'r',
    pipeline: 'shop',
    base: 1,
    record: { segments, log: 'topic' } as unknown as GenerationRecord,
    request: '',
    range: { first: 0, last: 1 },
    staged: { first: 0, last: 1 },
    views: [],
    source: { kind: 'log' },
    partitions: replays,
    handsOver: stop === undefined,
    incomplete: false,
    audit: { atMs: 0, by: '', reason: '', software: '' },
  }
}

function archive(
  { start = 0, end = 100, ...rest }: Partial<ArchivedPartition>,
  log?: { readonly start: number; readonly end: number },
  parts: Partial<SelectedArchive> = {},
): SelectedArchive {
  const partition = { partition: 0, start, end, records: end - start, gaps: [], ...rest }
  return {
    selection: SELECTION,
    partitions: [partition],
    log: log && [log],
    readsOn: true,
    ...parts,
  }
}

test.each([
  ['the archive has it all', planOf(20, 60), archive({}), false, 40],
  [
    'the log goes on within it',
    planOf(20, undefined),
    archive({}, { start: 80, end: 150 }),
    true,
    130,
  ],
  [
    'the log goes on right at its end',
    planOf(20, undefined),
    archive({}, { start: 100, end: 101 }),
    true,
    81,
  ],
  [
    'the log has nothing more',
    planOf(20, undefined),
    archive({}, { start: 80, end: 100 }),
    false,
    80,
  ],
  ['a gap that nobody reads', planOf(20, 60), archive({ gaps: [{ from: 70, to: 80 }] }), false, 40],
])('%s: the plan says what is read', (_, plan, selected, readsOn, records) => {
  const settled = settleArchive(plan, selected, false)
  expect(settled.source).toMatchObject({ kind: 'archive', checksum: 'c', readsOn })
  expect(settled.partitions[0]?.records).toBe(records)
  expect(settled.incomplete).toBe(false)
})

test.each([
  [
    'files are missing within',
    planOf(20, 60),
    archive({ gaps: [{ from: 30, to: 40 }] }),
    '30 to 39',
  ],
  ['it begins too late', planOf(20, 60), archive({ start: 25 }), '20 to 24'],
  ['it ends too early', planOf(20, 160), archive({}), '100 to 159'],
  [
    'the log has forgotten what follows',
    planOf(20, undefined),
    archive({}, { start: 120, end: 150 }),
    '100 to 119',
  ],
  [
    'the log cannot be read on, its offsets being bytes',
    planOf(20, undefined),
    archive({}, { start: 0, end: 150 }, { readsOn: false }),
    '100 to 149',
  ],
])('%s: refused by its offsets, unless that is wanted', (_, plan, selected, offsets) => {
  expect(() => settleArchive(plan, selected, false)).toThrow(`partition 0: offsets ${offsets}\n`)
  expect(settleArchive(plan, selected, true).incomplete).toBe(true)
})

test('rows without positions are read from their beginning, for final days of a pipeline of one partition', () => {
  const own = archive(
    {},
    { start: 500, end: 900 },
    { selection: { ...SELECTION, hasPositions: false } },
  )
  const settled = settleArchive(planOf(520, 600), own, false)
  expect(settled).toMatchObject({
    incomplete: true,
    source: { kind: 'archive', readsOn: false },
    record: { log: 'topic' },
    partitions: [
      { partition: 0, start: { kind: 'origin', offset: 0 }, stop: undefined, records: 100 },
    ],
  })
  expect(() => settleArchive(planOf(520, 600, 2), own, true)).toThrow(
    /of one partition, and the pipeline has 2/,
  )
  expect(() => settleArchive(planOf(520, undefined), own, true)).toThrow(
    /no state of it can be continued/,
  )
})
