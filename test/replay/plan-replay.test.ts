/** Plans of replays: which days, from where, up to where, and what is refused. */
import { describe, expect, test } from 'vitest'
import { formatDay } from '../../src/core/day.ts'
import type { Pipeline } from '../../src/core/definition.ts'
import { recordOf } from '../../src/core/generation.ts'
import type { GenerationRecord } from '../../src/core/generation.ts'
import { NO_TIME } from '../../src/core/partition-time.ts'
import { planViews } from '../../src/core/view-plan.ts'
import type { KnownCheckpoint, PartitionKnowledge } from '../../src/replay/knowledge.ts'
import { planReplay } from '../../src/replay/plan-replay.ts'
import type { PlannedReplay } from '../../src/replay/plan-replay.ts'
import type { ReplayFacts, ReplayRequest } from '../../src/replay/plan-scope.ts'
import { OPEN_DAY } from '../../src/replay/plan.ts'
import { stagedDays } from '../../src/replay/staged.ts'
import type { PartitionReplay } from '../../src/replay/plan.ts'
import { parseRange } from '../../src/replay/range.ts'
import type { TypedRange } from '../../src/replay/range.ts'
import { COUNT, DAY_MS, HOUR_MS, at, day, pipelineOf, viewOf } from '../support/builders.ts'
import { UTC, knowledgeOf } from './known-log.ts'
import type { LogPolicy, LoggedEvent } from './known-log.ts'

const POLICY: LogPolicy = {
  outOfOrdernessMs: HOUR_MS,
  allowedLatenessMs: DAY_MS,
  duplicatesWithinMs: DAY_MS,
}
const TIME = { outOfOrdernessMs: HOUR_MS, allowedLatenessMs: DAY_MS }
const WEEK = viewOf([1, 7], [COUNT])
const TWO_DAYS = viewOf([2], [COUNT], { name: 'recent', hash: 'recent' })

/** An event every six hours from 2024-03-01 on: offset 4 n is the first of day n. */
function eventsOf(days: number): LoggedEvent[] {
  return Array.from({ length: days * 4 }, (_, offset) => ({
    offset,
    time: at('2024-03-01') + offset * 6 * HOUR_MS,
    id: `e${offset}`,
  }))
}

/** The offset of the first event that closes a day: an hour of disorder makes it the second of the next day. */
function closeOf(date: string): number {
  return (day(date) + 1 - day('2024-03-01')) * 4 + 1
}

function recordNow(pipeline: Pipeline, partitions: number): GenerationRecord {
  const origins = Array.from<number>({ length: partitions }).fill(0)
  const parts = { generation: 1, zoneData: 'none', log: undefined, origins }
  return recordOf(pipeline, planViews(pipeline), parts)
}

interface Case {
  readonly range?: TypedRange
  readonly request?: Partial<ReplayRequest>
  readonly pipeline?: Pipeline
  readonly before?: Pipeline
  readonly partitions?: readonly PartitionKnowledge[]
  readonly tilesLeftFrom?: string
}

/** Forty days are known, to 2024-04-09 18:00; the last final day is 2024-04-07. */
const FORTY = knowledgeOf(eventsOf(40), POLICY)

function planned(plan: Case): PlannedReplay {
  const pipeline = plan.pipeline ?? pipelineOf({ views: [WEEK, TWO_DAYS], time: TIME })
  const partitions = plan.partitions ?? [FORTY]
  const facts: ReplayFacts = {
    pipeline,
    stored: recordNow(plan.before ?? pipeline, partitions.length),
    zoneData: 'none',
    source: { kind: 'log' },
    partitions,
    tilesLeftFrom: plan.tilesLeftFrom === undefined ? undefined : day(plan.tilesLeftFrom),
  }
  return planReplay(
    {
      id: 'r1',
      text: '',
      range: parseRange(plan.range ?? { days: '2024-03-15..2024-03-16' }, UTC),
      views: undefined,
      onlyRange: false,
      start: undefined,
      allowIncomplete: false,
      amendments: [],
      audit: { atMs: 0, by: 'me', reason: 'test', software: 'test' },
      ...plan.request,
    },
    facts,
  )
}

