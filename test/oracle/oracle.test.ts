/** The oracle itself, on timelines small enough to work out by hand. If these are wrong, nothing compared with it is right. */
import { describe, expect, test } from 'vitest'
import type { Pipeline } from '../../src/core/definition.ts'
import {
  at,
  COUNT,
  day,
  DAY_MS,
  HOUR_MS,
  pipelineOf,
  recordsAt,
  viewOf,
} from '../support/builders.ts'
import { recompute, type OracleResult } from '../support/oracle.ts'
import type { RawRecord } from '../support/raw-record.ts'

const COUNTS = viewOf([1, 3], [COUNT])

function run(pipeline: Pipeline, records: readonly RawRecord[], tickedMs?: number): OracleResult {
  const partition = { partition: 0, records, ...(tickedMs === undefined ? {} : { tickedMs }) }
  return recompute(pipeline, [partition])
}

/** `03-04: n_1d=1 n_3d=2` per row of the first view, in order of days. */
function drawRows({ views }: OracleResult, ...columns: readonly string[]): string[] {
  return (views[0]?.rows ?? []).map(({ day: index, values }) => {
    const date = new Date(index * DAY_MS).toISOString().slice(5, 10)
    const cells = columns.map((column) => `${column}=${values.get(column)}`)
    return [`${date}:`, ...cells].join(' ')
  })
}

function outcomes({ partitions }: OracleResult): string[] {
  return (partitions[0]?.judged ?? []).map(({ outcome }) => outcome)
}

describe('windows and rows', () => {
  test('a window includes the day of the row, and the first empty day has one all-empty row', () => {
    //        03-04   03-05   03-06   03-07   03-08   03-09   03-10
    //          x      x x                                      x      closes all days before 03-10
    //  1 day   1       2       0       0       0
    //  3 days  1       3       3       2       0       -
    const log = recordsAt([
      '2024-03-04 10:00',
      '2024-03-05 01:00',
      '2024-03-05 23:59',
      '2024-03-10',
    ])
    const result = run(pipelineOf({ views: [COUNTS] }), log)
    expect(drawRows(result, 'n_1d', 'n_3d')).toEqual([
      '03-04: n_1d=1 n_3d=1',
      '03-05: n_1d=2 n_3d=3',
      '03-06: n_1d=0 n_3d=3',
      '03-07: n_1d=0 n_3d=2',
      '03-08: n_1d=0 n_3d=0',
    ])
    const row = result.views[0]?.rows[4]
    expect(row?.maxEventTime).toBeNull()
    expect(row?.eventTimestamp).toBe(at('2024-03-09'))
  })

  test('a day closes when the watermark reaches its end, not before', () => {
    const pipeline = pipelineOf({ views: [COUNTS], time: { outOfOrdernessMs: HOUR_MS } })
    const before = run(pipeline, recordsAt(['2024-03-04 10:00', '2024-03-05 00:59']))
    const exactly = run(pipeline, recordsAt(['2024-03-04 10:00', '2024-03-05 01:00']))
    expect(before.partitions[0]?.closedDay).toBe(day('2024-03-03'))
    expect(drawRows(before)).toEqual([])
    expect(exactly.partitions[0]?.closedDay).toBe(day('2024-03-04'))
    expect(drawRows(exactly)).toEqual(['03-04:'])
  })

  test('a tick closes days and decides nothing else', () => {
    const log = recordsAt(['2024-03-04 10:00'])
    const result = run(pipelineOf({ views: [COUNTS] }), log, at('2024-03-06 12:00'))
    expect(drawRows(result, 'n_1d', 'n_3d')).toEqual([
      '03-04: n_1d=1 n_3d=1',
      '03-05: n_1d=0 n_3d=1',
    ])
    expect(result.partitions[0]?.watermark).toBe(at('2024-03-04 10:00'))
  })

  test('a gap gives one all-empty row and the next event begins anew', () => {
    const log = recordsAt(['2024-03-01', '2024-03-09', '2024-03-10'])
    const result = run(pipelineOf({ views: [viewOf([2], [COUNT])] }), log)
    expect(drawRows(result, 'n_2d')).toEqual([
      '03-01: n_2d=1',
      '03-02: n_2d=1',
      '03-03: n_2d=0',
      '03-09: n_2d=1',
    ])
  })
})

