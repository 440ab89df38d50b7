/** Which records of the late ledger a heal accepts. */
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parsePosition } from '../../src/cli/amend.ts'
import { chooseLate } from '../../src/cli/late-heal.ts'
import type { ChosenLate, LateChoice } from '../../src/cli/late-heal.ts'
import { dropsOf } from '../../src/cli/watermark-reset.ts'
import type { Amendment } from '../../src/core/generation.ts'
import type { Reject } from '../../src/engine/reject-port.ts'
import { LevelPartitionState } from '../../src/leveldb/state.ts'
import { NO_TIME } from '../../src/core/partition-time.ts'
import { COUNT, day, pipelineOf, viewOf } from '../support/builders.ts'

function late(offset: number, text: string, { partition = 0, isUsed = true } = {}): Reject {
  const entities = isUsed ? [{ view: 'activity@1', entity: 'u' }] : []
  return {
    partition,
    offset,
    generation: 1,
    reason: 'too_late',
    views: [],
    message: '',
    timestamp: 0,
    eventTime: Date.parse(`${text}T12:00Z`),
    key: null,
    value: Buffer.from(`${offset}`),
    headers: [],
    late: { day: day(text), entities },
  }
}

const LEDGER: readonly Reject[] = [
  late(5, '2024-03-01'),
  { ...late(5, '2024-03-01'), generation: 2 },
  late(6, '2024-03-02'),
  late(7, '2024-03-02', { isUsed: false }),
  late(8, '2024-03-09', { partition: 1 }),
]

let directory: string
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'tidemark-heal-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

async function choose(
  choice: LateChoice,
  before: readonly Amendment[] = [],
): Promise<ChosenLate & { readonly positions: readonly string[] }> {
  async function* ledger(): AsyncGenerator<Reject> {
    await Promise.resolve()
    yield* LEDGER
  }
  const pipeline = pipelineOf({ views: [viewOf([1], [COUNT])] })
  const chosen = await chooseLate(
    {
      ...pipeline,
      state: directory,
      source: { ...pipeline.source, log: { kind: 'files', directory: 'shop' } },
    },
    { ledger: ledger(), choice, before },
  )
  const positions = chosen.amendments.map(({ partition, offset }) => `${partition}@${offset}`)
  return { ...chosen, positions }
}

test('each record once, whatever generations found it late; not those that no view could use', async () => {
  const chosen = await choose({})
  expect(chosen.positions).toEqual(['0@5', '0@6', '1@8'])
  expect(chosen.unused).toBe(1)
  expect(chosen.amendments[0]).toEqual({
    kind: 'accept',
    partition: 0,
    offset: 5,
    day: day('2024-03-01'),
  })
  expect(chosen.records.map(({ value }) => String(value))).toEqual(['5', '6', '8'])
})

test('of days, or by position', async () => {
  expect((await choose({ days: '2024-03-02' })).positions).toEqual(['0@6'])
  expect((await choose({ days: '2024-03-01..2024-03-08' })).positions).toEqual(['0@5', '0@6'])
  expect((await choose({ positions: 'shop[1]@8, shop[0]@5' })).positions).toEqual(['0@5', '1@8'])
})

describe('refuses', () => {
  test.each([
    [{ days: 'soon' }, /expected days such as/],
    [{ days: '2024-03-02..2024-03-01' }, /2024-03-01 is before 2024-03-02/],
    [{ days: '2024-03-02', positions: 'shop[0]@5' }, /not both/],
    [{ positions: 'shop[0]@99' }, /shop\[0\]@99 is not in the late ledger/],
    [{ positions: 'cart[0]@5' }, /is of cart; this pipeline reads shop/],
    [{ positions: '0@5' }, /expected a position such as shop\[0\]@1234/],
  ])('%j', async (choice, words) => {
    await expect(choose(choice)).rejects.toThrow(words)
  })
})

test('passes over what was accepted or dropped before', async () => {
  const chosen = await choose({}, [
    { kind: 'accept', partition: 0, offset: 5, day: day('2024-03-01') },
    { kind: 'drop', partition: 0, offset: 6 },
  ])
  expect([chosen.positions, chosen.accepted]).toEqual([['1@8'], 2])
})

test('passes over what a reset of the watermark has put on time again', async () => {
  {
    await using state = await LevelPartitionState.open(path.join(directory, 'partition-0'))
    const milestone = { generation: 2, timestamp: 0, maxEventTime: 0, newestIdDay: 0 }
    await state.commit({
      head: {
        format: 1,
        pipeline: 'test',
        partition: 0,
        partitions: 2,
        logIdentity: undefined,
        generation: 2,
        origin: 0,
        nextOffset: 20,
        time: { ...NO_TIME, maxEventTime: Date.parse('2024-03-20T00:00Z') },
        views: [],
        rejects: { judged: 0, rejected: 0 },
        counts: {},
        online: undefined,
        table: { complete: [] },
      },
      tiles: [],
      ids: [],
      milestones: [
        { ...milestone, day: day('2024-03-01'), offset: 6, watermark: Date.parse('2024-03-02') },
        { ...milestone, day: day('2024-03-09'), offset: 9, watermark: Date.parse('2024-03-10') },
      ],
      dirty: new Map(),
      cleared: [],
    })
  }
  const drop: Amendment = { kind: 'drop', partition: 0, offset: 4 }
  const chosen = await choose({}, [drop])
  // The first one came before the day after its own had ended; the other one may have come after that, as far as is known.
  expect([chosen.positions, chosen.onTime]).toEqual([['0@6', '1@8'], 1])
})

test('a record is dropped once, and not one that was healed', () => {
  const guilty = (offset: number): Parameters<typeof dropsOf>[0] => [
    { position: `shop[0]@${offset}`, partition: 0, offset, eventTime: 0, words: undefined },
  ]
  const before: readonly Amendment[] = [
    { kind: 'drop', partition: 0, offset: 1 },
    { kind: 'accept', partition: 0, offset: 2, day: 0 },
  ]
  expect(dropsOf(guilty(3), before)).toEqual([{ kind: 'drop', partition: 0, offset: 3 }])
  expect(() => dropsOf(guilty(1), before)).toThrow(/is dropped already/)
  expect(() => dropsOf(guilty(2), before)).toThrow(/was healed/)
})

test('a topic may have brackets and an at sign in its name', () => {
  expect(parsePosition('a[1]@b[2]@34', 'a[1]@b')).toEqual({ partition: 2, offset: 34 })
})
