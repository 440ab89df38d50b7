/** An event's time: every declared format, and what is refused with which reason. */
import { describe, expect, test } from 'vitest'
import type { TimeFormat } from '../../src/core/definition.ts'
import { compileEventTime } from '../../src/core/event-time.ts'
import { formatInstant, parseInstant } from '../../src/core/instant.ts'
import type { Value } from '../../src/core/value.ts'
import { fc } from '../support/properties.ts'

const YEAR_2000 = Date.UTC(2000, 0, 1)
const T = Date.UTC(2024, 0, 31, 8, 30)

function read(
  format: TimeFormat,
  value: Value | undefined,
  notBeforeMs = YEAR_2000,
): number | string {
  return compileEventTime(format, { notBeforeMs })(value)
}
function berlin(pattern: string): TimeFormat {
  return { kind: 'pattern', pattern, zone: 'Europe/Berlin' }
}

describe('instants as numbers', () => {
  test.each<[TimeFormat['kind'], Value, number]>([
    ['ms', T, T],
    ['ms', BigInt(T), T],
    ['ms', String(T), T],
    ['s', T / 1000, T],
    ['s', String(T / 1000), T],
    ['us', T * 1000 + 999, T],
    ['us', BigInt(T) * 1000n + 999n, T],
    ['us', `${T}999`, T],
    ['ms', YEAR_2000, YEAR_2000],
    ['ms', Date.UTC(2200, 0, 1) - 1, Date.UTC(2200, 0, 1) - 1],
  ])('%s %s is %d', (kind, value, expected) => {
    expect(read({ kind } as TimeFormat, value)).toBe(expected)
  })

  test('fractions of a millisecond are dropped towards the past, also before 1970', () => {
    expect(read({ kind: 'us' }, -1, -1e12)).toBe(-1)
    expect(read({ kind: 'us' }, -1001n, -1e12)).toBe(-2)
    expect(read({ kind: 'us' }, -1000n, -1e12)).toBe(-1)
  })

  test('T28 minus zero is zero', () => {
    for (const kind of ['ms', 's', 'us'] as const) expect(read({ kind }, -0, -1)).toBe(0)
  })

  test.each<[TimeFormat['kind'], Value, string]>([
    ['ms', T / 1000, "as seconds it would be 2024-01-31T08:30:00.000Z: set the time's format to s"],
    [
      'ms',
      T * 1000,
      "as microseconds it would be 2024-01-31T08:30:00.000Z: set the time's format to us",
    ],
    ['s', T, "as milliseconds it would be 2024-01-31T08:30:00.000Z: set the time's format to ms"],
    ['us', T, "as milliseconds it would be 2024-01-31T08:30:00.000Z: set the time's format to ms"],
    [
      'ms',
      BigInt(T) * 1_000_000n,
      'as nanoseconds it would be 2024-01-31T08:30:00.000Z: nanoseconds have no format',
    ],
    [
      'ms',
      Date.UTC(1999, 11, 31),
      'before 2000-01-01T00:00:00.000Z, the earliest time that is accepted',
    ],
    ['ms', -1, 'before 2000-01-01'],
    ['us', 10n ** 30n, 'beyond 2200-01-01'],
    ['ms', T + 0.5, 'expected an integer number of milliseconds, received 1706689800000.5'],
    ['ms', true, 'received true'],
    ['ms', null, 'received nothing'],
    ['ms', '12:30', 'received "12:30"'],
    ['ms', '2024-01-31T08:30:00Z', "that is ISO 8601, set the time's format to iso"],
    ['ms', '', 'received ""'],
  ])('%s refuses %s and says why', (kind, value, message) => {
    expect(read({ kind } as TimeFormat, value)).toContain(message)
  })

  test('one before the earliest time is refused, the earliest itself is not', () => {
    expect(read({ kind: 'ms' }, YEAR_2000 - 1)).toBeTypeOf('string')
    expect(read({ kind: 'ms' }, 0, 0)).toBe(0)
  })

  test('a field of the wrong type is a problem, not an instant', () => {
    for (const format of [{ kind: 'ms' }, { kind: 'iso' }, berlin('yyyy-MM-dd')] as const) {
      expect(read(format, undefined)).toContain('received another type')
    }
  })
})

