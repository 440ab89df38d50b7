/**
 * A log of files gets partitions twice, 2 -> 4 -> 6, by the command line and without a server: each time the consumer stops, entities
 * move to the file that their key is in now, and every sink is as the oracle has it.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { homeOfText } from '../../../src/core/home.ts'
import { partitionerNamed } from '../../../src/core/partitioner.ts'
import { parseDay } from '../../../src/core/day.ts'
import { loadPipeline } from '../../../src/definition/load.ts'
import { DAY_MS } from '../../support/builders.ts'
import { CliDirectory } from '../../support/cli-process.ts'
import { sinkDifferences } from '../../support/compare-sinks.ts'
import type { RawRecord } from '../../support/raw-record.ts'
import { recomputeRegrouped } from '../../support/regrouped-oracle.ts'
import type { RegroupedLog } from '../../support/regrouped-oracle.ts'
import { actualOnline, walkOnline } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'

const EVENTS_A_DAY = 60
const USERS = 40
const FIRST_MS = Date.UTC(2026, 0, 1)

const PIPELINE = `
name: shop
source:
  files: { directory: ./events, timestamp: ts }
  format: json
  key: user
  fields: { user: string, item: int64, amount: "decimal(18,2)" }
  event: { id: id, duplicatesWithin: 24h, time: { field: at, format: ms } }
time: { outOfOrderness: 30m, allowedLateness: 12h }
views:
  activity:
    entity: user
    windows: [1d, 3d]
    features: { n: { count: "*" }, spent: { sum: amount }, last: { last: amount } }
    ttl: 40d
  pairs:
    entity: [item, user]
    windows: [2d]
    features: { n: { count: "*" } }
    ttl: 40d
sinks: { online: { leveldb: ./online }, offline: { delta: ./tables, slots: 2 } }
rejects: { files: ./rejects, limit: 50% }
state: ./state
`

const shop = new CliDirectory()
/** By partition: what was written so far, at the offset of its first byte. */
const log: RawRecord[][] = []
const sizes: number[] = []
let written = 0

beforeAll(() => {
  mkdirSync(shop.path('events'))
  writeFileSync(shop.path('pipeline.yaml'), PIPELINE)
})

afterAll(() => {
  shop[Symbol.dispose]()
})

function homeAmong(partitions: number): (user: string) => number {
  const murmur2 = partitionerNamed('murmur2')
  if (murmur2 === undefined) throw new Error('murmur2 is known')
  return homeOfText(murmur2, partitions)
}

/** Of the next days, in the file that the key belongs to; every sixth is half a day late, every ninth repeats an id. */
function write(days: number, partitions: number): void {
  const home = homeAmong(partitions)
  while (log.length < partitions) {
    appendFileSync(shop.path('events', `${log.length}.jsonl`), '')
    sizes[log.length] = 0
    log.push([])
  }
  for (const end = written + days * EVENTS_A_DAY; written < end; written += 1) {
    const timestamp = FIRST_MS + Math.floor((written * DAY_MS) / EVENTS_A_DAY)
    const at = Math.max(FIRST_MS, timestamp - (written % 6 === 5 ? DAY_MS / 2 : 0))
    const user = `u${(written * 7) % USERS}`
    const id = `e${written % 9 === 8 ? written - 8 * USERS : written}`
    const amount = `${written % 97}.25`
    const value = JSON.stringify({ user, id, at, ts: timestamp, item: written % 3, amount })
    const partition = home(user)
    const offset = sizes[partition] ?? 0
    log[partition]?.push({ offset, timestamp, key: user, value })
    sizes[partition] = offset + value.length + 1
    appendFileSync(shop.path('events', `${partition}.jsonl`), `${value}\n`)
  }
}

interface Planned {
  readonly id: string
  readonly staged: { readonly first: string }
  readonly partitions: readonly unknown[]
  readonly regrouped: {
    readonly partitioner: string
    readonly from: readonly { readonly partition: number; readonly end: number }[]
  }
}

/** The consumer stops, and a replay leads on. */
async function regroup(was: number, is: number): Promise<Planned> {
  const stopped = await shop.run('run', '--until-end')
  expect(stopped.code).toBe(1)
  expect(stopped.stderr).toContain(`had ${was} partitions and has ${is} now`)
  const plan = await shop.json<Planned>('replay', 'plan', '--reason', 'files were added')
  expect(plan.regrouped.partitioner).toBe('murmur2')
  await shop.json('replay', 'run', plan.id)
  await shop.json('replay', 'publish', plan.id, '--reason', 'test', '--yes')
  return plan
}

function stretch(partition: number, from: number, to: number): RawRecord[] {
  return (log[partition] ?? []).filter(({ offset }) => offset >= from && offset < to)
}

/** The log as regroupings have cut it, up to some offsets. */
function cutBy(plan: Planned, before: readonly Planned[], until: readonly number[]): RegroupedLog {
  const { regrouped, staged, partitions } = plan
  const ends = regrouped.from.map(({ end }) => end)
  const home = homeAmong(partitions.length)
  const last = before.at(-1)
  return {
    old:
      last === undefined
        ? ends.map((end, partition) => ({ partition, records: stretch(partition, 0, end) }))
        : cutBy(last, before.slice(0, -1), ends),
    parts: partitions.map((_, partition) => {
      const origin = ends[partition] ?? 0
      const records = stretch(partition, origin, until[partition] ?? Infinity)
      return { partition, origin, records }
    }),
    home: ({ fields }) => home(String(fields.get('user'))),
    first: parseDay(staged.first) ?? NaN,
  }
}

/** Once the consumer has read to the end. */
async function expectSinks(plan: Planned, ...before: readonly Planned[]): Promise<void> {
  await shop.json('run', '--until-end')
  const pipeline = await loadPipeline(shop.path('pipeline.yaml'))
  const oracle = recomputeRegrouped(pipeline, cutBy(plan, before, []))
  await using tables = await TableReader.beside(pipeline, shop.directory)
  const online = actualOnline(pipeline, await walkOnline(pipeline, plan.partitions.length))
  const actual = { ...(await tables.sinks()), online, rejects: [] }
  const found = sinkDifferences({ ...oracle, rejects: [] }, actual)
  expect(found.slice(0, 12).join('\n')).toBe('')
}

test('2 -> 4 -> 6 files: each time entities are regrouped, and the consumer goes on with all values', async () => {
  write(6, 2)
  await shop.json('run', '--until-end')
  write(3, 4)
  const first = await regroup(2, 4)
  await expectSinks(first)
  write(3, 4)
  await expectSinks(first)
  write(3, 6)
  const second = await regroup(4, 6)
  await expectSinks(second, first)
  write(3, 6)
  await expectSinks(second, first)
}, 180_000)