function days({ first, last }: { readonly first: number; readonly last: number }): string {
  return `${formatDay(first)} .. ${last === OPEN_DAY ? 'end' : formatDay(last)}`
}

function only({ plan }: PlannedReplay): PartitionReplay {
  const [partition] = plan.partitions
  if (partition === undefined || plan.partitions.length > 1) throw new Error('one partition')
  return partition
}

/** Its tiles up to that day are in the tables. */
function withTiles(date: string, known: PartitionKnowledge = FORTY): PartitionKnowledge {
  if (known.state === undefined) throw new Error('a state')
  return { ...known, state: { ...known.state, tilesTo: day(date) } }
}

describe('a range of the past', () => {
  test('is staged with all rows that its tiles can reach, the last of them all-empty ones', () => {
    const { plan } = planned({})
    expect(days(plan.range)).toBe('2024-03-15 .. 2024-03-16')
    expect(days(plan.staged)).toBe('2024-03-15 .. 2024-03-23')
    expect(plan.views).toEqual(['activity@1', 'recent@1'])
    expect(plan).toMatchObject({ handsOver: false, incomplete: false, base: 1 })
    expect(plan.record).toMatchObject({ generation: 2, amendments: [] })
  })

  test('is read from the milestone before its first tile to where its last row is final', () => {
    const replay = only(planned({ request: { start: 'milestone' } }))
    // The tile of 03-08 matters to the all-empty rows of 03-15; the last milestone before it is the close of 03-06, in 03-07.
    const countsFrom = closeOf('2024-03-06') + 1
    expect(replay.start).toMatchObject({ kind: 'milestone', countsFrom })
    // 03-23 is final with the first event of 03-25 01:00 or later.
    expect(replay.stop).toBe(closeOf('2024-03-24') + 1)
    // Ids of 03-05 count until 03-07 00:00: they are remembered from the first milestone whose newest event is of 03-04 or before.
    expect(replay.start.offset).toBeLessThan(countsFrom)
    expect(replay.records).toBe((replay.stop ?? NaN) - replay.start.offset)
  })

  test('of the views that are named is as long as their windows', () => {
    const { plan } = planned({ request: { views: ['recent@1'] } })
    expect(days(plan.staged)).toBe('2024-03-15 .. 2024-03-18')
    expect(plan.views).toEqual(['recent@1'])
  })

  test('alone, with --only-range, leaves the rows after it', () => {
    const result = planned({ request: { onlyRange: true } })
    expect(days(result.plan.staged)).toBe('2024-03-15 .. 2024-03-16')
    expect(only(result).stop).toBe(closeOf('2024-03-17') + 1)
  })

  test('is read from the origin where the log closed no day before its first tile', () => {
    const replay = only(planned({ range: { days: '2024-03-02..2024-03-03' } }))
    expect(replay.start).toEqual({ kind: 'origin', offset: 0 })
  })

  test('does not wait for a partition that never had an event', () => {
    const empty = { ...knowledgeOf([], POLICY), partition: 1 }
    const { plan } = planned({ partitions: [FORTY, empty] })
    expect(plan.handsOver).toBe(false)
    expect(plan.partitions[1]).toMatchObject({ stop: 0, records: 0 })
  })
})

describe('a partition that has been quiet since before the range', () => {
  const quiet = { ...knowledgeOf(eventsOf(10), POLICY), partition: 1 }

  test('keeps its state: the replay changes nothing of it', () => {
    const { plan } = planned({ partitions: [FORTY, quiet] })
    expect(plan.handsOver).toBe(false)
    expect(plan.partitions[1]?.stop).toBe(40)
  })

  test('does not, where it has something to read', () => {
    const behind = { ...quiet, log: { ...quiet.log, end: 41 } }
    expect(planned({ partitions: [FORTY, behind] }).plan.handsOver).toBe(true)
  })

  test('is counted for what it had in the range', () => {
    const range = { days: '2024-03-10..2024-03-12' }
    expect(planned({ range, partitions: [FORTY, quiet] }).plan.handsOver).toBe(true)
  })
})

