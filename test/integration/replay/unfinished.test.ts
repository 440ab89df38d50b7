/**
 * What operators see of a publish or a rollback that was killed, what waits for it, and the way on where its files are gone: by the
 * command line, on files.
 */
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CliDirectory } from '../../support/cli-process.ts'

const shop = new CliDirectory()
const saved = mkdtempSync(path.join(shop.directory, 'saved-'))
const TABLE = 'user_activity_v1'

beforeAll(async () => {
  expect(await shop.run('init')).toMatchObject({ code: 0 })
  appendFileSync(shop.path('pipeline.yaml'), '\nhttp: 127.0.0.1:0\n')
  expect(await shop.run('run', '--until-end')).toMatchObject({ code: 0 })
})

afterAll(() => {
  shop[Symbol.dispose]()
})

async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await shop.run(...args)
  expect(code).toBe(1)
  return stderr.replaceAll(/\s+/g, ' ')
}

async function ran(...range: string[]): Promise<string> {
  const { id } = await shop.json<{ id: string }>('replay', 'plan', '--reason', 'test', ...range)
  await shop.json('replay', 'run', id)
  return id
}

interface Unfinished {
  readonly publications: {
    readonly unfinished: readonly object[]
    readonly left: readonly { readonly table: string; readonly first: string }[]
  }
}

async function publications(): Promise<Unfinished['publications']> {
  return (await shop.json<Unfinished>('status')).publications
}

function tables(...parts: string[]): string {
  return shop.path('features', ...parts)
}

function trailOf(id: string): string[] {
  const folder = tables('_tidemark', 'plans', id, 'trail')
  return readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name))
}

/** What a run that begins now has for Prometheus of publications, once it has looked for them. */
async function scraped(): Promise<string[]> {
  const run = shop.start(['run'])
  try {
    const said = await run.says('metrics and health at')
    const url = /metrics and health at (http:[^"\s]+)/.exec(said)?.[1] ?? ''
    for (;;) {
      const text = await (await fetch(`${url}/metrics`)).text()
      const lines = text.split('\n').filter((line) => /^tidemark_(unfin|publica)/.test(line))
      if (lines.length > 0) return lines.map((line) => line.replace('pipeline="shop",', ''))
      await setTimeout(100)
    }
  } finally {
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0 })
  }
}

/** As it is when the process dies right behind the record: everything but that, and the entry that it begins, is as before. */
function dieBehindRecord(id: string, generation: string): void {
  const record = tables('_tidemark', 'generations', generation)
  const begins = trailOf(id).find((file) => {
    const entry = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly did: string
      readonly details: { readonly phase?: string }
    }
    return entry.did === 'rollback' && entry.details.phase === 'begins'
  })
  if (begins === undefined) throw new Error('a rollback begins')
  const kept = [record, begins].map((file) => {
    const copy = path.join(saved, path.basename(file))
    copyFileSync(file, copy)
    return [copy, file] as const
  })
  rmSync(tables(), { recursive: true })
  cpSync(path.join(saved, 'features'), tables(), { recursive: true })
  for (const [copy, file] of kept) copyFileSync(copy, file)
}

/** Another program's vacuum: it keeps what the table says now, and nothing else. */
async function deleteReplaced(): Promise<void> {
  const { version } = await shop.json<{ version: number }>('table', 'show', 'user_activity')
  const active = new Set<string>()
  for (let at = 0; at <= version; at += 1) {
    const name = `${String(at).padStart(20, '0')}.json`
    for (const line of readFileSync(tables(TABLE, '_delta_log', name), 'utf8').split('\n')) {
      if (line === '') continue
      const { add, remove } = JSON.parse(line) as Record<string, { path: string } | undefined>
      if (add) active.add(decodeURIComponent(add.path))
      if (remove) active.delete(decodeURIComponent(remove.path))
    }
  }
  for (const entry of readdirSync(tables(TABLE), { recursive: true, encoding: 'utf8' }))
    if (entry.startsWith('ds=') && entry.endsWith('.parquet') && !active.has(entry))
      rmSync(tables(TABLE, entry))
}

test('an unfinished publish is shown by status, list and show; nothing is vacuumed until it is finished', async () => {
  expect(await publications()).toEqual({ unfinished: [], left: [] })
  const id = await ran('--days', '2020-01-01..', '--start', 'origin')
  await shop.json('replay', 'publish', id, '--yes')
  rmSync(trailOf(id).at(-1) ?? '')
  const command = `tidemark replay publish ${id}`
  expect(await publications()).toMatchObject({
    unfinished: [{ did: 'publish', replay: id, generation: 2, command }],
  })
  for (const args of [['status'], ['replay', 'list'], ['replay', 'show', id]]) {
    const { stdout } = await shop.run(...args)
    expect(stdout).toMatch(/UNFINISHED: the publish of replay \S+ \(generation 2, begun 20.* by /)
    expect(stdout).toContain(command)
  }
  expect(await scraped()).toContain('tidemark_unfinished_publications{did="publish"} 1')
  expect(await refused('table', 'vacuum')).toContain(`nothing is vacuumed meanwhile`)
  expect(await shop.json('replay', 'publish', id, '--yes')).toMatchObject({ outcome: 'finished' })
  expect(await publications()).toEqual({ unfinished: [], left: [] })
  await shop.json('table', 'vacuum')
})

test('a rollback that was killed, and whose files are gone then, blocks nobody for ever', async () => {
  const [{ replay: id } = { replay: '' }] = (
    await shop.json<{ replays: readonly { replay: string }[] }>('replay', 'list')
  ).replays
  // Owners come into the publish, and keep what a rollback needs.
  await shop.json('run', '--until-end')
  cpSync(tables(), path.join(saved, 'features'), { recursive: true })
  const back = ['replay', 'rollback', id, '--reason', 'test', '--yes'] as const
  await shop.json(...back)
  dieBehindRecord(id, '000003.json')
  expect(await publications()).toMatchObject({ unfinished: [{ did: 'rollback', generation: 3 }] })
  expect(await refused('table', 'vacuum')).toContain(`tidemark replay rollback ${id}`)
  await deleteReplaced()
  const next = await shop.json<{ id: string }>(
    ...['replay', 'plan', '--days', '2020-01-01..', '--start', 'origin', '--reason', 'test'],
  )
  await shop.json('replay', 'run', next.id)
  const wayOn = `tidemark replay rollback ${id} --abandon --reason TEXT`
  expect(await refused(...back)).toContain(wayOn)
  expect(await refused('replay', 'publish', next.id, '--yes')).toContain(wayOn)

  await shop.json(...back, '--abandon')
  const { unfinished, left } = await publications()
  expect([unfinished, left[0]?.table]).toEqual([[], TABLE])
  const metrics = (await scraped()).join('\n')
  expect(metrics).toMatch(/^tidemark_unfinished_publications{did="rollback"} 0$/m)
  expect(metrics).toMatch(/^tidemark_publication_left_days{table="user_activity_v1"} [1-9]/m)
  const { stdout } = await shop.run('status')
  expect(stdout).toMatch(/LEFT: user_activity_v1 has rows of 20.*tidemark replay --days 20/)
  expect((await shop.run('replay', 'diff', next.id)).code).toBe(0)
  await shop.json('replay', 'publish', next.id, '--yes')
  expect(await publications()).toEqual({ unfinished: [], left: [] })
  await shop.json('run', '--until-end')
  await shop.json('table', 'vacuum')
})
