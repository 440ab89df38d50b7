/** The snippets of docs/reading-online.md print what the page shows, on a real Redis that holds a value. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { beforeAll, expect, test } from 'vitest'
import { parseDay } from '../../../src/core/day.ts'
import { createRedisOnlineStore } from '../../../src/redis/online-store.ts'
import { onlineValue } from '../../conformance/online-store.ts'
import { PIPELINE, rawClient } from '../../support/redis-place.ts'
import { sharedRedis } from '../../support/servers.ts'

const ROOT = path.join(import.meta.dirname, '../../..')
const page = readFileSync(path.join(ROOT, 'docs/reading-online.md'), 'utf8')
const day = parseDay('2026-01-06') ?? 0
const { url } = await sharedRedis()

const value = onlineValue({
  view: 'user_activity:v1',
  entity: '42',
  partition: 3,
  version: { generation: 1, offset: 977, day },
  fields: [
    ['clicks_7d', '17'],
    ['spend_30d', '120.50'],
  ],
  nextDay: day + 2,
  eventTime: 1_767_693_600_000,
  watermark: 1_767_691_800_000,
  definition: 'c0ffee',
})

beforeAll(async () => {
  const servers = { kind: 'standalone', url } as const
  await using store = createRedisOnlineStore(
    { kind: 'redis', servers, prefix: '' },
    { pipeline: PIPELINE },
  )
  await store.marker(3)
  await store.write([value])
  const marker = { generation: 1, position: 978, asOf: day, scanId: 'run.3.sweep.1' }
  const { incarnation } = store
  await store.advanceMarker(3, marker, { marker: undefined, incarnation })
})

test('the layout, to the letter', async () => {
  using raw = rawClient(url)
  expect(await raw.hgetall('shop:user_activity:v1:42')).toEqual({
    clicks_7d: '17',
    spend_30d: '120.50',
    _asof: '2026-01-06',
    _next: '2026-01-08',
    _watermark: '1767691800000',
    _event_time: '1767693600000',
    _state: 'provisional',
    _version: `1.977.${day}`,
    _partition: '3',
    _definition: 'c0ffee',
  })
  expect(await raw.hgetall('shop:_marker:3')).toEqual({
    generation: '1',
    position: '978',
    day: String(day),
    scan: 'run.3.sweep.1',
  })
  expect(await raw.pttl('shop:_marker:3')).toBe(-1)
  expect((await raw.keys('*')).sort()).toEqual(['shop:_marker:3', 'shop:user_activity:v1:42'])
  for (const name of Object.keys(await raw.hgetall('shop:user_activity:v1:42'))) {
    expect(page).toContain(name.startsWith('_') ? `\`${name}\`` : 'clicks_7d')
  }
})

test('the snippet in TypeScript', () => {
  mkdirSync(path.join(ROOT, '.cache'), { recursive: true })
  const directory = mkdtempSync(path.join(ROOT, '.cache/reading-online-'))
  try {
    const file = path.join(directory, 'read.ts')
    const { code, shown } = snippet('typescript')
    writeFileSync(file, code)
    expect(run(process.execPath, ['--import', 'tsx', file])).toBe(shown)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('the snippet in Python', () => {
  const { code, shown } = snippet('python')
  expect(run(path.join(ROOT, '.cache/venv/bin/python'), ['-c', code])).toBe(shown)
})

function snippet(language: string): { readonly code: string; readonly shown: string } {
  const found = new RegExp(
    `\`\`\`${language}\\n(.*?)\`\`\`\\n\\n\`\`\`text\\n(.*?)\`\`\``,
    's',
  ).exec(page)
  expect(found, `the page has a snippet in ${language} and its output`).not.toBeNull()
  return { code: found?.[1] ?? '', shown: found?.[2] ?? '' }
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, REDIS_URL: url },
    timeout: 30_000,
  })
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}
