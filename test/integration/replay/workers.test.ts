/** `tidemark replay run` in several processes: the same rows as in one, whoever is killed. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CliDirectory } from '../../support/cli-process.ts'
import type { Started } from '../../support/cli-process.ts'
import { isAlive } from '../../support/is-alive.ts'
import { appendDay, PIPELINE } from './month-log.ts'

const DAYS = 10
const shop = new CliDirectory()
let expected: unknown

beforeAll(async () => {
  writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
  for (let day = 0; day < DAYS; day += 1) appendDay(shop.path('log'), day)
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
  expected = await ran(await planned(), '1')
})

afterAll(() => shop[Symbol.dispose]())

async function planned(): Promise<string> {
  const args = ['--days', '2026-01-03..', '--reason', 'test', '--start', 'origin']
  return (await shop.json<{ readonly id: string }>('replay', 'plan', ...args)).id
}

/** What was staged, without when. */
async function ran(id: string, workers: string): Promise<unknown> {
  const result = await shop.json<Record<string, object[]>>(
    'replay',
    'run',
    id,
    '--workers',
    workers,
  )
  const { records, partitions, tables } = result
  return { records, partitions: partitions?.map((each) => ({ ...each, checkpoint: true })), tables }
}

/** A slow run, once its processes have states. */
async function slowRun(id: string): Promise<Started & { readonly workers: readonly number[] }> {
  const slowly = ['--workers', '2', '--records-per-second', '2']
  const run = shop.start(['replay', 'run', id, ...slowly])
  const states = [0, 1].map((partition) =>
    shop.path('state', 'replays', id, `partition-${partition}`, 'CURRENT'),
  )
  while (!states.every((state) => existsSync(state)) && run.child.exitCode === null) await sleep(20)
  const { pid = 0 } = run.child
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return { ...run, workers: children.trim().split(' ').map(Number) }
}

test('a process per partition stages what one process does', async () => {
  expect(await ran(await planned(), '2')).toEqual(expected)
})

test('a process that is killed ends the run, which says how to go on; run again, it comes to the same values', async () => {
  const id = await planned()
  const { workers, ended } = await slowRun(id)
  expect(workers).toHaveLength(2)
  process.kill(workers[1] ?? 0, 'SIGKILL')
  const { code, stderr } = await ended
  expect(code).toBe(1)
  expect(stderr).toContain('WORKER_LOST')
  expect(stderr).toContain('Run it again')
  expect(await ran(id, '2')).toEqual(expected)
})

test('where the run itself is killed its processes go, too; run again, in whatever number, it comes to the same values', async () => {
  const id = await planned()
  const { child, workers, ended } = await slowRun(id)
  child.kill('SIGKILL')
  await ended
  while (workers.some(isAlive)) await sleep(20)
  expect(await ran(id, '1')).toEqual(expected)
})

test('Ctrl-C, which all processes of a terminal get, stops the run cleanly', async () => {
  const id = await planned()
  const { child, workers, ended } = await slowRun(id)
  for (const pid of [child.pid ?? 0, ...workers]) process.kill(pid, 'SIGINT')
  const { code, stderr } = await ended
  expect(code).toBe(1)
  expect(stderr).toContain(`tidemark replay run ${id}`)
  expect(stderr).not.toContain('WORKER_LOST')
  expect(await ran(id, '2')).toEqual(expected)
})