describe('the start that reads least', () => {
  const checkpoint = (id: string, date: string): KnownCheckpoint => {
    const known = knowledgeOf(eventsOf(day(date) - day('2024-03-01')), POLICY)
    const { head } = known.state ?? { head: undefined }
    if (head === undefined) throw new Error('a state')
    return { id, nextOffset: head.nextOffset, time: head.time, bytes: 1 }
  }

  test('is a checkpoint, if its newest event is before the range', () => {
    const checkpoints = [checkpoint('new', '2024-03-16'), checkpoint('old', '2024-03-15')]
    const replay = only(planned({ partitions: [{ ...FORTY, checkpoints }] }))
    expect(replay.start).toEqual({ kind: 'checkpoint', offset: 56, checkpoint: 'old' })
  })

  test('is stored tiles, where they save most of the reading', () => {
    const week = { days: '2024-03-31' }
    const near = only(planned({ range: week, partitions: [withTiles('2024-04-08')] }))
    expect(near.start.kind).toBe('milestone')
    const month = viewOf([20], [COUNT])
    const pipeline = pipelineOf({ views: [month], time: TIME })
    const range = { days: '2024-04-06' }
    const far = only(planned({ pipeline, range, partitions: [withTiles('2024-04-08')] }))
    if (far.start.kind !== 'tiles') throw new Error(far.start.kind)
    // The replay is handed over, so it stages 04-06 on; a row of that day needs twenty days and the one before them.
    expect(days(far.start.tiles)).toBe('2024-03-17 .. 2024-04-05')
    expect(far.start.countsFrom).toBe(closeOf('2024-04-04') + 1)
  })

  test('loads no tile of a day that a table lacks something of', () => {
    const known = withTiles('2024-04-08')
    const dirty = [{ kind: 'tiles', view: 0, day: day('2024-03-11'), slot: 0 }] as const
    const state = known.state && { ...known.state, dirty }
    const partitions = [{ ...known, state }]
    const { start } = only(planned({ partitions, request: { start: 'tiles' } }))
    if (start.kind !== 'tiles') throw new Error(start.kind)
    expect(days(start.tiles)).toBe('2024-03-08 .. 2024-03-10')
    expect(start.countsFrom).toBe(closeOf('2024-03-09') + 1)
  })

  test('loads no tile of a day that a publication has still to change, or could not', () => {
    const partitions = [withTiles('2024-04-08')]
    const request = { start: 'tiles' } as const
    const { start } = only(planned({ partitions, request, tilesLeftFrom: '2024-03-11' }))
    if (start.kind !== 'tiles') throw new Error(start.kind)
    expect(days(start.tiles)).toBe('2024-03-08 .. 2024-03-10')
    expect(() => planned({ partitions, request, tilesLeftFrom: '2024-03-08' })).toThrow(
      /no tiles of 2024-03-08 are stored/,
    )
  })
})