describe('lateness', () => {
  //  03-04              03-05              03-06
  //  |------------------|---late until-----|
  //        A                  B (close)    C: watermark 03-05 23:59 / 03-06 00:00
  const first = ['2024-03-04 10:00', '2024-03-05 12:00']

  test('a late record within allowed lateness corrects every closed day that it reaches', () => {
    const log = recordsAt([...first, '2024-03-05 23:59', '2024-03-04 11:00', '2024-03-06'])
    const result = run(pipelineOf({ views: [COUNTS] }), log)
    expect(outcomes(result)).toEqual(Array(5).fill('accepted'))
    expect(drawRows(result, 'n_1d', 'n_3d')).toEqual([
      '03-04: n_1d=2 n_3d=2',
      '03-05: n_1d=2 n_3d=4',
    ])
  })

  test('a too-late record changes no tile and goes to the late ledger with the tile it missed', () => {
    const log = recordsAt([...first, '2024-03-06', '2024-03-04 11:00'])
    const result = run(pipelineOf({ views: [COUNTS] }), log)
    expect(outcomes(result).at(-1)).toBe('too_late')
    expect(drawRows(result, 'n_3d')).toEqual(['03-04: n_3d=1', '03-05: n_3d=2'])
    expect(result.rejects).toEqual([
      {
        partition: 0,
        offset: 3,
        reason: 'too_late',
        views: [],
        late: { day: day('2024-03-04'), entities: [{ view: 'activity', entity: ['u'] }] },
      },
    ])
  })

  test('a record beyond its timestamp + maxFuture is refused and does not move the watermark', () => {
    const log = recordsAt(['2024-03-04 10:00', '2024-03-05 12:00'])
    const future = { ...log[1], timestamp: at('2024-03-05 11:49') } as RawRecord
    const result = run(pipelineOf({ views: [COUNTS] }), [...log.slice(0, 1), future])
    expect(outcomes(result)).toEqual(['accepted', 'future'])
    expect(result.partitions[0]?.watermark).toBe(at('2024-03-04 10:00'))
  })
})

describe('duplicates', () => {
  //  bucket of the id ends 03-05 00:00; remembered for 2 days: until the watermark is 03-07 00:00
  const within = { views: [viewOf([10], [COUNT])], duplicatesWithinMs: 2 * DAY_MS }
  const original = { at: '2024-03-04 10:00', id: 'a' }

  test.each([
    { watermark: '2024-03-06 23:59', outcome: 'duplicate' },
    { watermark: '2024-03-07 00:00', outcome: 'accepted' },
  ])(
    'an id is remembered until its horizon: at $watermark a repeat is $outcome',
    ({ watermark, outcome }) => {
      const log = recordsAt([original, watermark, { at: watermark, id: 'a' }])
      expect(outcomes(run(pipelineOf(within), log)).at(-1)).toBe(outcome)
    },
  )

  test('a duplicate renews the id under its own day', () => {
    const log = recordsAt([
      original,
      { at: '2024-03-06 12:00', id: 'a' },
      '2024-03-08 12:00',
      { at: '2024-03-08 13:00', id: 'a' },
    ])
    expect(outcomes(run(pipelineOf(within), log))).toEqual([
      'accepted',
      'duplicate',
      'accepted',
      'duplicate',
    ])
  })

  test('a too-late repeat is too late, and an id that was never accepted makes no duplicate', () => {
    const log = recordsAt([
      '2024-03-09',
      { at: '2024-03-04 10:00', id: 'a' },
      { at: '2024-03-09 01:00', id: 'a' },
    ])
    expect(outcomes(run(pipelineOf(within), log))).toEqual(['accepted', 'too_late', 'accepted'])
  })

  test('a duplicate does not move the watermark', () => {
    const log = recordsAt([original, { at: '2024-03-04 20:00', id: 'a' }])
    expect(run(pipelineOf(within), log).partitions[0]?.watermark).toBe(at('2024-03-04 10:00'))
  })
})

describe('civil days', () => {
  test('a day of 23 and one of 25 hours end at local midnight', () => {
    // Berlin: 2024-03-31 is 23 hours (ends 22:00 UTC), 2024-10-27 is 25 hours (ends 23:00 UTC).
    const pipeline = pipelineOf({ views: [COUNTS], time: { zone: 'Europe/Berlin' } })
    const spring = run(
      pipeline,
      recordsAt(['2024-03-30 23:00', '2024-03-31 21:59', '2024-03-31 22:00', '2024-04-02']),
    )
    expect(drawRows(spring, 'n_1d')).toEqual(['03-31: n_1d=2', '04-01: n_1d=1'])
    expect(spring.views[0]?.rows[0]?.eventTimestamp).toBe(at('2024-03-31 22:00'))
    const autumn = run(
      pipeline,
      recordsAt(['2024-10-26 22:00', '2024-10-27 22:59', '2024-10-27 23:00', '2024-10-29']),
    )
    expect(drawRows(autumn, 'n_1d')).toEqual(['10-27: n_1d=2', '10-28: n_1d=1'])
    expect(autumn.views[0]?.rows[0]?.eventTimestamp).toBe(at('2024-10-27 23:00'))
  })

  test('minutes that are shown again after midnight stay in the day that had begun', () => {
    // St. John's put clocks back at 00:01 of 2008-11-02: 02:31 UTC shows 23:01 of 11-01 for the second time.
    const pipeline = pipelineOf({ views: [COUNTS], time: { zone: 'America/St_Johns' } })
    const log = recordsAt([
      '2008-11-02 02:29',
      '2008-11-02 02:30',
      '2008-11-02 02:45',
      '2008-11-04',
    ])
    expect(drawRows(run(pipeline, log), 'n_1d').slice(0, 2)).toEqual([
      '11-01: n_1d=1',
      '11-02: n_1d=2',
    ])
  })
})

