/** The page that Prometheus scrapes: its form, what it says, and what it costs. */
import { describe, expect, test } from 'vitest'
import { Distribution, PartitionMeters } from '../../src/engine/meters.ts'
import type { RunProgress } from '../../src/engine/parts.ts'
import type { Clock } from '../../src/engine/ports.ts'
import { METRICS } from '../../src/metrics/catalogue.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { COUNT, pipelineOf, viewOf } from '../support/builders.ts'
import { ONLINE, TABLE, partitionOf, progressOf } from '../support/run-progress.ts'

const NOW_MS = 1_728_003_600_000

function clockAt(monotonicMs: number): Clock {
  return { wallMs: () => NOW_MS, monotonicMs: () => monotonicMs, sleep: () => Promise.resolve() }
}

const VIEWS = [viewOf([1, 7], [COUNT]), viewOf([7], [COUNT], { name: 'spend', version: 2 })]

function page(progress: RunProgress | undefined): () => Promise<string> {
  const metrics = createMetrics({
    pipeline: { ...pipelineOf({ views: VIEWS }), rejects: { directory: 'rejects', limit: 0.05 } },
    topic: 'clicks',
    version: '1.2.3',
    clock: clockAt(2_500),
    progress: () => progress && { ...progress, views: ['activity@1', 'spend@2'] },
  })
  return () => metrics.text()
}

/** Lines of one metric without the label that all have. */
async function lines(text: Promise<string>, name: string): Promise<string[]> {
  const all = (await text).split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line))
  return all.map((line) => line.replace(/pipeline="test",?/, '').replace('{}', ''))
}

const BUSY = progressOf([
  partitionOf(0, {
    nextOffset: 1_500,
    endOffset: 1_542,
    counts: {
      accepted: 90,
      late: 7,
      too_late: 3,
      'spend@2 bad_field': 2,
      'activity@1 filtered': 5,
    },
    startCounts: { accepted: 50, too_late: 1 },
    phase: 'catching up',
    idle: 'behind',
    turnedMs: 1_000,
    online: {
      ...ONLINE,
      backlog: 12,
      untoldSince: [NOW_MS - 4_000, undefined],
      refused: 4,
      foreign: 1,
      scan: { reason: 'loss', slotsDone: 3, slots: 8 },
      scansByReason: { loss: 1 },
    },
    table: {
      ...TABLE,
      dirtySlots: 6,
      waitingDays: 2,
      complete: [19_998, undefined],
      corrections: 9,
    },
    checkpoint: { failing: true, offset: 900, createdMs: NOW_MS - 60_000, count: 2, bytes: 4_096 },
    meters: new PartitionMeters([60, 60]),
  }),
  partitionOf(7, { watermark: undefined, newest: undefined, closedDay: undefined }),
])

