import { describe, expect, test } from 'vitest'
import { createOutput, jsonText, tableText } from '../../src/cli/output.ts'
import { outline } from '../../src/cli/outline.ts'
import {
  bytesWords,
  countWords,
  dayWords,
  durationSetting,
  durationWords,
  instantWords,
  plural,
} from '../../src/cli/words.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('words for people', () => {
  test.each([
    [Date.UTC(2026, 0, 6, 0, 30), '2026-01-06T00:30Z'],
    [Date.UTC(2026, 0, 6, 0, 30, 7), '2026-01-06T00:30:07Z'],
    [Date.UTC(2026, 0, 6, 0, 30, 0, 5), '2026-01-06T00:30:00.005Z'],
  ])('an instant has no more digits than it needs: %d', (timeMs, words) => {
    expect(instantWords(timeMs)).toBe(words)
  })

  test.each([
    [0, '0 s'],
    [400, '0.4 s'],
    [5 * MINUTE, '5 min'],
    [90 * MINUTE, '1 h 30 min'],
    [DAY, '1 d'],
    [3 * DAY + 4 * HOUR + 5 * MINUTE, '3 d 4 h'],
    [-HOUR, '-1 h'],
  ])('a duration is told in its two largest units: %d', (ms, words) => {
    expect(durationWords(ms)).toBe(words)
  })

  test.each([
    [0, '1s'],
    [59_001, '60s'],
    [MINUTE + 1, '2m'],
    [90 * MINUTE, '90m'],
    [2 * HOUR + 1, '3h'],
    [3 * DAY, '72h'],
    [3 * DAY + 1, '4d'],
  ])('a setting is rounded up, never down: %d', (ms, setting) => {
    expect(durationSetting(ms)).toBe(setting)
  })

  test('a day before the first event is a dash', () => {
    expect([dayWords(undefined), dayWords(-Infinity), dayWords(0)]).toEqual([
      '-',
      '-',
      '1970-01-01',
    ])
  })

  test('counts and bytes', () => {
    expect(countWords(1_234_567)).toBe('1,234,567')
    expect([plural(1, 'row'), plural(2, 'row'), plural(0, 'row')]).toEqual([
      '1 row',
      '2 rows',
      '0 rows',
    ])
    expect([bytesWords(0), bytesWords(1023), bytesWords(1536)]).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
    ])
  })
})

describe('output', () => {
  test('a table has aligned columns and no frame, also where a row is short', () => {
    expect(
      tableText(
        ['A', 'LONG', 'C'],
        [
          ['1', '2', '3'],
          ['wide', 'x'],
        ],
      ),
    ).toBe('A     LONG  C\n1     2     3\nwide  x')
  })

  test('integers beyond 2^53 keep every digit in JSON, as text', () => {
    const exact = 2n ** 63n - 1n
    expect(JSON.parse(jsonText({ exact }))).toEqual({ exact: '9223372036854775807' })
  })

  test('an answer for machines is one document', () => {
    const written: string[] = []
    createOutput((text) => written.push(text)).json({ a: 1 })
    expect(JSON.parse(written.join(''))).toEqual({ a: 1 })
  })

  test('an outline reads like a pipeline file, and quotes what could be read as something else', () => {
    expect(
      outline({
        name: 'shop',
        time: { zone: 'UTC' },
        windows: ['1d', '7d'],
        tags: {},
        odd: 'a: b',
      }),
    ).toBe('name: shop\ntime:\n  zone: UTC\nwindows: [1d, 7d]\ntags: {}\nodd: "a: b"')
  })
})
