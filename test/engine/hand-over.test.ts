/** How owners come into a generation that a replay or a rollback has made. */
import { describe, expect, test } from 'vitest'
import { replacedPlace } from '../../src/engine/hand-over-port.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { MemoryPartitionState } from '../../src/memory/state.ts'
import { day } from '../support/builders.ts'
import { appendDays, DAYS, handOverState, openRig, publish, states } from './hand-over-rig.ts'
import type { Stated } from './hand-over-rig.ts'
import type { Rig } from './rig.ts'

describe('a state that is handed over', () => {
  test('behind the owner replaces its state, and nothing is told or written before it is past it', async () => {
    const rig = openRig({ fetch: 1 })
    appendDays(rig, DAYS)
    await rig.runToEnd()
    const former = 10
    const offset = await handOverState(rig, DAYS.slice(0, 2))
    expect(offset).toBe(4)
    await publish(rig, states(offset))
    appendDays(rig, ['2024-03-09'])
    let position = 0
    const at: number[] = []
    rig.hooks.set('state commit', (detail) => {
      position = (detail as { head: { nextOffset: number } }).head.nextOffset
    })
    for (const effect of ['online write', 'table commit'] as const)
      rig.hooks.set(effect, () => void at.push(position))
    await rig.runToEnd()
    expect(rig.told.join('\n')).toMatch(/restored checkpoint .* reading on at offset 4/)
    expect(at.length).toBeGreaterThan(0)
    expect(Math.min(...at)).toBeGreaterThanOrEqual(former)
    await rig.expectTheLaw()
    expect((await rig.online.read('activity:v1', 'u'))?.version.generation).toBe(2)
  })

  test('ahead of the owner takes it on', async () => {
    const rig = openRig()
    appendDays(rig, DAYS.slice(0, 2))
    await rig.runToEnd()
    appendDays(rig, DAYS.slice(2))
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 4))))
    await rig.runToEnd()
    expect(rig.told.join('\n')).toMatch(/reading on at offset 8/)
    // Rows of the days between are the replay's to publish; the owner has the days that close from here on.
    expect(rig.rows().at(-1)).toBe('2024-03-07 u n_1d=2 n_3d=6')
    expect(await rig.served()).toMatch(/^2024-03-08 n_1d=2 n_3d=6/)
  })

  test('is the one that was published, also where a run that went on since has left one further ahead', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    const offset = await handOverState(rig, DAYS.slice(0, 2))
    await handOverState(rig, DAYS.slice(0, 4))
    const by = { did: 'publish', replay: 'one' } as const
    await publish(rig, { ...states(offset), by })
    await rig.runToEnd()
    expect(rig.told.join('\n')).toMatch(/restored checkpoint .* reading on at offset 4/)
    await rig.expectTheLaw()
  })

  test('is taken over by a run that is under way: it ends, and says that it is to start again', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    const run = rig.start()
    await rig.clock.advance(2_000)
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 2))))
    await rig.clock.advance(15_000)
    await expect(run.summary).rejects.toMatchObject({
      code: 'GENERATION_CHANGED',
      details: { ownGeneration: 1, newestGeneration: 2 },
    })
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('leaves what it replaced behind, and that can be handed over in its turn', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 2))))
    await rig.runToEnd()
    const kept = await rig.handOvers?.replaced(2).list(0)
    expect(kept?.map(({ head }) => [head.generation, head.nextOffset])).toEqual([[1, 10]])
    appendDays(rig, ['2024-03-09'])
    await publish(rig, {
      kind: 'states',
      place: replacedPlace(2),
      partitions: [{ partition: 0, offset: 10 }],
    })
    await rig.runToEnd()
    expect(rig.told.join('\n')).toMatch(/reading on at offset 10/)
    await rig.expectTheLaw()
    expect((await rig.online.read('activity:v1', 'u'))?.version.generation).toBe(3)
  })

  test('writes also what it has nothing for, where the generation before had: days that it closes anew are its own wholly', async () => {
    // taken back   u 4, 5 .. stray 10 .................. 20      rows of the stray from the 10th to the 13th, its tile
    // state        u 4, 5 |  nothing until the 20th ... 20
    const log = ['2024-03-04', '2024-03-05', '2024-03-20']
    const rig = openRig()
    appendDays(rig, log)
    await rig.runToEnd()
    const before = openRig()
    appendDays(before, log.slice(0, 2))
    before.append([{ at: '2024-03-10 08:00', user: 'stray' }])
    appendDays(before, log.slice(2))
    await before.runToEnd()
    rig.tables.swap(before.tables, 1, (slot) => slot.day >= day('2024-03-10'))
    expect(rig.rows().join('\n')).toContain('stray')
    await publish(rig, states(await handOverState(rig, log.slice(0, 2))))
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('is found also by an owner that has no state, before any checkpoint of the generations before', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 3))))
    rig.disks[0] = new MemoryDisk()
    await rig.runToEnd()
    expect(rig.told.join('\n')).toMatch(/reading on at offset 6/)
    await rig.expectTheLaw()
  })

  test('is taken by an owner that has lost its machine as by any other: what a checkpoint has of its state is kept', async () => {
    const rig = openRig()
    rig.checkpoints = rig.handOvers?.states('checkpoints')
    const location = { kind: 'directory', directory: 'checkpoints' } as const
    const checkpoints = { location, everyMs: 600_000, keep: 1, keepForMs: 0 }
    rig.pipeline = { ...rig.pipeline, checkpoints }
    appendDays(rig, DAYS)
    await rig.runToEnd()
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 2))))
    rig.disks[0] = new MemoryDisk()
    await rig.runToEnd()
    const kept = await rig.handOvers?.replaced(2).list(0)
    expect(kept?.map(({ head }) => [head.generation, head.nextOffset])).toEqual([[1, 10]])
    expect(rig.told.join('\n')).toMatch(/reading on at offset 10.*reading on at offset 4/s)
    await rig.expectTheLaw()
  })

  test('is told anew, all of it, to a store that comes back from before it', async () => {
    const rig = openRig()
    // Nothing of `old` is left in any window: neither its offset nor its days would bring it up again.
    rig.append([{ at: '2024-03-01 08:00', user: 'old' }])
    appendDays(rig, DAYS)
    await rig.runToEnd()
    const before = rig.online.snapshot()
    await publish(rig, { kind: 'own', days: { first: day('2024-03-01'), last: day('2024-03-01') } })
    const run = rig.start()
    await rig.clock.advance(2_000)
    expect((await rig.online.read('activity:v1', 'old'))?.version.generation).toBe(2)
    rig.online.restart(before)
    await rig.clock.advance(60_000)
    expect((await rig.online.read('activity:v1', 'old'))?.version.generation).toBe(2)
    expect((await rig.online.read('activity:v1', 'u'))?.version.generation).toBe(2)
    await run.stop()
  })

  test('is not there where only a later run has stored one', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    await handOverState(rig, DAYS.slice(0, 4))
    await publish(rig, { ...states(4), by: { did: 'publish', replay: 'one' } })
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'CHECKPOINT_REFUSED' })
  })

  test('that is missing stops the owner: its state stays as it is', async () => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    await publish(rig, states(4))
    await expect(rig.runToEnd()).rejects.toMatchObject({ code: 'CHECKPOINT_REFUSED' })
    await using state = await MemoryPartitionState.open(rig.disks[0] ?? new MemoryDisk())
    expect(state.head).toMatchObject({ generation: 1, nextOffset: 10 })
  })

  test.each([
    [
      'after a reset watermark takes over no day that only the poison had closed',
      [0],
      '2024-03-04',
    ],
    ['takes over what was closed where it is another partition that was reset', [1], '2024-03-07'],
  ])('%s', async (_, forgetsDays, closed) => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    expect(rig.told.join('\n')).not.toContain('restored')
    const side = openRig()
    appendDays(side, DAYS.slice(0, 2))
    await publish(rig, states(await handOverState(rig, DAYS.slice(0, 2)), { forgetsDays }))
    // Only the first two days are in the log from now on: what the store and the table claim is not to be believed.
    side.handOvers = rig.handOvers
    side.generations = rig.generations
    side.online = rig.online
    side.tables = rig.tables
    const run = side.start()
    await side.clock.advance(1_000)
    expect(run.progress?.partitions[0]?.closedDay).toBe(day(closed))
    await run.stop()
  })

  test.each([
    ['believes no marker of before it either', [], '2024-03-04'],
    ['that was taken back believes it again', [taken('back')], '2024-03-07'],
    ['that came back after that does not', [taken('back'), taken('in')], '2024-03-04'],
  ])('an owner that has slept through a reset watermark %s', async (_, between, closed) => {
    const rig = openRig()
    appendDays(rig, DAYS)
    await rig.runToEnd()
    const side = openRig()
    appendDays(side, DAYS.slice(0, 2))
    const offset = await handOverState(rig, DAYS.slice(0, 2))
    for (const each of [taken('in'), ...between, {}]) await publish(rig, states(offset, each))
    side.handOvers = rig.handOvers
    side.generations = rig.generations
    side.online = rig.online
    const run = side.start()
    await side.clock.advance(1_000)
    expect(run.progress?.partitions[0]?.closedDay).toBe(day(closed))
    await run.stop()
  })
})

