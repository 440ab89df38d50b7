/** Starting again: from the state's own offset, and only where log and definitions are still those of the state. */
import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { at, COUNT, recordsAt, viewOf } from '../support/builders.ts'
import { gate, Rig } from './rig.ts'

function garbage(count: number): ReturnType<typeof recordsAt> {
  const records = recordsAt(Array.from({ length: count }, () => '2024-03-04 10:00'))
  return records.map((record) => ({ ...record, value: '{' }))
}

test('a restart goes on at the state’s own offset: no record is read twice into a tile', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00', '2024-03-04 10:01'])
  await rig.runToEnd()
  rig.append(['2024-03-04 10:02'])
  const second = await rig.runToEnd()
  expect(second.partitions[0]).toMatchObject({ startOffset: 2, records: 1, nextOffset: 3 })
  expect(await rig.served()).toContain('n_1d=3')
  await rig.expectTheLaw()
})

test('a log that was deleted and made again is refused, and nothing is read', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00'])
  await rig.runToEnd()
  const head = rig.disks[0]?.head ?? ''
  if (rig.disks[0])
    rig.disks[0].head = head.replace(/"logIdentity":"[^"]*"/, '"logIdentity":"another"')
  const before = rig.effects.length
  await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  expect(rig.effects.length).toBe(before)
})

test('another meaning under the same version is refused, with the ways on', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00'])
  await rig.runToEnd()
  const before = rig.effects.length
  rig.pipeline = {
    ...rig.pipeline,
    views: [viewOf([1, 3], [{ ...COUNT, field: 'user' }], { hash: 'other' })],
  }
  await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED', exitCode: 2 })
  expect(rig.effects.length).toBe(before)
})

test('another time policy is refused too: it would judge the same log differently', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00'])
  await rig.runToEnd()
  rig.pipeline = { ...rig.pipeline, time: { ...rig.pipeline.time, allowedLatenessMs: 0 } }
  await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' })
})

test('a state of another partition is refused: directories were mixed up', async () => {
  const rig = new Rig({ partitions: 2 })
  rig.append(['2024-03-04 10:00'], 0)
  rig.append([{ at: '2024-03-04 10:00', user: 'v' }], 1)
  await rig.runToEnd()
  rig.disks.reverse()
  await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
})

test('SIGTERM commits what is folded, tells it, and leaves', async () => {
  // The next commit would come after an hour.
  const rig = new Rig()
  rig.pipeline = { ...rig.pipeline, commit: { ...rig.pipeline.commit, intervalMs: 3_600_000 } }
  const run = rig.start()
  await rig.clock.advance(100)
  rig.append(['2024-03-04 10:00', '2024-03-04 10:01'])
  await rig.clock.advance(1_000)
  expect(await rig.served()).toBe('nothing')
  const startedMs = rig.clock.monotonicMs()
  const summary = await run.stop()
  expect(summary.reason).toBe('stopped')
  expect(rig.clock.monotonicMs() - startedMs).toBeLessThan(10_000)
  expect(rig.disks[0]?.head).toContain('"nextOffset":2')
  expect(await rig.served()).toContain('n_1d=2')
})

test('T22 a state that is lost is built again from the log, and reaches the same sinks', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00', '2024-03-05 10:00', '2024-03-04 11:00', '2024-03-07 10:00'])
  await rig.runToEnd()
  const before = [...rig.rows(), await rig.served()]
  rig.disks[0] = new MemoryDisk()
  await rig.runToEnd()
  expect([...rig.rows(), await rig.served()]).toEqual(before)
  await rig.expectTheLaw()
})

test('what is refused is kept before the commit: a death in between writes it again, under the same position', async () => {
  const rig = new Rig()
  rig.hooks.set('state commit', () => gate().passed)
  rig.appendRaw(garbage(1))
  const run = rig.start()
  await rig.clock.advance(1_000)
  expect([...rig.rejects.kept.keys()]).toEqual(['0@0'])
  expect(rig.disks[0]?.head).toBeUndefined()
  await run.kill()
  await rig.runToEnd()
  expect([...rig.rejects.kept.keys()]).toEqual(['0@0'])
})

describe('the limit on rejects', () => {
  test('stops before the commit of the batch that passes it, with three samples', async () => {
    const rig = new Rig({ limit: 0.001 })
    rig.appendRaw(garbage(12))
    const failure: unknown = await rig.runToEnd().catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'REJECTS_ABOVE_LIMIT' })
    expect(String(failure).match(/events\[0\]@\d+ undecodable/g)).toHaveLength(3)
    expect(rig.disks[0]?.head).toBeUndefined()
    expect(rig.rejects.kept.size).toBe(0)
  })

  test('a restart stops at the same record', async () => {
    const rig = new Rig({ limit: 0.001, fetch: 5 })
    rig.appendRaw(garbage(12))
    const messages: string[] = []
    for (let i = 0; i < 3; i += 1) {
      await rig.runToEnd().catch((error: unknown) => messages.push(String(error)))
    }
    expect(messages).toHaveLength(3)
    expect(new Set(messages).size).toBe(1)
  })

  test('is generous for the first 10,000 records: the share is never taken of fewer', async () => {
    const rig = new Rig({ limit: 0.001 })
    rig.appendRaw(garbage(10))
    await rig.runToEnd()
    expect(rig.rejects.kept.size).toBe(10)
    rig.appendRaw(garbage(1))
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'REJECTS_ABOVE_LIMIT' })
  })
})

test('T3 a record timestamp that no calendar has is refused in words like any other', async () => {
  const rig = new Rig()
  rig.appendRaw([
    {
      offset: 0,
      timestamp: -9e15,
      key: null,
      value: JSON.stringify({ user: 'u', at: at('2024-03-04') }),
    },
  ])
  await rig.runToEnd()
  const [reject] = [...rig.rejects.kept.values()]
  expect(reject?.reason).toBe('future')
  expect(reject?.message).toContain('-9000000000000000 ms')
})

test('tables that are away at the start are waited for, and nothing is read meanwhile', async () => {
  const rig = new Rig()
  rig.append(['2024-03-04 10:00'])
  rig.tablesAway = true
  const run = rig.start({ untilEnd: true })
  await rig.clock.advance(60_000)
  expect(run.ended).toBe(false)
  expect(rig.effects).toEqual([])
  rig.tablesAway = false
  await rig.clock.advance(60_000)
  await run.summary
  await rig.expectTheLaw()
})