describe('days that owners may still write', () => {
  test('come by a hand-over: everything to the end is staged, of all views', () => {
    const result = planned({ range: { days: '2024-04-02' }, request: { views: ['activity@1'] } })
    const { plan } = result
    expect(plan.handsOver).toBe(true)
    expect(days(plan.staged)).toBe('2024-04-02 .. end')
    expect(plan.views).toEqual(['activity@1', 'recent@1'])
    expect(only(result).stop).toBeUndefined()
    expect(result.handsOverBecause).toContain('rows up to 2024-04-09 change')
  })

  test('are staged from the first that is not final, or that a table lacks, on', () => {
    expect(days(planned({ range: { days: '2024-04-09' } }).plan.staged)).toBe('2024-04-08 .. end')
    const dirty = [{ kind: 'rows', view: 0, day: day('2024-04-05'), slot: 0 }] as const
    const state = FORTY.state && { ...FORTY.state, dirty }
    const { plan } = planned({ range: { days: '2024-04-09' }, partitions: [{ ...FORTY, state }] })
    expect(days(plan.staged)).toBe('2024-04-05 .. end')
  })

  test('are taken over where owners have still to write them, however final they are', () => {
    const days = { days: '2024-03-20' }
    expect(planned({ range: days }).plan.handsOver).toBe(false)
    const dirty = [{ kind: 'rows', view: 0, day: day('2024-03-21'), slot: 0 }] as const
    const state = FORTY.state && { ...FORTY.state, dirty }
    const { handsOverBecause } = planned({ range: days, partitions: [{ ...FORTY, state }] })
    expect(handsOverBecause).toBe('partition 0 has still to write rows or tiles of 2024-03-21')
  })

  test('of a partition that ended a month ago are its own: the others do not go back for them', () => {
    const idle = { ...knowledgeOf(eventsOf(10), POLICY), partition: 1 }
    const result = planned({ range: { days: '2024-04-09' }, partitions: [FORTY, idle] })
    // The newest event of partition 1 is of 03-10: 03-09 may still get records, by what its log says.
    expect(days(result.plan.staged)).toBe('2024-03-09 .. end')
    const [busy, alone] = result.plan.partitions
    expect(busy && formatDay(stagedDays(result.plan, 0).first)).toBe('2024-04-08')
    expect(alone && formatDay(stagedDays(result.plan, 1).first)).toBe('2024-03-09')
    const [whole] = planned({ range: { days: '2024-04-09' } }).plan.partitions
    expect(busy?.start).toEqual(whole?.start)
  })

  describe('of a partition that has no event yet', () => {
    const range = { days: '2024-04-05..' }
    const empty = { ...knowledgeOf([], POLICY), partition: 1 }
    const refusing = empty.state && {
      ...empty.state,
      head: { ...empty.state.head, nextOffset: 3 },
    }
    const firstOf = ({ plan }: PlannedReplay, partition: number): string =>
      formatDay(stagedDays(plan, partition).first)

    test.each<[string, PartitionKnowledge]>([
      ['and no state', { ...empty, state: undefined }],
      ['and an empty state', empty],
      [
        'but records that were refused',
        { ...empty, log: { ...empty.log, end: 3 }, state: refusing },
      ],
    ])('%s are any, for itself alone: it may get one before the replay runs', (_, known) => {
      const result = planned({ range, partitions: [FORTY, known] })
      expect(firstOf(result, 1)).toBe('2000-01-01')
      expect(firstOf(result, 0)).toBe('2024-04-05')
      expect(days(result.plan.staged)).toBe('2024-04-05 .. end')
    })

    test('are any beside columns that the others fill from one day on', () => {
      const before = pipelineOf({ views: [WEEK], time: TIME })
      const result = planned({ before, range, partitions: [FORTY, empty] })
      expect(firstOf(result, 1)).toBe('2000-01-01')
      expect(firstOf(result, 0)).toBe('2024-04-05')
      const since = Object.values(result.plan.record.views[1]?.columns ?? {})
      expect(since.map((column) => formatDay(column.since ?? NaN))).toEqual(['2024-04-05'])
    })

    test('are not known where its log had some, and has forgotten them', () => {
      const forgotten = { ...empty, log: { ...empty.log, start: 9, end: 9 }, state: undefined }
      const request = { allowIncomplete: true }
      const result = planned({ range, request, partitions: [FORTY, forgotten] })
      expect(firstOf(result, 1)).toBe('2024-04-05')
    })
  })

  test('cannot be left out', () => {
    const plan = (): unknown =>
      planned({ range: { days: '2024-04-08' }, request: { onlyRange: true } })
    expect(plan).toThrow(/--only-range: .* partition 0 can still correct .*REPLAY_REFUSED/)
  })

  test('are all days where nothing is known of a partition', () => {
    const unknown: PartitionKnowledge = { ...FORTY, state: undefined }
    const result = planned({ partitions: [unknown] })
    expect(days(result.plan.staged)).toBe('2000-01-01 .. end')
    expect(only(result).start).toEqual({ kind: 'origin', offset: 0 })
  })
})

