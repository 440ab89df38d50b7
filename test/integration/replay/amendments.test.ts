/**
 * A watermark that a wrong clock moved, on real servers: days are closed early, honest records come too late. It is taken back, what was
 * late anyway is healed, and all sinks are what the oracle says; so are those of a rebuild from the topic under the same record.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import type { Pipeline } from '../../../src/core/definition.ts'
import { recompute } from '../../support/oracle.ts'
import type { RawPartition, RawRecord } from '../../support/raw-record.ts'
import { sharedRedis, uniqueName } from '../../support/servers.ts'
import type { RawValue } from '../engine/online-reader.ts'
import { TableReader } from '../engine/table-reader.ts'
import { FIRST_MS, recordOf, TopicShop, writtenMs } from './topic-shop.ts'

const DAYS = 12
const EVENTS_A_DAY = 12
/** On the fifth day a phone says that it is two months later. */
const POISON = { offset: 5 * EVENTS_A_DAY, at: FIRST_MS + 60 * DAY_MS }
/** From here on each third event is of a day that is over for long. */
const BELATED_FROM = 9 * EVENTS_A_DAY
const WHY = ['--reason', 'a wrong clock']

const shop = await TopicShop.create('poisoned')
const deadLetters = `${shop.topic}.dead-letters`

function recordAt(partition: number, offset: number): RawRecord {
  const now = writtenMs(offset, EVENTS_A_DAY)
  const id = `${partition}-${offset}`
  const amount = `${offset % 7}.5`
  if (partition === 0 && offset === POISON.offset)
    return recordOf(offset, POISON.at, { user: 'phone', id, at: POISON.at, amount })
  const isBelated = offset >= BELATED_FROM && offset % 3 === 0
  const at = isBelated ? now - 6 * DAY_MS : now
  return recordOf(offset, now, { user: `u${partition}-${offset % 5}`, id, at, amount })
}

beforeAll(async () => {
  await shop.clients.createTopic(deadLetters, 1, { 'retention.ms': '-1' })
  await shop.produce(DAYS * EVENTS_A_DAY, recordAt)
  await writePipeline('pipeline.yaml', '.')
})

afterAll(() => shop[Symbol.asyncDispose]())

async function writePipeline(file: string, place: string): Promise<void> {
  const { url: redis } = await sharedRedis()
  shop.writePipeline(
    {
      windows: ['1d', '3d'],
      allowedLateness: '6h',
      id: 'id',
      group: uniqueName('group'),
      sinks: { online: { redis }, offline: { delta: `${place}/tables` } },
      more: { rejects: { topic: deadLetters, limit: '100%' }, state: `${place}/state` },
    },
    file,
  )
}

async function expectSinks(log: readonly RawPartition[], file = 'pipeline.yaml'): Promise<void> {
  // An entity that only the dropped record had stays as the all-empty value, which is content as no value is.
  const isContent = ({ entity, envelope }: RawValue): boolean =>
    entity !== 'phone' || '_event_time' in envelope
  await shop.expectSinks({ log, file, isContent })
  const pipeline = await shop.pipeline(file)
  await using tables = await TableReader.beside(pipeline, shop.directory)
  const complete = await tables.complete('activity_v1')
  for (const { partition, closedDay } of recompute(pipeline, log).partitions)
    expect(complete.get(partition)).toBe(closedDay)
}

function accepting(log: readonly RawPartition[], pipeline: Pipeline): RawPartition[] {
  return recompute(pipeline, log).partitions.map(({ partition, judged }, i) => {
    const late = judged.filter(({ outcome }) => outcome === 'too_late')
    const accepted = late.map(({ record }) => record)
    return { ...(log[i] as RawPartition), partition, accepted }
  })
}

test('a watermark is reset, late records are healed, and a rebuild gives the same', async () => {
  const pipeline = await shop.pipeline()
  await shop.json('run', '--until-end')
  await expectSinks(shop.log)

  const dropped = shop.log.map((part) =>
    part.partition === 0 ? { ...part, dropped: [POISON.offset] } : part,
  )
  const { stdout, stderr } = await shop.run('watermark', 'reset', '--json', ...WHY)
  expect(stderr).toContain(`drops ${shop.topic}[0]@${POISON.offset}, event time 2026-03-02`)
  const { id } = JSON.parse(stdout) as { readonly id: string }
  await shop.json('replay', 'run', id)
  await shop.json('replay', 'publish', id, '--yes')
  await shop.json('run', '--until-end')
  await expectSinks(dropped)

  // What was too late because of the poison counts by now, and is not accepted: the ledger has it as history.
  const healed = accepting(dropped, pipeline)
  await shop.json('late', 'heal', '--yes', ...WHY)
  await shop.json('run', '--until-end')
  const newest = newestRecord()
  expect(newest.amendments.length).toBe(
    1 + healed.reduce((sum, { accepted = [] }) => sum + accepted.length, 0),
  )
  await expectSinks(healed)
  expect(await shop.json('late', 'heal', ...WHY)).toEqual({ accepts: 0, plan: null })

  const { handOver: _, ...record } = newest
  mkdirSync(shop.path('new', 'tables', '_tidemark', 'generations'), { recursive: true })
  cpSync(
    shop.path('tables', '_tidemark', 'amendments'),
    shop.path('new', 'tables', '_tidemark', 'amendments'),
    { recursive: true },
  )
  writeFileSync(
    shop.path('new', 'tables', '_tidemark', 'generations', '000001.json'),
    JSON.stringify({ ...record, generation: 1 }),
  )
  await writePipeline('new.yaml', './new')
  await shop.json('run', '--until-end', '-f', 'new.yaml')
  await expectSinks(healed, 'new.yaml')
})

function newestRecord(): { readonly amendments: readonly unknown[]; readonly handOver?: unknown } {
  const folder = shop.path('tables', '_tidemark', 'generations')
  const name = readdirSync(folder).sort().at(-1) ?? ''
  return JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as ReturnType<typeof newestRecord>
}