describe('instants as ISO 8601', () => {
  test.each([
    ['2024-01-31T08:30:00Z', T],
    ['2024-01-31T09:30:00+01:00', T],
    ['2024-01-31T03:00-0530', T],
    ['2024-01-31t09:30:00+01', T],
    ['2024-01-31 08:30:00.123456789Z', T + 123],
    ['2024-01-31T08:30:00,9z', T + 900],
    ['2024-01-31T08:30:00.000999Z', T],
    ['2024-02-29T23:59:59.999Z', Date.UTC(2024, 1, 29, 23, 59, 59, 999)],
  ])('%s', (text, expected) => {
    expect(read({ kind: 'iso' }, text)).toBe(expected)
  })

  test.each([
    [
      '2024-01-31T08:30:00',
      'has no offset: expected Z or one such as +02:00; for local times give { pattern, zone }',
    ],
    ['2023-02-29T00:00:00Z', 'there is no date 2023-02-29'],
    ['2024-01-31T24:00:00Z', 'expected a time from 00:00:00 to 23:59:59'],
    ['2024-01-31T23:59:60Z', 'expected a time from 00:00:00 to 23:59:59'],
    ['2024-01-31T08:30:00+24:00', 'expected an offset below 24 hours'],
    ['2024-01-31', 'expected an ISO 8601 instant'],
    ['31.01.2024 08:30', 'expected an ISO 8601 instant'],
    ['1999-12-31T23:59:59Z', 'before 2000-01-01'],
    ['2999-01-01T00:00:00Z', 'beyond 2200-01-01'],
  ])('%s is refused', (text, message) => {
    expect(read({ kind: 'iso' }, text)).toContain(message)
  })

  test('the short way of reading agrees with the long one, also on texts that are nearly right', () => {
    const texts = fc.integer({ min: YEAR_2000, max: Date.UTC(2100, 0) }).map(formatInstant)
    const slips = fc.option(
      fc.tuple(fc.nat({ max: 22 }), fc.constantFrom('0', '9', 'x', ':', ' ', '-')),
    )
    fc.assert(
      fc.property(texts, fc.boolean(), slips, (text, hasMs, slip) => {
        const shown =
          slip === null ? text : text.slice(0, slip[0]) + slip[1] + text.slice(slip[0] + 1)
        const plain = hasMs ? shown : shown.slice(0, 19) + 'Z'
        const short = parseInstant(plain)
        const long = parseInstant(plain.replace('Z', 'z'))
        if (typeof long === 'number') expect(short).toBe(long)
        else expect(short).toBeTypeOf('string')
      }),
      { numRuns: 2000 },
    )
  })

  test('every instant reads back from its text', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(0, 0), max: Date.UTC(9999, 0) }), (time) => {
        expect(formatInstant(time)).toBe(new Date(time).toISOString())
        expect(parseInstant(formatInstant(time))).toBe(time)
      }),
    )
  })
})