describe('the form', () => {
  test('names are unique, and begin and end as Prometheus has them', () => {
    expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length)
    for (const { name, type, unit } of METRICS) {
      expect(name).toMatch(/^tidemark_[a-z][a-z_]*[a-z]$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      if (unit === 's') expect(name).toMatch(/_seconds$/)
      if (unit === 'bytes') expect(name).toMatch(/_bytes(_total)?$/)
    }
  })

  test('labels are those that are declared, and nothing else has one', async () => {
    const declared = new Map(METRICS.map(({ name, labels }) => [name, ['pipeline', ...labels]]))
    const found = (await page(BUSY)()).matchAll(/^(tidemark_\w+?)(_bucket|_sum|_count)?\{(.*)\} /gm)
    for (const [line, name = '', suffix = '', text = ''] of found) {
      const labels = [...text.matchAll(/(\w+)="/g)].map(([, label]) => label)
      const expected = declared.get(name) ?? declared.get(`${name}${suffix}`) ?? []
      expect(labels.filter((label) => label !== 'le').sort(), line).toEqual([...expected].sort())
    }
  })
})

describe('what it says', () => {
  test.each([
    ['tidemark_lag_offsets', ['{partition="0"} 42', '{partition="7"} 0']],
    ['tidemark_watermark_timestamp_seconds', ['{partition="0"} 1728000000']],
    ['tidemark_newest_event_offset', ['{partition="0"} 42']],
    ['tidemark_closed_day_end_timestamp_seconds', ['{partition="0"} 1728000000']],
    ['tidemark_late_records_total', ['{partition="0"} 7', '{partition="7"} 0']],
    ['tidemark_loop_turn_age_seconds', ['{partition="0"} 1.5', '{partition="7"} 2.5']],
    ['tidemark_online_scan_remaining_slots', ['{partition="0"} 5', '{partition="7"} 0']],
    ['tidemark_foreign_values_total', ['{partition="0"} 1', '{partition="7"} 0']],
    ['tidemark_assigned_partitions', [' 2']],
    ['tidemark_reject_limit_ratio', [' 0.05']],
    ['tidemark_build_info', [`{version="1.2.3",node="${process.version}"} 1`]],
    ['tidemark_freshness_objective_seconds', ['{view="activity@1"} 60', '{view="spend@2"} 60']],
    ['tidemark_checkpoint_offset', ['{partition="0"} 900']],
    ['tidemark_checkpoint_failing', ['{partition="0"} 1']],
    ['tidemark_checkpoint_added_bytes_total', ['{partition="0"} 4096']],
    [
      'tidemark_table_complete_day_end_timestamp_seconds',
      [
        '{partition="0",view="activity@1"} 1727913600',
        '{partition="7",view="activity@1"} 1728000000',
      ],
    ],
  ])('%s', async (name, expected) => {
    expect(await lines(page(BUSY)(), name)).toEqual(expected.map((rest) => `${name}${rest}`))
  })

  test('counters count what this process did: a restart is a reset to 0, and never a jump', async () => {
    const records = await lines(page(BUSY)(), 'tidemark_records_total')
    expect(records.slice(0, 7)).toEqual([
      'tidemark_records_total{partition="0",outcome="accepted"} 40',
      'tidemark_records_total{partition="0",outcome="tombstone"} 0',
      'tidemark_records_total{partition="0",outcome="undecodable"} 0',
      'tidemark_records_total{partition="0",outcome="bad_timestamp"} 0',
      'tidemark_records_total{partition="0",outcome="future"} 0',
      'tidemark_records_total{partition="0",outcome="too_late"} 2',
      'tidemark_records_total{partition="0",outcome="duplicate"} 0',
    ])
  })

  test('rejects are told by reason, those of views too; what a view merely skips is none', async () => {
    const rejects = await lines(page(BUSY)(), 'tidemark_rejects_total')
    expect(
      rejects.filter((line) => line.startsWith('tidemark_rejects_total{partition="0"')),
    ).toEqual([
      'tidemark_rejects_total{partition="0",reason="undecodable"} 0',
      'tidemark_rejects_total{partition="0",reason="bad_timestamp"} 0',
      'tidemark_rejects_total{partition="0",reason="future"} 0',
      'tidemark_rejects_total{partition="0",reason="too_late"} 2',
      'tidemark_rejects_total{partition="0",reason="missing_key"} 0',
      'tidemark_rejects_total{partition="0",reason="bad_field"} 2',
    ])
  })

  test('of the words for a state exactly one is 1', async () => {
    const idle = await lines(page(BUSY)(), 'tidemark_idle')
    expect(idle.filter((line) => line.endsWith(' 1'))).toEqual([
      'tidemark_idle{partition="0",reason="behind"} 1',
      'tidemark_idle{partition="7",reason="records come"} 1',
    ])
    expect(idle).toHaveLength(12)
  })

  test('the age of what is not told is per view, and 0 when all is told', async () => {
    const ages = await lines(page(BUSY)(), 'tidemark_untold_age_seconds')
    expect(ages.slice(0, 2)).toEqual([
      'tidemark_untold_age_seconds{partition="0",view="activity@1"} 4',
      'tidemark_untold_age_seconds{partition="0",view="spend@2"} 0',
    ])
  })

  test('a run without sinks has no series of sinks', async () => {
    const bare = progressOf([partitionOf(0, { online: undefined, table: undefined })])
    const text = await page(bare)()
    expect(text).not.toMatch(
      /^tidemark_(online_(?!backlog)|table_|values_|rows_|untold_|fresh_)\w+\{/m,
    )
    expect(text).toMatch(/^tidemark_lag_offsets\{/m)
  })

  test('what is measured outside is there from the second scrape on, and keeps its value when the measurement fails', async () => {
    let asked = 0
    const evictedKeys = (): Promise<number> => {
      asked += 1
      return asked === 1 ? Promise.resolve(3) : Promise.reject(new Error('away'))
    }
    let monotonicMs = 0
    const clock = { ...clockAt(0), monotonicMs: () => (monotonicMs += 20_000) }
    const metrics = createMetrics({
      pipeline: pipelineOf({ views: VIEWS }),
      topic: 'clicks',
      version: '1',
      clock,
      progress: () => undefined,
      extras: { evictedKeys },
    })
    const name = 'tidemark_online_evicted_keys_total'
    expect(await lines(metrics.text(), name)).toEqual([])
    expect(await lines(metrics.text(), name)).toEqual([`${name} 3`])
    expect(await lines(metrics.text(), name)).toEqual([`${name} 3`])
    expect(asked).toBeGreaterThan(1)
  })
})

describe('histograms', () => {
  function distributionOf(...values: readonly number[]): Distribution {
    const distribution = new Distribution([1, 5, 15])
    for (const value of values) distribution.observe(value)
    return distribution
  }

  test('buckets are cumulative, the last one holds all, a bound belongs to its bucket', async () => {
    const meters = Object.assign(new PartitionMeters([60, 60]), {
      disorder: distributionOf(-1, 1, 1.5, 5, 99),
    })
    const text = page(progressOf([partitionOf(0, { meters })]))()
    const name = 'tidemark_disorder_seconds'
    expect(await lines(text, `${name}_(bucket|sum|count)`)).toEqual([
      `${name}_bucket{le="1",partition="0"} 2`,
      `${name}_bucket{le="5",partition="0"} 4`,
      `${name}_bucket{le="15",partition="0"} 4`,
      `${name}_bucket{le="+Inf",partition="0"} 5`,
      `${name}_sum{partition="0"} 105.5`,
      `${name}_count{partition="0"} 5`,
    ])
  })

  test('values within the objective are counted apart, for the ratio that the alert takes', async () => {
    const meters = new PartitionMeters([60, 60])
    for (const seconds of [0.2, 60, 60.1, 400]) meters.freshness[1]?.observe(seconds)
    const text = page(progressOf([partitionOf(0, { meters })]))()
    const [, spend] = await lines(text, 'tidemark_fresh_values_total')
    expect(spend).toBe('tidemark_fresh_values_total{partition="0",view="spend@2"} 2')
  })
})

test('a scrape of 64 partitions costs little, and lets the fold go on between its pieces', async () => {
  const text = page(progressOf(Array.from({ length: 64 }, (_, i) => partitionOf(i))))
  for (let warm = 0; warm < 5; warm += 1) await text()
  const before = process.cpuUsage()
  const scrapes = 5
  let size = 0
  for (let i = 0; i < scrapes; i += 1) size = (await text()).length
  const { user, system } = process.cpuUsage(before)
  // Measured: 20 to 35 ms. The bound is loose, for machines that do other work.
  expect((user + system) / 1_000 / scrapes).toBeLessThan(250)
  expect(size).toBeLessThan(3_000_000)
})

test('who asks while a page is written gets the same page', async () => {
  const text = page(BUSY)
  const [one, other] = await Promise.all([text(), text()])
  expect(one).toBe(other)
})
