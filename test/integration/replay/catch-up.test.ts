/**
 * A replay while others are at work with it, and while the log goes on: a second process is refused until the first one ends, killed or
 * not; what came since its end is told before the publish, and read first where that is wanted. By the command line, on files.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import { CliDirectory } from '../../support/cli-process.ts'

const shop = new CliDirectory()
const ALL_DAYS = ['--days', '2020-01-01..', '--start', 'origin', '--reason', 'test'] as const

beforeAll(async () => {
  expect(await shop.run('init')).toMatchObject({ code: 0 })
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
})

afterAll(() => {
  shop[Symbol.dispose]()
})

async function planned(): Promise<string> {
  return (await shop.json<{ id: string }>('replay', 'plan', ...ALL_DAYS)).id
}

/** The last events of each partition once more, with new ids, some days later: days close. */
function goOn(days: number): number {
  let appended = 0
  for (const name of ['0.jsonl', '1.jsonl']) {
    const file = shop.path('events', name)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-200)
    for (const line of lines) {
      const event = JSON.parse(line) as { event_id: string; event_ms: number; received_ms: number }
      const later = {
        ...event,
        event_id: `${event.event_id}+${days}`,
        event_ms: event.event_ms + days * DAY_MS,
        received_ms: event.received_ms + days * DAY_MS,
      }
      appendFileSync(file, `${JSON.stringify(later)}\n`)
      appended += 1
    }
  }
  return appended
}

/** Every row and tile is what counting all of the log again says. */
async function expectWhole(): Promise<void> {
  const id = await planned()
  await shop.json('replay', 'run', id)
  const { code, stdout } = await shop.run('replay', 'diff', id)
  expect([code, code === 0 ? '' : stdout]).toEqual([0, ''])
}

test('a second run, a publish and a discard are refused while a run is going on; a run that was killed is in nobody’s way', async () => {
  const id = await planned()
  const run = shop.start(['replay', 'run', id, '--records-per-second', '2'])
  while (!existsSync(shop.path('state', 'replays', id, 'lock', 'CURRENT'))) await sleep(20)
  for (const args of [
    ['replay', 'run', id],
    ['replay', 'discard', id, '--yes'],
    ['replay', 'publish', id, '--yes'],
  ]) {
    const { code, stderr } = await shop.run(...args)
    expect([args[1], code, stderr]).toEqual([
      args[1],
      1,
      expect.stringContaining('another process of this machine is at work with it'),
    ])
  }
  run.child.kill('SIGKILL')
  await run.ended
  await shop.json('replay', 'run', id)
  await shop.json('replay', 'discard', id, '--yes')
  expect(existsSync(shop.path('state', 'replays', id))).toBe(false)
})

interface Preview {
  readonly behind: {
    readonly records: number
    readonly partitions: readonly { readonly records: number }[]
  }
}

test('what came since a replay ended is told by publish, and read first with --catch-up', async () => {
  const id = await planned()
  await shop.json('replay', 'run', id)
  const { behind } = await shop.json<Preview>('replay', 'publish', id, '--dry-run')
  expect(behind.records).toBe(0)
  const appended = goOn(3)
  await shop.json('run', '--until-end')
  const { stderr } = await shop.run('replay', 'publish', id, '--dry-run')
  expect(stderr).toMatch(
    /It ended [\d,]+ records before what is the end of the log now \(partition/,
  )
  expect(stderr).toContain(`tidemark replay publish ${id} --catch-up`)
  const now = await shop.json<Preview>('replay', 'publish', id, '--dry-run')
  // Offsets are bytes here: estimated by the size of a sample.
  expect(now.behind.records / appended).toBeCloseTo(1, 0)

  await shop.json('replay', 'publish', id, '--catch-up', '--yes')
  const { trail } = await shop.json<{ trail: readonly { did: string }[] }>('replay', 'show', id)
  expect(trail.map(({ did }) => did)).toEqual(['plan', 'run', 'run', 'publish', 'publish'])
  goOn(6)
  await shop.json('run', '--until-end')
  await expectWhole()
})

test('a run that has gone on and not come to its end is not published', async () => {
  const id = await planned()
  await shop.json('replay', 'run', id)
  const result = shop.path('features', '_tidemark', 'plans', id, 'result.json')
  const ended = readFileSync(result)
  goOn(9)
  await shop.json('replay', 'run', id)
  writeFileSync(result, ended)
  const { code, stderr } = await shop.run('replay', 'publish', id, '--yes')
  expect([code, stderr.replaceAll(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringContaining('Run it again'),
  ])
  await shop.json('replay', 'run', id)
  await shop.json('replay', 'publish', id, '--yes')
  await shop.json('run', '--until-end')
  await expectWhole()
})
