/** Replays that were planned while the owners stood further ahead than they do when these are published. */
import { describe, expect, test } from 'vitest'
import { PublicationWorld } from './publication-world.ts'
import type { ReplayWish } from './publication-world.ts'

const DAY = 20_000

/** Rows of days from `first` on, and its states with them. */
function planned(first: number, newest: number, wish: Partial<ReplayWish> = {}): ReplayWish {
  const days = { first, last: first + 3 }
  return { days, rows: [], handsOver: true, offset: newest - DAY, newest, ...wish }
}

function setBack(generation: number): object {
  const said = `generation ${generation} has set the owner of partition 0 back`
  return { code: 'REPLAY_REFUSED', message: expect.stringContaining(said) as string }
}

describe('a replay that was planned when owners stood further ahead than states that were published since', () => {
  test('is refused where these write days again that it has not staged; planned again it serves', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    await world.replay('new', planned(DAY + 11, DAY + 20))
    await world.publish('old')
    await expect(world.publish('new')).rejects.toMatchObject(setBack(2))
    expect(await world.records()).toHaveLength(2)
    await world.replay('again', planned(DAY + 10, DAY + 20, { base: 2 }))
    expect(await world.publish('again')).toMatchObject({ kind: 'published', generation: 3 })
  })

  test('is published where it has staged all of these', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    await world.replay('new', planned(DAY + 10, DAY + 20))
    await world.publish('old')
    expect(await world.publish('new')).toMatchObject({ kind: 'published', generation: 3 })
  })

  test('is published where a third one has come in between that had staged them', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    await world.replay('third', planned(DAY, DAY + 20))
    await world.replay('new', planned(DAY + 11, DAY + 20))
    await world.publish('old')
    await world.publish('third')
    expect(await world.publish('new')).toMatchObject({ kind: 'published', generation: 4 })
  })

  test('is refused where that third one was taken back: owners have what they had before it', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    await world.replay('third', planned(DAY, DAY + 20))
    await world.replay('new', planned(DAY + 11, DAY + 20))
    await world.publish('old')
    await world.publish('third')
    await world.ownersCome(3, 25)
    await world.rollBack()
    await expect(world.publish('new')).rejects.toMatchObject(setBack(2))
  })

  test('is refused beside the states of owners too: they would correct its days, and could not take them back', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    const beside = { handsOver: false } as const
    await world.replay('corrected', planned(DAY + 6, DAY + 20, beside))
    await world.replay('final', planned(DAY + 4, DAY + 20, beside))
    await world.publish('old')
    await expect(world.publish('corrected')).rejects.toMatchObject(setBack(2))
    expect(await world.publish('final')).toMatchObject({ kind: 'published', generation: 3 })
  })

  test('is refused where what it was planned upon was taken back: what the kept states have to write it cannot know', async () => {
    const world = await PublicationWorld.create([])
    await world.replay('old', planned(DAY, DAY + 10))
    await world.publish('old')
    await world.replay('new', planned(DAY, DAY + 20, { base: 2 }))
    await world.ownersCome(2, 25)
    await world.rollBack()
    await expect(world.publish('new')).rejects.toMatchObject(setBack(3))
  })
})
