/** What a replay staged against what is live: every difference is found, and nothing else. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compareView } from '../../src/cli/replay-compare.ts'
import type { ComparedView } from '../../src/cli/replay-compare.ts'
import type { ColumnSpec } from '../../src/core/columns.ts'
import type { Value } from '../../src/core/value.ts'
import { writeValues } from '../../src/duckdb/row-differences.ts'
import { isEqual, summaryOf } from '../../src/replay/comparison.ts'
import { replayOf, ReplayFixture } from '../support/replay-fixture.ts'
import type { SlotContent } from '../support/replay-fixture.ts'
import { fc } from '../support/properties.ts'

const DAY = 20_000
const VIEW = 'activity@1'
const RANGE = { first: DAY, last: DAY + 5 }

const COLUMNS: readonly ColumnSpec[] = [
  { name: 'user', type: { kind: 'string' } },
  { name: 'item', type: { kind: 'int64' } },
  { name: 'event_timestamp', type: { kind: 'timestamp' } },
  { name: 'clicks_1d', type: { kind: 'int64' } },
  { name: 'spend_1d', type: { kind: 'decimal', precision: 38, scale: 2 } },
  { name: 'score_1d', type: { kind: 'double' } },
  { name: 'last_1d', type: { kind: 'string' } },
  { name: '_max_event_time', type: { kind: 'timestamp' } },
  { name: '_complete_from', type: { kind: 'date' } },
  { name: '_definition', type: { kind: 'string' } },
  { name: '_known_at', type: { kind: 'timestamp' } },
  { name: '_run', type: { kind: 'string' } },
]

interface RowParts {
  readonly item?: number
  readonly clicks?: Value
  readonly spend?: Value
  readonly score?: Value
  readonly last?: Value
  readonly maxEventTime?: number
  readonly definition?: string
  readonly run?: string
}

function row(user: string, parts: RowParts = {}): Value[] {
  const { item = 1, clicks = 1, spend = 100, score = 0.5, last = 'x' } = parts
  const { maxEventTime = 1000, definition = 'hash', run = 'run' } = parts
  return [user, item, 5, clicks, spend, score, last, maxEventTime, DAY - 9, definition, 77, run]
}

let fixture: ReplayFixture
let workspace: string

beforeEach(async () => {
  fixture = await ReplayFixture.create()
  workspace = await mkdtemp(path.join(tmpdir(), 'tidemark-diff-'))
})

afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
  await rm(workspace, { recursive: true, force: true })
})

async function fill(
  side: 'live' | 'staged',
  slots: readonly SlotContent[],
  columns = COLUMNS,
): Promise<void> {
  await fixture.fill(side, { columns, sortedBy: ['user', 'item'], slots })
}

function compare(
  closed: readonly (number | undefined)[] = [DAY + 5],
  sampleRows = 10,
): Promise<ComparedView> {
  return compareView(replayOf(RANGE, closed), VIEW, fixture.tables, { workspace, sampleRows })
}

test('rows with the same content are equal, whoever wrote them and when', async () => {
  await fill('live', [{ day: DAY, rows: [row('ann'), row('bob')] }])
  const other = row('ann', { run: 'another' }).with(-2, 78)
  await fill('staged', [{ day: DAY, rows: [other, row('bob', { run: 'another' })] }])
  const { difference } = await compare()
  expect(isEqual(difference)).toBe(true)
  expect(difference).toMatchObject({
    total: { live: 2, staged: 2, added: 0, removed: 0, changed: 0 },
    columns: { onlyLive: [], onlyStaged: [] },
    sample: [],
  })
})

test('added, removed and changed rows are told per day and feature, with the largest and the typical change', async () => {
  await fill('live', [
    { day: DAY, rows: [row('ann'), row('bob'), row('cid'), row('dan')] },
    { day: DAY + 1, rows: [row('ann', { spend: null })] },
  ])
  await fill('staged', [
    {
      day: DAY,
      rows: [
        row('ann', { spend: 150 }),
        row('bob', { spend: 90 }),
        row('cid', { clicks: 8, spend: 1100 }),
        row('eve'),
      ],
    },
    { day: DAY + 1, rows: [row('ann')] },
  ])
  const { difference } = await compare()
  const { total, days, sample } = difference
  expect(total).toMatchObject({
    live: 5,
    staged: 5,
    added: 1,
    removed: 1,
    changed: 4,
    changedFeatures: 4,
  })
  expect(total.columns['spend_1d']).toMatchObject({
    changed: 4,
    filled: 1,
    nulled: 0,
    largest: { by: 10, day: DAY, partition: 0, entity: ['cid', 1], before: 100, after: 1100 },
    typical: 0.5,
    before: { rows: 5, nulls: 1, min: 100, max: 100, mean: 1 },
    after: { rows: 5, nulls: 0, min: 90, max: 1100 },
  })
  expect(total.columns['spend_1d']?.after?.quantiles).toEqual([0.9, 1, 1, 1.5, 11, 11])
  expect(days.map(({ day, added, removed, changed }) => [day, added, removed, changed])).toEqual([
    [DAY, 1, 1, 3],
    [DAY + 1, 0, 0, 1],
  ])
  expect(days[0]?.columns['clicks_1d']).toMatchObject({
    changed: 1,
    largest: { by: 7 },
    typical: 7,
  })
  expect(days[1]?.columns['clicks_1d']).toMatchObject({ changed: 0 })
  expect(
    sample.map(({ kind, entity, columns }) => [kind, entity[0], Object.keys(columns)]),
  ).toEqual([
    ['changed', 'ann', ['spend_1d']],
    ['changed', 'bob', ['spend_1d']],
    ['changed', 'cid', ['clicks_1d', 'spend_1d']],
    ['changed', 'ann', ['spend_1d']],
    ['added', 'eve', expect.arrayContaining(['clicks_1d', 'spend_1d', '_definition'])],
    ['removed', 'dan', expect.arrayContaining(['clicks_1d', 'spend_1d', '_definition'])],
  ])
  expect(isEqual(difference)).toBe(false)
  expect(summaryOf(difference)).toMatchObject({
    equal: false,
    daysCompared: 2,
    daysDifferent: 2,
    columnsChanged: { clicks_1d: 1, spend_1d: 4 },
  })
})

test('what differs is told exactly', async () => {
  const pairs: readonly (readonly [what: string, before: RowParts, after: RowParts])[] = [
    ['a double by its last bit', { score: 0.1 + 0.2 }, { score: 0.3 }],
    ['a decimal of 38 digits by its last one', { spend: 10n ** 37n }, { spend: 10n ** 37n + 1n }],
    ['an integer beyond what a double holds', { clicks: 2n ** 62n }, { clicks: 2n ** 62n + 1n }],
    ['null and zero', { clicks: null }, { clicks: 0 }],
    ['null and an empty text', { last: null }, { last: '' }],
    ['the definition', {}, { definition: 'another' }],
    ['the newest event', { maxEventTime: 1000 }, { maxEventTime: 1001 }],
  ]
  const rows = (side: 1 | 2): Value[][] => pairs.map((pair) => row(pair[0], pair[side]))
  await fill('live', [{ day: DAY, rows: [...rows(1), row('what is equal')] }])
  await fill('staged', [{ day: DAY, rows: [...rows(2), row('what is equal')] }])
  const { difference } = await compare()
  expect(
    difference.sample.map(({ kind, entity }) => `${kind} ${entity[0] as string}`).sort(),
  ).toEqual(pairs.map(([what]) => `changed ${what}`).sort())
  expect(difference.total.columns['spend_1d']).toMatchObject({ changed: 1, largest: { by: 0.01 } })
})

test('the largest change of decimals may need more digits than there are', async () => {
  const most = 10n ** 38n - 1n
  await fill('live', [{ day: DAY, rows: [row('ann', { spend: most })] }])
  await fill('staged', [{ day: DAY, rows: [row('ann', { spend: -most })] }])
  const { difference } = await compare()
  expect(difference.total.columns['spend_1d']).toMatchObject({
    largest: { by: 2e36, before: most, after: -most },
  })
})

test('a change of what a row reflects is told apart from one of its features', async () => {
  await fill('live', [{ day: DAY, rows: [row('ann')] }])
  await fill('staged', [{ day: DAY, rows: [row('ann', { definition: 'another' })] }])
  const { difference } = await compare()
  expect(difference.total).toMatchObject({ changed: 1, changedFeatures: 0 })
})

test('only the days that the replay closed are compared, partition by partition', async () => {
  const slots = (clicks: number): SlotContent[] =>
    [0, 1, 2].flatMap((partition) =>
      [-1, 0, 1, 2].map((day) => ({
        day: DAY + day,
        partition,
        rows: [row(`u${partition}`, { clicks })],
      })),
    )
  await fill('live', slots(1))
  await fill('staged', slots(2))
  const { difference } = await compare([DAY + 1, DAY, undefined])
  expect(difference.days.map(({ day, changed, live }) => [day, changed, live])).toEqual([
    [DAY, 2, 2],
    [DAY + 1, 1, 1],
  ])
})

test('an entity in two partitions has a row in each, and each is compared with its own', async () => {
  await fill('live', [
    { day: DAY, partition: 0, rows: [row('ann', { clicks: 1 })] },
    { day: DAY, partition: 1, rows: [row('ann', { clicks: 2 })] },
  ])
  await fill('staged', [
    { day: DAY, partition: 0, rows: [row('ann', { clicks: 1 })] },
    { day: DAY, partition: 1, rows: [row('ann', { clicks: 3 })] },
  ])
  const { difference } = await compare([DAY, DAY])
  expect(difference).toMatchObject({ total: { changed: 1 }, sample: [{ partition: 1 }] })
})

test('columns that only one side has are told apart, and differ only where they hold something', async () => {
  const more: readonly ColumnSpec[] = [
    ...COLUMNS.slice(0, -2),
    { name: 'clicks_7d', type: { kind: 'int64' } },
    ...COLUMNS.slice(-2),
  ]
  const withMore = (value: Value): Value[] => row('ann').toSpliced(-2, 0, value)
  await fill('live', [{ day: DAY, rows: [row('ann')] }])
  await fill('staged', [{ day: DAY, rows: [withMore(null)] }], more)
  const empty = await compare()
  expect(empty.difference.columns.onlyStaged.map(({ name }) => name)).toEqual(['clicks_7d'])
  expect(isEqual(empty.difference)).toBe(true)
  await fixture.fill('staged', {
    columns: more,
    sortedBy: ['user', 'item'],
    position: 11,
    slots: [{ day: DAY, rows: [withMore(7)] }],
  })
  const { difference } = await compare()
  expect(difference.total).toMatchObject({
    changed: 0,
    columns: { clicks_7d: { after: { mean: 7 } } },
  })
  expect(isEqual(difference)).toBe(false)
})

test('a table that one side lacks is all added, or all removed', async () => {
  await fill('staged', [{ day: DAY, rows: [row('ann'), row('bob')] }])
  const added = await compare()
  expect(added.difference).toMatchObject({
    liveVersion: undefined,
    total: { added: 2, live: 0, staged: 2 },
  })
  expect(isEqual(added.difference)).toBe(false)
})

test('a staged table that was never made means that all rows go', async () => {
  await fill('live', [{ day: DAY, rows: [row('ann'), row('bob')] }])
  const { difference } = await compare()
  expect(difference).toMatchObject({ stagedVersion: undefined, total: { removed: 2 } })
})

test('tables that are missing on both sides are equal', async () => {
  const { difference } = await compare()
  expect(isEqual(difference)).toBe(true)
})

test('a column of another type is refused, as publishing would be', async () => {
  const other = COLUMNS.map((column) =>
    column.name === 'clicks_1d' ? { ...column, type: { kind: 'double' } as const } : column,
  )
  await fill('live', [{ day: DAY, rows: [row('ann')] }])
  await fill('staged', [{ day: DAY, rows: [row('ann')] }], other)
  await expect(compare()).rejects.toThrow(
    /clicks_1d is int64 where it is live, and double in the replay/,
  )
})

test('the file of all differences holds every value that differs, and reads back', async () => {
  await fill('live', [{ day: DAY, rows: [row('a|b'), row('bob'), row('cid', { last: null })] }])
  await fill('staged', [
    {
      day: DAY,
      rows: [row('a|b', { spend: 12_345, score: 0.1 }), row('bob'), row('dan', { last: null })],
    },
  ])
  const { difference, paths } = await compare()
  const file = path.join(workspace, 'all.parquet')
  const { database } = fixture.tables
  await writeValues(database, [{ view: VIEW, columns: difference.columns, paths }], file)
  const rows = await database.rows(
    `SELECT view, day::VARCHAR AS day, entity, kind, "column", before, after, before_number, change FROM read_parquet('${file}') ORDER BY ALL`,
  )
  const lines = rows.map((each) =>
    Object.values(each)
      .map((cell) => cell as string)
      .join(' '),
  )
  const [place, ann] = [`${VIEW} 2024-10-04`, 'a%7Cb|1']
  expect(lines.filter((line) => line.includes(' changed '))).toEqual([
    `${place} ${ann} changed score_1d 0.5 0.1 0.5 -0.4`,
    `${place} ${ann} changed spend_1d 1.00 123.45 1 122.45`,
  ])
  const named = (kind: string): string[] =>
    rows.filter((each) => each['kind'] === kind).map((each) => each['column'] as string)
  const content = [
    '_complete_from',
    '_definition',
    '_max_event_time',
    'clicks_1d',
    'event_timestamp',
    'score_1d',
    'spend_1d',
  ]
  expect(named('removed')).toEqual(content)
  expect(named('added')).toEqual(content)
})

test('no difference is missed or made up: random tables against a comparison row by row', async () => {
  const value = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 3 }))
  const tableRow = fc.record({
    user: fc.constantFrom('ann', 'bob', 'cid'),
    item: fc.integer({ min: 1, max: 2 }),
    day: fc.integer({ min: 0, max: 2 }),
    partition: fc.integer({ min: 0, max: 1 }),
    clicks: value,
    score: fc.oneof(fc.constant(null), fc.constantFrom(0, 0.1, 0.2, 1e300, -1e300)),
  })
  const key = (each: { user: string; item: number; day: number; partition: number }): string =>
    [each.day, each.partition, each.user, each.item].join(' ')
  const table = fc.uniqueArray(tableRow, { maxLength: 12, selector: key })
  await fc.assert(
    fc.asyncProperty(table, table, async (live, staged) => {
      await using random = await ReplayFixture.create()
      for (const [side, rows] of [
        ['live', live],
        ['staged', staged],
      ] as const) {
        const places = new Map<string, SlotContent & { rows: Value[][] }>()
        for (const each of rows) {
          const place = places.get(`${each.day} ${each.partition}`) ?? {
            day: DAY + each.day,
            partition: each.partition,
            rows: [],
          }
          place.rows.push(row(each.user, each))
          places.set(`${each.day} ${each.partition}`, place)
        }
        await random.fill(side, {
          columns: COLUMNS,
          sortedBy: ['user', 'item'],
          slots: [...places.values()],
        })
      }
      const expected = { added: 0, removed: 0, changed: 0 }
      const before = new Map(live.map((each) => [key(each), each]))
      for (const each of staged) {
        const was = before.get(key(each))
        before.delete(key(each))
        if (was === undefined) expected.added++
        else if (!Object.is(was.clicks, each.clicks) || !Object.is(was.score, each.score))
          expected.changed++
      }
      expected.removed = before.size
      const { difference } = await compareView(
        replayOf(RANGE, [DAY + 2, DAY + 2]),
        VIEW,
        random.tables,
        { workspace, sampleRows: 50 },
      )
      expect(difference.total).toMatchObject({
        ...expected,
        live: live.length,
        staged: staged.length,
      })
      expect(difference.sample).toHaveLength(expected.added + expected.removed + expected.changed)
      expect(isEqual(difference)).toBe(Object.values(expected).every((count) => count === 0))
    }),
    { numRuns: 10, verbose: true },
  )
}, 60_000)
