/** What is kept of replays, and what is thrown away of them. */
import { describe, expect, test } from 'vitest'
import { discardReplay } from '../../src/replay/discard.ts'
import { CrashPoint, Crashed } from '../support/crash.ts'
import { PublicationWorld, STAMP, TABLE } from './publication-world.ts'
import type { ReplayWish } from './publication-world.ts'

const DAY = 20_000
const WISH: ReplayWish = {
  days: { first: DAY, last: DAY },
  rows: [{ day: DAY, position: 5, rows: { ann: 7 } }],
  handsOver: true,
}

async function worldWith(...ids: string[]): Promise<PublicationWorld> {
  const world = await PublicationWorld.create([{ day: DAY, position: 9, rows: { ann: 1 } }])
  for (const id of ids) await world.replay(id, WISH)
  return world
}

describe('records', () => {
  test('a plan never changes, and all are listed, the oldest first', async () => {
    const world = await worldWith('20260102T000000Z-a', '20260101T000000Z-b')
    const { replays } = world.process()
    const listed = await replays.list()
    expect(listed.map(({ plan }) => plan.id)).toEqual(['20260101T000000Z-b', '20260102T000000Z-a'])
    const [first] = listed
    await expect(replays.create(first!.plan)).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('one that is not there is told with the newest that are', async () => {
    const { replays } = (await worldWith('r1', 'r2')).process()
    for (const id of ['r9', '../r1', '']) {
      await expect(replays.get(id)).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining('The newest are r2, r1') as string,
      })
    }
  })

  test('entries of the trail that many write at one moment all stay, in one order', async () => {
    const world = await worldWith('r1')
    const processes = Array.from({ length: 20 }, () => world.process())
    await Promise.all(
      processes.map(({ replays }, index) =>
        replays.audit('r1', { ...STAMP, atMs: index, did: 'diff', details: {} }),
      ),
    )
    const { trail } = await world.process().replays.get('r1')
    expect(trail.map(({ atMs }) => atMs).sort((a, b) => a - b)).toEqual(
      processes.map((_, index) => index),
    )
    const again = await world.process().replays.get('r1')
    expect(again.trail).toEqual(trail)
  })
})

describe('discard', () => {
  async function filesOf(world: PublicationWorld, id: string): Promise<string[]> {
    const { storage } = world.process()
    const files = await storage.list('_tidemark/')
    return files.map(({ path }) => path).filter((path) => path.includes(`replays/${id}/`))
  }

  test('deletes what it staged and its states; it cannot be published any more, and its trail stays', async () => {
    const world = await worldWith('r1', 'r2')
    const discarded = await discardReplay(world.process(), 'r1', { stamp: STAMP })
    expect(discarded?.files).toBeGreaterThan(5)
    expect(await filesOf(world, 'r1')).toEqual([])
    expect(await filesOf(world, 'r2')).not.toEqual([])
    await expect(world.publish('r1')).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('was discarded') as string,
    })
    const { trail } = await world.process().replays.get('r1')
    expect(trail.map(({ did }) => did)).toEqual(['discard'])
  })

  test('states that owners may still come into the present generation with stay', async () => {
    const world = await worldWith('r1', 'r2')
    await world.publish('r1')
    await world.ownersCome(2, 25)
    const kept = await discardReplay(world.process(), 'r1', { stamp: STAMP })
    expect(kept?.kept).toEqual(['replays/r1', 'replaced/2'])
    expect(await world.process().handOvers.states('replays/r1').list(0)).toHaveLength(1)
    expect(await world.lines()).toEqual([`${DAY} 0 ann 7`])
    await world.publish('r2')
    await world.ownersCome(3, 25)
    expect(await discardReplay(world.process(), 'r1', { stamp: STAMP })).toMatchObject({
      kept: [],
      published: [2],
    })
    expect(await filesOf(world, 'r1')).toEqual([])
    await world.rollBack()
    await expect(world.rollBack()).rejects.toMatchObject({ code: 'REPLAY_REFUSED' })
  })

  test('declined it deletes nothing; of a publish that is not finished neither', async () => {
    const world = await worldWith('r1')
    const before = await filesOf(world, 'r1')
    const confirm = (): Promise<boolean> => Promise.resolve(false)
    expect(await discardReplay(world.process(), 'r1', { stamp: STAMP, confirm })).toBeUndefined()
    // Dies right after the record, before any table.
    const crash = new CrashPoint(3)
    await expect(world.publish('r1', {}, world.process(crash))).rejects.toThrow(Crashed)
    expect(await world.records()).toHaveLength(2)
    await expect(discardReplay(world.process(), 'r1', { stamp: STAMP })).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('tidemark replay publish r1') as string,
    })
    expect(await filesOf(world, 'r1')).toEqual(before)
    await world.publish('r1')
    expect(await world.lines(TABLE)).toEqual([`${DAY} 0 ann 7`])
  })
})