describe('completeness', () => {
  const late = { outOfOrdernessMs: 2 * HOUR_MS }

  test('a log read from its beginning covers its days from the first accepted record on', () => {
    const [record] = recordsAt(['2024-03-04 23:00'])
    const result = run(pipelineOf({ views: [COUNTS], time: late }), [
      { ...record, offset: 7 } as RawRecord,
    ])
    expect(result.partitions[0]?.completeFrom).toBe(day('2024-03-04'))
  })
})

describe('online values', () => {
  const log = recordsAt(['2024-03-04 10:00', '2024-03-05 01:00', '2024-03-05 02:00'])

  test('current: as of the newest event, or the day after the last close', () => {
    const pipeline = pipelineOf({ views: [COUNTS], time: { outOfOrdernessMs: 3 * HOUR_MS } })
    const [value] = run(pipeline, log).views[0]?.online ?? []
    // Watermark 03-04 23:00: 03-04 is still open, yet the events of 03-05 show.
    expect(value).toMatchObject({ asOf: day('2024-03-05'), offset: 2, nextDay: day('2024-03-06') })
    expect(value?.values.get('n_1d')).toBe(2)
    expect(value?.values.get('n_3d')).toBe(3)
  })

  test('closed: the row of the last closed day; the version counts open days too', () => {
    const view = viewOf([1, 3], [COUNT], { online: 'closed' })
    const [value] = run(pipelineOf({ views: [view] }), log).views[0]?.online ?? []
    expect(value).toMatchObject({ asOf: day('2024-03-04'), offset: 2, nextDay: day('2024-03-05') })
    expect(value?.values.get('n_3d')).toBe(1)
  })

  test('a silent entity decays to the all-empty value', () => {
    const later = recordsAt(['2024-03-04 10:00', { at: '2024-03-20', user: 'other' }])
    const [value] = run(pipelineOf({ views: [COUNTS] }), later).views[0]?.online ?? []
    expect(value).toMatchObject({
      isAllEmpty: true,
      offset: 0,
      nextDay: undefined,
      eventTime: undefined,
    })
  })
})

describe('what a view makes of a record', () => {
  const view = viewOf([1], [COUNT, { name: 'spend', aggregate: 'sum', field: 'amount' }], {
    entity: ['user', 'item'],
    where: { kind: 'compare', field: 'kind', op: 'eq', value: 'buy' },
  })
  const pipeline = pipelineOf({
    views: [view],
    fields: {
      item: { kind: 'int64' },
      amount: { kind: 'decimal', precision: 18, scale: 2 },
      kind: { kind: 'string' },
    },
  })
  const good = { at: '2024-03-04', item: 1, kind: 'buy', amount: 1.5 }

  test.each([
    { name: 'all there', event: good, fate: 'folded' },
    { name: 'an absent amount', event: { ...good, amount: null }, fate: 'folded' },
    { name: 'no key', event: { ...good, user: null, amount: 'x' }, fate: 'missing_key' },
    { name: 'a key of another type', event: { ...good, user: 7 }, fate: 'bad_field' },
    { name: 'an amount with three digits', event: { ...good, amount: 1.005 }, fate: 'bad_field' },
    {
      name: 'a wrong type where the filter fails',
      event: { ...good, kind: 'view', amount: {} },
      fate: 'bad_field',
    },
    {
      name: 'another entity field absent',
      event: { ...good, item: null, kind: 'view' },
      fate: 'no_entity',
    },
    { name: 'the filter fails', event: { ...good, kind: 'view' }, fate: 'filtered' },
    { name: 'the filtered field is absent', event: { ...good, kind: null }, fate: 'filtered' },
  ] as const)('$name: $fate', ({ event, fate }) => {
    expect([...(run(pipeline, recordsAt([event])).views[0]?.fates.keys() ?? [])]).toEqual([fate])
  })

  test('a rejected record moves the watermark all the same', () => {
    const result = run(pipeline, recordsAt([{ ...good, user: null }]))
    expect(result.partitions[0]?.watermark).toBe(at('2024-03-04'))
    expect(result.rejects).toMatchObject([{ reason: 'missing_key', views: ['activity'] }])
  })

  test('a tombstone is counted and changes nothing', () => {
    const tombstone = { offset: 0, timestamp: at('2024-03-04'), key: 'u', value: null }
    const result = run(pipeline, [tombstone])
    expect(outcomes(result)).toEqual(['tombstone'])
    expect(result.rejects).toEqual([])
  })
})
