/** A replay that begins with live states where the newest checkpoint is damaged: the one before serves, and the rest is read. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { CliDirectory } from '../../support/cli-process.ts'
import { appendDay, PIPELINE } from './month-log.ts'

const shop = new CliDirectory()
const FOLDER = ['checkpoints', 'shop', 'partition-00000'] as const

afterAll(() => shop[Symbol.dispose]())

async function runToEnd(): Promise<void> {
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
}

/** Of whatever only the newest checkpoint of the partition has. */
function damageNewest(): void {
  const ids = readdirSync(shop.path(...FOLDER, 'checkpoints')).sort()
  expect(ids.length).toBeGreaterThan(1)
  const newest = ids.at(-1)?.replace('.json', '') ?? ''
  const own = readdirSync(shop.path(...FOLDER, 'files')).filter((name) => name.endsWith(newest))
  expect(own.length).toBeGreaterThan(0)
  for (const name of own) {
    const file = shop.path(...FOLDER, 'files', name)
    writeFileSync(file, readFileSync(file).subarray(1))
  }
}

async function planned(...args: string[]): Promise<{ id: string; partitions: object[] }> {
  return shop.json('replay', 'plan', '--reason', 'test', ...args)
}

test('a longer window comes out of the checkpoint before a damaged one, and every row is as if it had always been there', async () => {
  const text = `${PIPELINE}checkpoints: { store: ./checkpoints, keep: 5, keepFor: 1h }\n`
  writeFileSync(shop.path('pipeline.yaml'), text)
  for (let day = 0; day < 9; day += 1) appendDay(shop.path('log'), day)
  await runToEnd()
  for (let day = 9; day < 12; day += 1) appendDay(shop.path('log'), day)
  await runToEnd()
  rmSync(shop.path('state'), { recursive: true })
  damageNewest()
  writeFileSync(
    shop.path('pipeline.yaml'),
    text.replace(/windows: \[(.*?)\]/, 'windows: [$1, 20d]'),
  )
  const { id, partitions } = await planned()
  expect(partitions[0]).toMatchObject({ start: { kind: 'live' } })
  const ran = await shop.run('replay', 'run', id, '--json')
  expect(ran.stderr).toMatch(/is damaged.*Trying the one before it/s)
  expect(JSON.parse(ran.stdout)).toMatchObject({ reason: 'done', records: 0 })
  expect(await shop.run('replay', 'publish', id, '--yes')).toMatchObject({ code: 0 })
  await runToEnd()
  const all = await planned('--days', '2026-01-01..', '--start', 'origin')
  expect(await shop.run('replay', 'run', all.id)).toMatchObject({ code: 0 })
  const diff = await shop.run('replay', 'diff', all.id)
  expect(diff, diff.stdout).toMatchObject({ code: 0 })
})
