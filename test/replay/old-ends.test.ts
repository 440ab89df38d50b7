/** Where old partitions end: 5 minutes after the first record of an added one, at or after the owner, never beyond the log. */
import { describe, expect, test } from 'vitest'
import type { Decoder } from '../../src/engine/ports.ts'
import { MemoryLog } from '../../src/memory/log.ts'
import type { MemoryRecord } from '../../src/memory/log.ts'
import { findOldEnds, PRODUCERS_GRACE_MS } from '../../src/replay/old-ends.ts'
import type { OldEnds } from '../../src/replay/old-ends.ts'

const T0 = 1_000_000_000
const MINUTE_MS = 60_000

/** Minutes after T0, one record each. */
function recordsAt(...minutes: readonly number[]): MemoryRecord[] {
  return minutes.map((minute, offset) => {
    return { offset, timestamp: T0 + minute * MINUTE_MS, key: null, value: null }
  })
}

const decoder = { decode: (records: unknown) => ({ records }) } as unknown as Decoder

async function endsOf(
  old: readonly MemoryRecord[],
  added: readonly (readonly MemoryRecord[])[],
  from = 0,
): Promise<OldEnds> {
  const log = new MemoryLog('log', [old, ...added], { fetchRecords: () => 2 })
  const stretch = (
    partition: number,
    begin: number,
    records: readonly MemoryRecord[],
  ): {
    partition: number
    from: number
    end: number
  } => ({ partition, from: begin, end: records.length })
  return findOldEnds(
    { source: log, decoder },
    [stretch(0, from, old)],
    added.map((records, index) => stretch(index + 1, 0, records)),
  )
}

describe('ends of old partitions', () => {
  test('the first record that is later than the first of the added ones by more than the grace', async () => {
    const { from, firstAddedMs } = await endsOf(recordsAt(-3, 0, 4, 5, 6, 7), [
      recordsAt(2),
      recordsAt(0, 9),
    ])
    expect(firstAddedMs).toBe(T0)
    expect(PRODUCERS_GRACE_MS).toBe(5 * MINUTE_MS)
    expect(from).toEqual([{ partition: 0, end: 4 }])
  })

  test('not before where the owner stands', async () => {
    const { from } = await endsOf(recordsAt(-3, 0, 6, 7, 8), [recordsAt(0)], 4)
    expect(from).toEqual([{ partition: 0, end: 4 }])
  })

  test('the end of the log, where nothing is so late yet or the added ones are empty', async () => {
    expect((await endsOf(recordsAt(0, 1, 2), [recordsAt(0)])).from).toEqual([
      { partition: 0, end: 3 },
    ])
    const { from, firstAddedMs } = await endsOf(recordsAt(0, 99), [[], []])
    expect([from, firstAddedMs]).toEqual([[{ partition: 0, end: 2 }], undefined])
  })
})
