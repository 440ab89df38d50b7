/** How fast a replay reads, and when: by a clock that the test moves. */
import { describe, expect, test } from 'vitest'
import { MemoryLog } from '../../src/memory/log.ts'
import { boundedSource } from '../../src/replay/bounded-source.ts'
import { Pace, pacedSource, parseHours } from '../../src/replay/pace.ts'
import type { PartitionReader } from '../../src/engine/ports.ts'
import { TestClock } from '../engine/rig.ts'

const HOUR_MS = 3_600_000

function clockAt(time: string): TestClock {
  return new TestClock(Date.parse(time))
}

function logOf(records: number): MemoryLog {
  const all = Array.from({ length: records }, (_, offset) => {
    return { offset, timestamp: 0, key: null, value: Buffer.alloc(100) }
  })
  return new MemoryLog('events', [all], { fetchRecords: () => 10 })
}

/** Whoever asks is answered within a moment, whatever there is. */
async function read(reader: PartitionReader, clock: TestClock): Promise<number> {
  const reading = reader.read(1_000_000)
  await clock.advance(50)
  return (await reading)?.count ?? 0
}

describe('records per second', () => {
  test('holds for any stretch longer than a batch', async () => {
    const clock = clockAt('2024-03-04T10:00Z')
    const pace = new Pace(clock, { recordsPerSecond: 20, zone: 'UTC' })
    const reader = await pacedSource(logOf(1_000), pace, clock).open(0, 0)
    let records = 0
    for (let ms = 0; ms < 10_000; ms += 50) records += await read(reader, clock)
    // A batch is given whole, and then paid for.
    expect(records).toBeGreaterThanOrEqual(200)
    expect(records).toBeLessThanOrEqual(210)
  })

  test('is shared by all partitions that read at once', async () => {
    const clock = clockAt('2024-03-04T10:00Z')
    const pace = new Pace(clock, { recordsPerSecond: 20, zone: 'UTC' })
    const readers = [
      await pacedSource(logOf(1_000), pace, clock).open(0, 0),
      await pacedSource(logOf(1_000), pace, clock).open(0, 0),
    ]
    let records = 0
    for (let ms = 0; ms < 5_000; ms += 100) {
      for (const reader of readers) records += await read(reader, clock)
    }
    expect(records).toBeLessThanOrEqual(120)
  })

  test('asks for about a second of records at once', () => {
    const clock = clockAt('2024-03-04T10:00Z')
    const pace = new Pace(clock, { recordsPerSecond: 1_000, zone: 'UTC' })
    expect(pace.bytesMax(2_000_000)).toBe(2_000_000)
    pace.took(10_000, 2_000_000)
    expect(pace.bytesMax(2_000_000)).toBe(200_000)
  })
})

describe('allowed hours', () => {
  const waitMs = (time: string, hours: string, zone = 'UTC'): number =>
    new Pace(clockAt(time), { hours: parseHours(hours), zone }).hoursWaitMs

  test('are of the day of the zone that is given', () => {
    expect(waitMs('2024-03-04T01:30Z', '02:00-06:00')).toBe(HOUR_MS / 2)
    expect(waitMs('2024-03-04T02:00Z', '02:00-06:00')).toBe(0)
    expect(waitMs('2024-03-04T05:59:59Z', '02:00-06:00')).toBe(0)
    expect(waitMs('2024-03-04T06:00Z', '02:00-06:00')).toBe(20 * HOUR_MS)
    expect(waitMs('2024-03-04T01:30Z', '02:00-06:00', 'Europe/Berlin')).toBe(0)
    expect(waitMs('2024-07-04T23:30Z', '02:00-06:00', 'Europe/Berlin')).toBe(HOUR_MS / 2)
  })

  test('may go past midnight', () => {
    expect(waitMs('2024-03-04T23:00Z', '22:00-06:00')).toBe(0)
    expect(waitMs('2024-03-04T05:00Z', '22:00-06:00')).toBe(0)
    expect(waitMs('2024-03-04T06:00Z', '22:00-06:00')).toBe(16 * HOUR_MS)
    expect(waitMs('2024-03-04T23:59Z', '22:00-24:00')).toBe(0)
  })

  test('end the reading, and begin it again the next day', async () => {
    const clock = clockAt('2024-03-04T05:59:58Z')
    const pace = new Pace(clock, { hours: parseHours('02:00-06:00'), zone: 'UTC' })
    const reader = await pacedSource(logOf(1_000), pace, clock).open(0, 0)
    expect(await read(reader, clock)).toBe(10)
    await clock.advance(2_000)
    expect(await read(reader, clock)).toBe(0)
    await clock.advance(20 * HOUR_MS)
    expect(await read(reader, clock)).toBe(10)
  })

  test.each(['2-6', '25:00-06:00', '02:60-06:00', '02:00-02:00', '02:00', 'night'])(
    '%s are no hours',
    (text) => {
      expect(() => parseHours(text)).toThrow(/--window: expected hours such as 02:00-06:00/)
    },
  )
})

describe('a log that ends at the stop', () => {
  test('gives no record beyond it, though a batch has some', async () => {
    const source = boundedSource(logOf(100), () => Promise.resolve(25))
    const reader = await source.open(0, 18)
    const first = await reader.read(1_000_000)
    expect(first).toMatchObject({ count: 7, nextOffset: 25 })
    expect([...(first?.offsets ?? [])].at(-1)).toBe(24)
    expect(await reader.read(1_000_000)).toBeUndefined()
    expect(await reader.endOffset()).toBe(25)
    expect(reader.lag(25)).toBe(0)
    expect(reader.lag(24)).toBeGreaterThan(1_000_000)
  })

  test('where it stands is the stop also where the log has a gap there', async () => {
    const records = [0, 1, 40].map((offset) => {
      return { offset, timestamp: 0, key: null, value: Buffer.alloc(1) }
    })
    const source = boundedSource(new MemoryLog('events', [records]), () => Promise.resolve(20))
    const reader = await source.open(0, 0)
    expect(await reader.read(1_000_000)).toMatchObject({ count: 2, nextOffset: 20 })
  })
})