describe('a log that no longer has its beginning', () => {
  /** It begins with 2024-04-01: nine days are left. */
  const log = { ...FORTY.log, start: 31 * 4 }
  const short: PartitionKnowledge = { ...FORTY, log }
  const range = { days: '2024-04-05' }

  test('is refused with the reasons and the first day that is possible', () => {
    const plan = (): unknown => planned({ range, partitions: [short] })
    expect(plan).toThrow(/does not reach back far enough for rows of 2024-04-05/)
    expect(plan).toThrow(/from the origin: .* the log begins at 124 now/)
    expect(plan).toThrow(/--archive.*--allow-incomplete/)
  })

  test('serves with the tiles of the tables, exactly', () => {
    const result = planned({ range, partitions: [withTiles('2024-04-07', short)] })
    const { start } = only(result)
    if (start.kind !== 'tiles') throw new Error(start.kind)
    expect(days(start.tiles)).toBe('2024-03-29 .. 2024-04-04')
    expect(start.offset).toBeGreaterThanOrEqual(log.start)
    expect(result.plan.incomplete).toBe(false)
  })

  test('does not serve with a start that cannot be had, and says so', () => {
    const plan = (): unknown => planned({ range, partitions: [short], request: { start: 'tiles' } })
    expect(plan).toThrow(/--start tiles does not serve rows of 2024-04-05:[^]*another --start/)
  })

  test('tells the first day that stored tiles still serve', () => {
    const plan = (): unknown =>
      planned({ range: { days: '2024-04-02' }, partitions: [withTiles('2024-04-07', short)] })
    expect(plan).toThrow(/a range that begins on 2024-04-0\d or later/)
  })

  test('may be used all the same: rows say from which day on they are whole', () => {
    const request = { allowIncomplete: true }
    const result = planned({ range, request, partitions: [short] })
    expect(result.plan.incomplete).toBe(true)
    const { start } = only(result)
    if (start.kind !== 'milestone') throw new Error(start.kind)
    expect(start.countsFrom).toBe(closeOf('2024-03-31') + 1)
    expect(start.time.completeFrom).toBe(day('2024-04-02'))
  })
})

test('a hand-over of states that begin where the log does by now makes that the origin', () => {
  const log = { ...FORTY.log, start: 100 }
  const partitions = [{ ...FORTY, log, state: undefined }]
  const result = planned({ partitions, request: { allowIncomplete: true } })
  expect(only(result).start).toEqual({ kind: 'origin', offset: 100 })
  expect(result.plan.record.segments).toEqual([{ partition: 0, origin: 100 }])
})

describe('amendments', () => {
  const drop = { kind: 'drop', partition: 0, offset: 81 } as const

  test('that drop a record are replayed from the first day that records after it can reach', () => {
    const { plan } = planned({ request: { range: undefined, amendments: [drop] } })
    // Offset 81 is 2024-03-21 06:00; the last milestone before it has a watermark of 03-20 05:00.
    expect(days(plan.range)).toBe('2024-03-19 .. end')
    expect(plan.handsOver).toBe(true)
    expect(plan.record.amendments).toEqual([drop])
  })

  test('leave nothing of what came after such a record in use', () => {
    const range = { days: '2024-04-05' }
    const { start } = only(planned({ range, request: { amendments: [drop], start: 'milestone' } }))
    if (start.kind !== 'milestone') throw new Error(start.kind)
    expect(start.countsFrom).toBeLessThanOrEqual(drop.offset)
  })

  test('that accept a record are replayed from its day, and add to those before', () => {
    const accept = { kind: 'accept', partition: 0, offset: 90, day: day('2024-03-12') } as const
    const { plan } = planned({ request: { range: undefined, amendments: [accept, drop] } })
    expect(days(plan.range)).toBe('2024-03-12 .. end')
    expect(plan.record.amendments).toEqual([drop, accept])
  })
})

