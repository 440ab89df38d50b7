/** Every benchmark on a small workload: that they run and count what they claim, never how fast. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'

const ROOT = path.resolve(import.meta.dirname, '../..')
const EVENTS = 2_000
const cache = mkdtempSync(path.join(os.tmpdir(), 'tidemark-bench-'))
process.env['BENCH_CACHE'] = cache
// The place of the cache is read when the module is loaded.
const { BENCHES } = await import('../../bench/benches.ts')
const { workload } = await import('../../bench/workload.ts')

afterAll(() => rmSync(cache, { recursive: true, force: true }))

/** What a case says beside its speed, where that is no matter of the machine. */
const NOTES: Readonly<Record<string, object>> = {
  // A backfill reads each day once, whatever its windows. 4 days with windows of 8 days: 12, the day of an all-empty row, and what
  // shows that the last day is final.
  '365 days, windows of 180': { 'days read': 14, 'day scans without carried-over state': 32 },
}

test('notes are looked at of cases that there are', () => {
  const names = [...BENCHES.values()].flatMap(({ cases }) => cases.map(({ name }) => name))
  expect(names).toEqual(expect.arrayContaining(Object.keys(NOTES)))
})

describe.each([...BENCHES])('bench %s', (_, { cases }) => {
  test.each(cases)('$name', async ({ name, run }) => {
    const { count, seconds, cpuSeconds, peakRssMiB, notes } = await run({ events: EVENTS })
    expect(count).toBeGreaterThan(0)
    for (const figure of [seconds, cpuSeconds, peakRssMiB]) expect(figure).toBeGreaterThan(0)
    expect(notes).toMatchObject(NOTES[name] ?? {})
  })
})

test('the workload is the same every time, with its shares of types and of disorder', () => {
  const shares = { impressions: 0, clicks: 0, cents: 0, behind: 0 }
  for (const { type, cents, timeMs, writtenMs } of workload(100_000)) {
    if (type === 0) shares.impressions += 1
    if (type === 1) shares.clicks += 1
    shares.cents += cents
    if (timeMs < writtenMs) shares.behind += 1
  }
  // 88 %, 10 %, the rest purchases of about 251.00; 10.5 % out of order.
  expect(shares).toEqual({ impressions: 88_186, clicks: 9_786, cents: 51_895_904, behind: 10_497 })
})

test('npm run bench prints the machine and a line per case', () => {
  const text = execFileSync(
    process.execPath,
    ['--import', 'tsx', 'bench/main.ts', 'decode', '--only', 'json: read +', '--events', '2000'],
    { cwd: ROOT, encoding: 'utf8', env: { ...process.env, BENCH_CACHE: cache } },
  )
  expect(text).toMatch(/\d+ cores, \d+ GiB, .*Node v/)
  expect(text.match(/^json: .* 2,000 /gm)).toHaveLength(2)
})
