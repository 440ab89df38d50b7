/** The order of views in the pipeline file means nothing: states number them as the generation's record has them. */
import { expect, test } from 'vitest'
import type { RunProgress } from '../../src/engine/parts.ts'
import { MemoryGenerations } from '../../src/memory/generations.ts'
import { createMetrics } from '../../src/metrics/metrics.ts'
import { COUNT, viewOf } from '../support/builders.ts'
import { Rig } from './rig.ts'

/** No record of these tests has an item: the view of pairs stays empty, and all numbers of the two views differ. */
const VIEWS = [
  viewOf([1, 3], [COUNT]),
  viewOf([1, 7], [COUNT], { name: 'pairs', version: 2, entity: ['user', 'item'] }),
]

async function ranOnce(): Promise<Rig> {
  const rig = new Rig({
    views: VIEWS,
    fields: { item: { kind: 'string' } },
    wall: '2024-03-07 12:00',
  })
  rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-06 09:00'])
  await rig.runToEnd()
  return rig
}

function swapViews(rig: Rig): void {
  rig.pipeline = { ...rig.pipeline, views: rig.pipeline.views.toReversed() }
}

async function lines(rig: Rig, progress: RunProgress | undefined, name: string): Promise<string[]> {
  const { pipeline, clock } = rig
  const parts = { pipeline, clock, topic: 'events', version: '1', progress: () => progress }
  const text = await createMetrics(parts).text()
  const found = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return found.map((line) => line.replace(/^.*view="([^"]+)".*\} /, '$1 ')).sort()
}

test('views that change places in the file keep their numbers: the generation, every sink and every metric', async () => {
  const rig = await ranOnce()
  swapViews(rig)
  rig.append(['2024-03-06 10:00', '2024-03-07 10:00'])
  const run = rig.start()
  await rig.clock.advance(2_000)
  expect(await lines(rig, run.progress, 'tidemark_freshness_seconds_count')).toEqual([
    'activity@1 1',
    'pairs@2 0',
  ])
  rig.onlineAway = true
  rig.append(['2024-03-07 11:00'])
  await rig.clock.advance(5_000)
  const [activity, pairs] = await lines(rig, run.progress, 'tidemark_untold_age_seconds')
  expect(activity).toMatch(/^activity@1 [1-9]/)
  expect(pairs).toBe('pairs@2 0')
  rig.onlineAway = false
  await run.stop()
  await rig.runToEnd()
  expect(await rig.generations.list()).toHaveLength(1)
  await rig.expectTheLaw()
})

test('a record that is gone is written again in the order of the state, not of the file', async () => {
  const rig = await ranOnce()
  const before = await rig.generations.list()
  rig.generations = new MemoryGenerations()
  swapViews(rig)
  rig.append(['2024-03-06 10:00', '2024-03-07 10:00'])
  await rig.runToEnd()
  expect(await rig.generations.list()).toEqual(before)
  await rig.expectTheLaw()
})

test('a state that numbers its views in another way than the record is refused before anything is read', async () => {
  const rig = await ranOnce()
  const [stored] = await rig.generations.list()
  const record = JSON.parse(stored?.record ?? '') as { readonly views: readonly unknown[] }
  rig.generations = new MemoryGenerations()
  const swapped = { ...record, views: record.views.toReversed() }
  await rig.generations.put(1, JSON.stringify(swapped))
  await expect(rig.runToEnd()).rejects.toMatchObject({
    code: 'STATE_DAMAGED',
    message: expect.stringContaining('has the views activity@1, pairs@2') as unknown,
  })
})
