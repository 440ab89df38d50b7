import { describe, expect, test } from 'vitest'
import { healthOf } from '../../src/http/health.ts'
import type { HealthContext } from '../../src/http/health.ts'
import { ONLINE, TABLE, partitionOf, progressOf } from '../support/run-progress.ts'
import type { RunProgress } from '../../src/engine/parts.ts'

const CONTEXT: HealthContext = {
  topic: 'clicks',
  monotonicMs: 1_000,
  readyLagMax: 500,
  sourceTrouble: undefined,
}

function health(
  progress: RunProgress | undefined,
  changed: Partial<HealthContext> = {},
): { readonly healthy: readonly string[]; readonly ready: readonly string[] } {
  const { healthy, ready } = healthOf(progress, { ...CONTEXT, ...changed })
  expect([healthy.ok, ready.ok]).toEqual([healthy.reasons.length === 0, ready.reasons.length === 0])
  return { healthy: healthy.reasons, ready: ready.reasons }
}

describe('healthy', () => {
  test('a run that turns, at the end of its log, is healthy and ready', () => {
    expect(health(progressOf([partitionOf(0), partitionOf(1)]))).toEqual({ healthy: [], ready: [] })
  })

  test('a run that begins is healthy and not ready', () => {
    expect(health(undefined)).toEqual({ healthy: [], ready: ['the run is starting'] })
  })

  test.each([
    [30_000, []],
    [30_001, ['clicks[0]: its loop has not gone round for 30 s']],
  ])('a loop that has not gone round for %i ms', (monotonicMs, reasons) => {
    const progress = progressOf([partitionOf(0), partitionOf(1, { turnedMs: monotonicMs })])
    expect(health(progress, { monotonicMs }).healthy).toEqual(reasons)
  })

  const STANDS = { nextOffset: 100, endOffset: 104 }

  test.each([
    [60_000, []],
    [60_001, ['clicks[3]@100: has not moved for 60 s, with 4 to read and no sink that holds it']],
  ])('a position that has not moved for %i ms although there is lag', (monotonicMs, reasons) => {
    const progress = progressOf([partitionOf(3, { ...STANDS, turnedMs: monotonicMs })])
    expect(health(progress, { monotonicMs }).healthy).toEqual(reasons)
  })

  test('the watchdog is quiet at the end of the log, however long nothing comes', () => {
    const progress = progressOf([partitionOf(0, { turnedMs: 86_400_000 })])
    expect(health(progress, { monotonicMs: 86_400_000 }).healthy).toEqual([])
  })

  test('a partition that a sink holds back is healthy: a restart would not bring the sink back', () => {
    const online = { ...ONLINE, failing: true }
    const held = partitionOf(0, { ...STANDS, turnedMs: 600_000, held: true, online })
    const { healthy, ready } = health(progressOf([held]), { monotonicMs: 600_000 })
    expect(healthy).toEqual([])
    expect(ready).toHaveLength(1)
  })

  test('a partition that has come to its end stands still and is well', () => {
    const progress = progressOf([partitionOf(0, { ...STANDS, phase: 'stopped' })])
    expect(health(progress, { monotonicMs: 600_000 })).toEqual({ healthy: [], ready: [] })
  })
})

describe('ready', () => {
  test('what is not healthy is not ready', () => {
    const { ready } = health(progressOf([partitionOf(0)]), { monotonicMs: 31_000 })
    expect(ready).toEqual(['clicks[0]: its loop has not gone round for 31 s'])
  })

  test('a member that joins its group, or has lost the lease, is not ready', () => {
    expect(health(progressOf([], { lease: 'joining' })).ready).toEqual([
      'no partitions are assigned: the group is being joined',
    ])
  })

  test('a member that got no partition is ready: it is a spare one', () => {
    expect(health(progressOf([])).ready).toEqual([])
  })

  test('a partition that is being opened, or has not begun to read, is not ready', () => {
    const starting = partitionOf(1, { phase: 'starting' })
    expect(health(progressOf([starting], { assigned: 4 })).ready).toEqual([
      '3 of 4 assigned partitions are being opened',
      'clicks[1]: has not begun to read',
    ])
  })

  test.each([
    [600, []],
    [601, ['clicks[0]: 501 behind the end of the log, at most 500 is ready']],
  ])('ready ends above the limit: end of the log at %i, position 100', (endOffset, reasons) => {
    expect(health(progressOf([partitionOf(0, { endOffset })])).ready).toEqual(reasons)
  })

  test('a sink that fails is named with its partition', () => {
    const online = { ...ONLINE, failing: true }
    const table = { ...TABLE, failing: true }
    expect(
      health(progressOf([partitionOf(0, { online }), partitionOf(1, { table })])).ready,
    ).toEqual([
      'clicks[0]: the online store cannot be reached, or has not been compared yet',
      'clicks[1]: the tables cannot be written to',
    ])
  })

  test('a log that cannot be read is told in its own words', () => {
    const sourceTrouble = 'broker 127.0.0.1:9092 does not answer'
    expect(health(progressOf([partitionOf(0)]), { sourceTrouble }).ready).toEqual([sourceTrouble])
  })

  test('a run without sinks is ready without them', () => {
    const partition = partitionOf(0, { online: undefined, table: undefined })
    expect(health(progressOf([partition], { lease: 'alone' }))).toEqual({ healthy: [], ready: [] })
  })
})