describe('a changed pipeline file', () => {
  const before = pipelineOf({ views: [WEEK], time: TIME })

  test('with a new view comes in by a hand-over, from no older state', () => {
    const pipeline = pipelineOf({ views: [WEEK, TWO_DAYS], time: TIME })
    const checkpoints = [
      {
        id: 'c',
        nextOffset: 56,
        time: { ...NO_TIME, maxEventTime: at('2024-03-14') },
        bytes: 1,
      },
    ]
    const result = planned({ before, pipeline, partitions: [{ ...FORTY, checkpoints }] })
    expect(result.handsOverBecause).toBe('the definitions change')
    expect(only(result).start.kind).toBe('milestone')
    expect(result.plan.record.views.map(({ name }) => name)).toEqual(['activity', 'recent'])
    expect(result.changes.join()).toContain('recent@1: new')
  })

  test('with another policy counts everything anew, from the origin', () => {
    const time = { ...TIME, allowedLatenessMs: 2 * DAY_MS }
    const result = planned({ before, pipeline: pipelineOf({ views: [WEEK], time }) })
    expect(only(result).start).toEqual({ kind: 'origin', offset: 0 })
    expect(days(result.plan.staged)).toBe('2000-01-01 .. end')
    expect(result.plan.record.policy.allowedLatenessMs).toBe(2 * DAY_MS)
  })

  test('that stored tiles answer is made from a copy of the live state: nothing of the log is read', () => {
    const longer = viewOf([1, 7, 30], [COUNT], { hash: 'longer' })
    const pipeline = pipelineOf({ views: [longer], time: TIME })
    const result = planned({ before, pipeline, request: { range: undefined } })
    const { nextOffset } = FORTY.state?.head ?? { nextOffset: NaN }
    expect(only(result)).toMatchObject({ start: { kind: 'live', offset: nextOffset }, records: 0 })
    expect(days(result.plan.staged)).toBe('2000-01-01 .. end')
    expect(result.plan.record.views).toMatchObject([{ hash: 'longer', earlier: [] }])
  })

  test('that stored tiles answer is counted from the log all the same where days are named', () => {
    const longer = viewOf([1, 7, 30], [COUNT], { hash: 'longer' })
    const pipeline = pipelineOf({ views: [longer], time: TIME })
    const result = planned({ before, pipeline, range: { days: '2024-04-05..' } })
    expect(only(result).start.kind).not.toBe('live')
    expect(result.plan.record.views[0]?.earlier).toEqual([
      { hash: 'test', before: result.plan.staged.first },
    ])
  })

  test('that only lacks a view writes no more than owners still do', () => {
    const both = pipelineOf({ views: [WEEK, TWO_DAYS], time: TIME })
    const result = planned({ before: both, pipeline: before, request: { range: undefined } })
    expect(days(result.plan.staged)).toBe('2024-04-08 .. end')
    expect(result.plan.record.views.map(({ name }) => name)).toEqual(['activity'])
  })

  test('is what a replay without days is about: where nothing changed, days are asked for', () => {
    expect(() => planned({ request: { range: undefined } })).toThrow(/which days\?.*USAGE/)
  })

  test('that no replay can bring in is refused', () => {
    const pipeline = { ...before, name: 'other' }
    expect(() => planned({ before, pipeline })).toThrow(/DEFINITION_CHANGED/)
  })
})

test('a range after the newest event is a mistake', () => {
  expect(() => planned({ range: { days: '2024-05-01' } })).toThrow(
    /nothing to replay from 2024-05-01 on: the newest event is of 2024-04-09.*USAGE/,
  )
})