/** A replay that sets a watermark back is published, or taken back. */
function taken(way: 'in' | 'back'): Stated {
  if (way === 'back') return { by: { did: 'rollback', replay: 'reset' } }
  return { by: { did: 'publish', replay: 'reset' }, forgetsDays: [0] }
}

/** A late record dirties 2024-03-05 and on; the process dies before it writes them. */
async function stillToWrite(): Promise<Rig> {
  const rig = openRig({ time: { allowedLatenessMs: 5 * 86_400_000 } })
  appendDays(rig, DAYS)
  await rig.runToEnd()
  rig.append(['2024-03-05 10:00'])
  const run = rig.start()
  await rig.clock.advance(1_000)
  await run.kill()
  return rig
}

describe('an owner that goes on with its own state', () => {
  test('leaves rows of the published days alone, also those that it had still to write', async () => {
    const rig = await stillToWrite()
    const published = day('2024-03-05')
    await publish(rig, { kind: 'own', days: { first: published, last: published } })
    await rig.runToEnd()
    const rows = rig.rows()
    expect(rows.filter((row) => row.startsWith('2024-03-05'))).toEqual([
      '2024-03-05 u n_1d=2 n_3d=4',
    ])
    expect(rows.filter((row) => row.startsWith('2024-03-06'))).toEqual([
      '2024-03-06 u n_1d=2 n_3d=7',
    ])
    await using state = await MemoryPartitionState.open(rig.disks[0] ?? new MemoryDisk())
    expect(state.head?.generation).toBe(2)
    expect([...(await state.dirtySlots())]).toEqual([])
  })

  test.each([
    [
      'days behind those that the replay has closed',
      { closed: [{ partition: 0, day: day('2024-03-04') }] },
    ],
    ['rows of views that it has not counted', { views: ['other@1'] }],
  ])('still writes %s', async (_, limits) => {
    const rig = await stillToWrite()
    const published = day('2024-03-05')
    await publish(rig, { kind: 'own', days: { first: published, last: published }, ...limits })
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})