describe('local times by a pattern', () => {
  test.each([
    ['yyyy-MM-dd HH:mm:ss', '2024-01-31 09:30:00', T],
    ["yyyy-MM-dd'T'HH:mm:ss.SSS", '2024-01-31T09:30:00.007', T + 7],
    ['dd.MM.yyyyTHH:mm', '31.01.2024T09:30', T],
    ['yyyyMMddHHmmss', '20240131093000', T],
    ['yyyy/MM/dd', '2024/01/31', Date.UTC(2024, 0, 30, 23)],
    ["HH 'Uhr' mm, dd/MM/yyyy", '09 Uhr 30, 31/01/2024', T],
  ])('%s reads %s', (pattern, text, expected) => {
    expect(read(berlin(pattern), text)).toBe(expected)
  })

  test.each([
    // 2024-03-31: 02:00 becomes 03:00.
    ['2024-03-31 01:59:59', '2024-03-31T00:59:59Z'],
    ['2024-03-31 02:30:00', '2024-03-31T01:30:00Z'],
    ['2024-03-31 03:00:00', '2024-03-31T01:00:00Z'],
    // 2024-10-27: 03:00 becomes 02:00, and 02:30 comes twice.
    ['2024-10-27 02:30:00', '2024-10-27T00:30:00Z'],
    ['2024-10-27 03:00:00', '2024-10-27T02:00:00Z'],
  ])('T23 %s in Berlin is %s', (text, instant) => {
    expect(read(berlin('yyyy-MM-dd HH:mm:ss'), text)).toBe(Date.parse(instant))
  })

  test('T23 a date that a country skipped moves on by the day that was skipped', () => {
    const apia: TimeFormat = { kind: 'pattern', pattern: 'yyyy-MM-dd HH:mm', zone: 'Pacific/Apia' }
    expect(read(apia, '2011-12-30 12:00')).toBe(Date.parse('2011-12-30T22:00Z'))
    expect(read(apia, '2011-12-31 12:00')).toBe(Date.parse('2011-12-30T22:00Z'))
  })

  test('local times on the day of a change of the clocks cost no look at the zone data each', () => {
    const reader = compileEventTime(berlin('yyyy-MM-ddTHH:mm:ss'), { notBeforeMs: YEAR_2000 })
    const began = performance.now()
    for (let i = 0; i < 100_000; i++) reader(`2024-${i % 2 ? '03-31' : '10-27'}T02:30:00`)
    // Some 50 ms; asking the zone data each time takes 20 s.
    expect(performance.now() - began).toBeLessThan(2000)
  })

  test('a local time is the earliest instant at which the clocks show it, whatever was read before', () => {
    const zones = ['Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kathmandu']
    const format = (time: number): string => new Date(time).toISOString().slice(0, 19)
    for (const zone of zones) {
      const clock = new Intl.DateTimeFormat('sv-SE', {
        timeZone: zone,
        dateStyle: 'short',
        timeStyle: 'medium',
      })
      const reader = compileEventTime(
        { kind: 'pattern', pattern: 'yyyy-MM-ddTHH:mm:ss', zone },
        { notBeforeMs: YEAR_2000 },
      )
      fc.assert(
        fc.property(fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2020, 0) }), (seed) => {
          const local = format(seed)
          const instant = reader(local)
          if (typeof instant === 'string') throw new Error(instant)
          const shown = clock.format(instant).replace(' ', 'T')
          if (shown === local)
            expect(clock.format(instant - 3_600_000).replace(' ', 'T')).not.toBe(local)
          else expect(shown > local).toBe(true)
        }),
        { numRuns: 100 },
      )
    }
  })

  test.each([
    ['2024-02-30 00:00:00', 'there is no such date or time'],
    ['2024-01-31 24:00:00', 'there is no such date or time'],
    ['2024-01-31', 'expected a text like yyyy-MM-dd HH:mm:ss, received "2024-01-31"'],
    ['1999-01-31 00:00:00', 'before 2000-01-01'],
  ])('%s is refused', (text, message) => {
    expect(read(berlin('yyyy-MM-dd HH:mm:ss'), text)).toContain(message)
  })

  test.each([
    ['yyyy-MM-dd hh:mm', 'received hh'],
    ['HH:mm', 'missing yyyy MM dd'],
    ['yyyy-MM-ddZ', 'use the format iso'],
    ['yyyy-yyyy-MM-dd', 'expected yyyy once'],
    ["yyyy-MM-dd'", "received '"],
  ])('the pattern %s is refused', (pattern, message) => {
    expect(() => read(berlin(pattern), '')).toThrow(message)
  })

  test('a pattern in an unknown zone is refused', () => {
    expect(() => read({ kind: 'pattern', pattern: 'yyyy-MM-dd', zone: 'Nowhere' }, '')).toThrow(
      'IANA time zone',
    )
  })
})
