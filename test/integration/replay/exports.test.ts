/** Plain copies of tables follow a publish and a rollback. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Ended } from '../../support/cli-process.ts'
import { appendDay, PIPELINE } from './month-log.ts'

const DAYS = 8
const shop = new CliDirectory()

beforeAll(async () => {
  writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
  for (let day = 0; day < DAYS; day += 1) appendDay(shop.path('log'), day)
  await done('run', '--until-end')
})

afterAll(() => shop[Symbol.dispose]())

async function done(...args: string[]): Promise<Ended> {
  const ended = await shop.run(...args)
  expect(ended, ended.stderr).toMatchObject({ code: 0 })
  return ended
}

/** Of a directory with days: names of the files, which say what is in them. */
function filesIn(...place: string[]): string[] {
  const names = readdirSync(shop.path(...place), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.parquet')).sort()
}

/** Of the files of days that the replay changes. */
function generations(files: readonly string[]): Set<string> {
  const changed = files.filter((name) => name >= 'ds=2026-01-03')
  return new Set(changed.map((name) => /-(g\d+)-/.exec(name)?.[1] ?? name))
}

test('a plan names the copies that it changes; they follow the publish and the rollback', async () => {
  await done('table', 'export', 'user_activity', '--to', 'plain')
  await done('table', 'export', 'user_item', '--to', 'items')
  await done('table', 'export', 'user_activity', '--to', 'gone')
  rmSync(shop.path('gone'), { recursive: true })
  const first = filesIn('plain')
  const range = ['--days', '2026-01-03..', '--views', 'user_activity', '--reason', 'test']
  const { id, exports } = await shop.json<{
    readonly id: string
    readonly exports: readonly { readonly directory: string }[]
  }>('replay', 'plan', ...range)
  expect(exports.map(({ directory }) => path.basename(directory))).toContain('plain')
  await done('replay', 'run', id)
  const published = await done('replay', 'publish', id, '--yes')
  expect(published.stderr).toContain('of the copy of user_activity@1 followed')
  expect(published.stderr).toContain('`tidemark table export user_activity@1 --to')
  const followed = filesIn('plain')
  expect(generations(first)).toEqual(new Set(['g0001']))
  expect(generations(followed)).toEqual(new Set(['g0002']))
  // Days before the range are the same files as before.
  expect(followed.filter((name) => name < 'ds=2026-01-03')).toEqual(
    first.filter((name) => name < 'ds=2026-01-03'),
  )
  const back = await done('replay', 'rollback', '--reason', 'test', '--yes')
  expect(back.stderr).toContain('of the copy of user_activity@1 followed')
  expect(generations(filesIn('plain'))).toEqual(new Set(['g0003']))
  expect(filesIn('plain')).toHaveLength(first.length)
})
