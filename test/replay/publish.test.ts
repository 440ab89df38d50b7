/** Publishing and taking back, in memory: what becomes of tables and records, whoever dies or comes in between. */
import { describe, expect, test } from 'vitest'
import { unfinished } from '../../src/replay/finish.ts'
import { leftDays, wrongTilesFrom } from '../../src/replay/left-days.ts'
import { CrashPoint, Crashed, wrap } from '../support/crash.ts'
import { stage } from '../support/table-fixture.ts'
import type { SlotRows } from '../support/table-fixture.ts'
import { PublicationWorld, TABLE } from './publication-world.ts'
import type { ReplayWish } from './publication-world.ts'

const DAY = 20_000
const DAYS = { first: DAY, last: DAY + 1 }

/** Two days of two partitions, each with ann in slot 0. */
const LIVE: readonly SlotRows[] = [DAY, DAY + 1].flatMap((day) =>
  [0, 1].map((partition) => ({ day, partition, slot: 0, position: 20, rows: { ann: 1 } })),
)

/** ann counts anew, bob is new. */
function anew(clicks: number, days = DAYS): ReplayWish {
  const rows = [days.first, days.last].flatMap((day) =>
    [0, 1].flatMap((partition): SlotRows[] => [
      { day, partition, slot: 0, position: 5, rows: { ann: clicks } },
      { day, partition, slot: 1, position: 5, rows: { bob: clicks } },
    ]),
  )
  return { days, rows }
}

function linesOf(clicks: Readonly<Record<string, number>>, ...days: number[]): string[] {
  return days
    .flatMap((day) =>
      [0, 1].flatMap((partition) =>
        Object.entries(clicks).map(([user, count]) => `${day} ${partition} ${user} ${count}`),
      ),
    )
    .sort()
}

/** Publishes a replay up to its record, which the tables lack then. */
function dyingAfterItsRecord(world: PublicationWorld, id: string): () => Promise<void> {
  const process = world.process()
  const generations = wrap(process.generations, {
    put: async (generation, text) => {
      await process.generations.put(generation, text)
      throw new Crashed('the record')
    },
  })
  return async () => {
    await world.publish(id, {}, wrap(process, { generations })).catch((error: unknown) => {
      if (!(error instanceof Crashed)) throw error
    })
  }
}

const BEFORE = linesOf({ ann: 1 }, DAY, DAY + 1)
const AFTER = linesOf({ ann: 7, bob: 7 }, DAY, DAY + 1)

describe('publish', () => {
  test('begins the next generation, and the days say what the replay says', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    expect(await world.publish('r1')).toMatchObject({ kind: 'published', generation: 2 })
    expect(await world.lines()).toEqual(AFTER)
    expect([await world.generation(), await world.generation(`${TABLE}__tiles`)]).toEqual([2, 2])
    const [, record] = await world.records()
    expect(record?.handOver).toEqual({
      kind: 'own',
      days: DAYS,
      by: { did: 'publish', replay: 'r1' },
    })
    const { trail } = await world.process().replays.get('r1')
    expect(trail.map(({ did, details }) => [did, details['phase']])).toEqual([
      ['publish', 'begins'],
      ['publish', 'done'],
    ])
    expect(trail[0]).toMatchObject({ by: 'ann@here', reason: 'test', generation: 2 })
    expect(trail[0]?.details).toMatchObject({
      base: 1,
      forced: false,
      definitions: { 'activity@1': 'a' },
      versions: { [TABLE]: 1 },
    })
  })

  test('a second time it says so, and changes nothing', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    await world.publish('r1')
    expect(await world.publish('r1')).toEqual({ kind: 'published before', generation: 2 })
    expect(await world.records()).toHaveLength(2)
  })

  test('days that it did not close stay', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', { ...anew(7), closed: DAY })
    await world.publish('r1')
    expect(await world.lines()).toEqual(
      [...linesOf({ ann: 7, bob: 7 }, DAY), ...linesOf({ ann: 1 }, DAY + 1)].sort(),
    )
  })

  test('states are handed over by their place and offsets; the log must still reach back to them', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', { ...anew(7), handsOver: true, offset: 30 })
    world.logStart = 31
    await expect(world.publish('r1')).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('offset 30 of partition 0') as string,
    })
    world.logStart = 30
    await world.publish('r1')
    expect((await world.records())[1]?.handOver).toMatchObject({
      kind: 'states',
      place: 'replays/r1',
      partitions: [
        { partition: 0, offset: 30 },
        { partition: 1, offset: 30 },
      ],
    })
  })

  test('two are published in either order; where they overlap the later one holds', async () => {
    for (const order of [
      ['r1', 'r2'],
      ['r2', 'r1'],
    ] as const) {
      const world = await PublicationWorld.create(LIVE)
      await world.replay('r1', anew(7))
      await world.replay('r2', anew(8, { first: DAY + 1, last: DAY + 2 }))
      expect(await world.publish(order[0])).toMatchObject({ generation: 2 })
      expect(await world.publish(order[1])).toMatchObject({ generation: 3 })
      const clicks = order[1] === 'r2' ? 8 : 7
      expect(await world.lines()).toEqual(
        [
          ...linesOf({ ann: 7, bob: 7 }, DAY),
          ...linesOf({ ann: clicks, bob: clicks }, DAY + 1),
          ...linesOf({ ann: 8, bob: 8 }, DAY + 2),
        ].sort(),
      )
    }
  })

  test('definitions that have changed since it was planned refuse it', async () => {
    const world = await PublicationWorld.create(LIVE)
    const views = [{ ...(await world.records())[0]!.views[0]!, hash: 'b' }]
    await world.replay('r1', anew(7))
    await world.replay('r2', { ...anew(8), record: { views } })
    await world.publish('r2')
    await expect(world.publish('r1')).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('planned for what follows generation 1') as string,
    })
    expect(await world.records()).toHaveLength(2)
  })

  test('a gate that failed blocks, and is in the trail; --force publishes, and is recorded', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    const gate = {
      view: 'activity@1',
      gate: 'rows.min',
      limit: 'at least 9',
      passed: false,
      daysJudged: 1,
      daysFailed: 1,
      message: 'too few',
    } as const
    const gates = (): Promise<[typeof gate]> => Promise.resolve([gate])
    await expect(world.publish('r1', { gates })).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('too few') as string,
    })
    expect(await world.lines()).toEqual(BEFORE)
    expect(await world.publish('r1', { gates, dryRun: true })).toMatchObject({ kind: 'dry run' })
    await world.publish('r1', { gates, force: true })
    const { trail } = await world.process().replays.get('r1')
    expect(trail.map(({ details }) => [details['phase'], details['forced']])).toEqual([
      ['refused', undefined],
      ['begins', true],
      ['done', undefined],
    ])
  })

  test('a dry run says what would change, and writes nothing', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    const crash = new CrashPoint(0)
    expect(await world.publish('r1', { dryRun: true }, world.process(crash))).toMatchObject({
      kind: 'dry run',
      preview: { generation: 2, tables: [{ table: TABLE, files: 8, rows: 8 }, { files: 0 }] },
    })
    expect(await world.publish('r1', { confirm: () => Promise.resolve(false) })).toEqual({
      kind: 'declined',
    })
    expect(await world.lines()).toEqual(BEFORE)
  })

  test('killed at any change of a file, whoever publishes next finishes: nothing twice, nothing lost', async () => {
    let ends = 0
    for (const afterEffect of [false, true]) {
      for (let at = 0; ; at += 1) {
        const world = await PublicationWorld.create(LIVE)
        await world.replay('r1', anew(7))
        await world.replay('r2', anew(8, { first: DAY + 2, last: DAY + 3 }))
        const crash = new CrashPoint(at, { afterEffect })
        const died = await world.publish('r1', {}, world.process(crash)).then(
          () => false,
          (error: unknown) => {
            if (error instanceof Crashed) return true
            throw error
          },
        )
        const seen = await world.lines()
        expect([BEFORE, AFTER]).toContainEqual(seen)
        // Another replay comes first, or the same command again.
        if (at % 2 === 0) await world.publish('r2')
        const outcome = await world.publish('r1')
        if (at % 2 === 1) await world.publish('r2')
        expect(['published', 'finished', 'published before']).toContain(outcome.kind)
        expect(await world.lines()).toEqual(
          [...AFTER, ...linesOf({ ann: 8, bob: 8 }, DAY + 2, DAY + 3)].sort(),
        )
        const records = await world.records()
        expect(records.map(({ generation }) => generation)).toEqual([1, 2, 3])
        if (!died) break
        ends += 1
      }
    }
    expect(ends).toBeGreaterThan(20)
  })

  test('publishers of one replay at the same moment make one record', async () => {
    for (let round = 0; round < 10; round += 1) {
      const world = await PublicationWorld.create(LIVE)
      await world.replay('r1', anew(7))
      const all = await Promise.all(Array.from({ length: 4 }, () => world.publish('r1')))
      expect(all.map((outcome) => 'generation' in outcome && outcome.generation)).toEqual([
        2, 2, 2, 2,
      ])
      expect(await world.records()).toHaveLength(2)
      expect(await world.lines()).toEqual(AFTER)
      expect(await world.orphans()).toEqual([])
    }
  })

  test('publishers of several replays at the same moment: each has a generation, and the last one holds', async () => {
    const world = await PublicationWorld.create(LIVE)
    const ids = ['r1', 'r2', 'r3']
    for (const [index, id] of ids.entries()) await world.replay(id, anew(7 + index))
    const all = await Promise.all(ids.map((id) => world.publish(id)))
    const generations = all.map((outcome) => 'generation' in outcome && outcome.generation)
    expect([...generations].sort()).toEqual([2, 3, 4])
    const clicks = 7 + generations.indexOf(4)
    expect(await world.lines()).toEqual(linesOf({ ann: clicks, bob: clicks }, DAY, DAY + 1))
    expect(await world.orphans()).toEqual([])
  })

  test('whenever another publisher puts its record and dies, the next record comes only once the tables have that one', async () => {
    let came = 0
    for (const second of ['r1', 'r2'] as const) {
      for (let at = 0; ; at += 1) {
        const world = await PublicationWorld.create(LIVE)
        await world.replay('r1', anew(7))
        await world.replay('r2', anew(8))
        const others = dyingAfterItsRecord(world, second)
        let asked = 0
        const own = world.process()
        const ask = async <T>(answer: () => Promise<T>): Promise<T> => {
          if (asked++ === at) await others()
          return answer()
        }
        const parts = wrap(own, {
          replays: wrap(own.replays, { get: (id) => ask(() => own.replays.get(id)) }),
          generations: wrap(own.generations, {
            list: () => ask(() => own.generations.list()),
            put: async (generation, text) => {
              const earlier = (await world.records()).filter((each) => each.generation < generation)
              expect(await unfinished(own, earlier)).toEqual([])
              return own.generations.put(generation, text)
            },
          }),
        })
        await world.publish('r1', {}, parts)
        if (asked <= at) break
        came += 1
      }
    }
    expect(came).toBeGreaterThan(6)
  })

  test('T14 a writer of the old generation finds out; one of the new generation keeps what it wrote first', async () => {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    const old = await world.open(1)
    const change = await stage(old, { day: DAY, position: 99, rows: { ann: 99 } })
    const confirm = async (): Promise<boolean> => {
      await world.write(1, [{ day: DAY + 5, position: 40, rows: { ann: 40 } }])
      return true
    }
    // Killed right after the record: an owner comes into the generation before the tables do.
    const crash = new CrashPoint(10)
    await expect(world.publish('r1', { confirm }, world.process(crash))).rejects.toThrow(Crashed)
    expect(await world.records()).toHaveLength(2)
    expect(await unfinished(world.process())).toMatchObject([
      { made: { generation: 2, did: 'publish', replay: 'r1' } },
    ])
    await world.write(2, [{ day: DAY, slot: 0, position: 50, rows: { ann: 50 } }])
    await world.publish('r1')
    expect(await unfinished(world.process())).toEqual([])
    await expect(
      old.commit({ generation: 1, run: 'old', changes: [change], complete: [] }),
    ).rejects.toMatchObject({ code: 'GENERATION_CHANGED' })
    const expected = AFTER.map((line) => (line === `${DAY} 0 ann 7` ? `${DAY} 0 ann 50` : line))
    expect(await world.lines()).toEqual([...expected, `${DAY + 5} 0 ann 40`].sort())
  })

  test('a watermark that was reset takes back the days that it had closed', async () => {
    const world = await PublicationWorld.create([
      ...LIVE,
      { day: DAY + 30, partition: 0, position: 20, rows: { ann: 30 } },
      { day: DAY + 30, partition: 1, position: 20, rows: { ann: 30 } },
    ])
    await world.complete(1, DAY + 30)
    const amendments = [{ kind: 'drop', partition: 0, offset: 9 }] as const
    await world.replay('r1', { ...anew(7), handsOver: true, record: { amendments } })
    await world.publish('r1')
    expect((await world.records())[1]?.handOver).toMatchObject({ forgetsDays: [0] })
    expect(await world.lines()).toEqual([...AFTER, `${DAY + 30} 1 ann 30`].sort())
    expect([...(await (await world.open(2)).complete())]).toEqual([
      [0, DAY + 1],
      [1, DAY + 30],
    ])
  })

  test('a watermark that another replay has reset already takes nothing back that was closed since', async () => {
    const world = await PublicationWorld.create(LIVE)
    const amendments = [{ kind: 'drop', partition: 0, offset: 9 }] as const
    const wish = { ...anew(7), handsOver: true, record: { amendments } }
    await world.replay('r1', wish)
    await world.replay('r2', wish)
    await world.publish('r1')
    await world.write(2, [{ day: DAY + 5, partition: 0, position: 40, rows: { ann: 40 } }])
    await world.complete(2, DAY + 5)
    await world.publish('r2')
    expect((await world.records())[2]?.handOver).not.toHaveProperty('forgetsDays')
    expect(await world.lines()).toEqual([...AFTER, `${DAY + 5} 0 ann 40`].sort())
    expect((await (await world.open(3)).complete()).get(0)).toBe(DAY + 5)
  })
})

describe('rollback', () => {
  async function published(handsOver: boolean): Promise<PublicationWorld> {
    const world = await PublicationWorld.create(LIVE)
    await world.complete(1, DAY + 1)
    await world.replay('r1', { ...anew(7), handsOver })
    await world.publish('r1')
    return world
  }

  test('says again what was there, under the next generation, and hands the kept states over', async () => {
    const world = await published(true)
    await world.ownersCome(2, 25)
    await world.write(2, [{ day: DAY + 2, position: 30, rows: { ann: 30 } }])
    expect(await world.rollBack()).toMatchObject({
      kind: 'rolled back',
      generation: 3,
      published: 2,
      definitionsChange: false,
    })
    expect(await world.lines()).toEqual([...BEFORE, `${DAY + 2} 0 ann 30`].sort())
    expect((await world.records())[2]?.handOver).toEqual({
      kind: 'states',
      place: 'replaced/2',
      partitions: [
        { partition: 0, offset: 25 },
        { partition: 1, offset: 25 },
      ],
      by: { did: 'rollback', replay: 'r1' },
    })
    expect(await world.rollBack('r1')).toEqual({
      kind: 'rolled back before',
      replay: 'r1',
      generation: 3,
    })
    await expect(world.rollBack()).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('of a watermark that was reset: the days that it had taken back are complete again', async () => {
    const poisoned = { day: DAY + 30, partition: 0, position: 20, rows: { ann: 30 } }
    const world = await PublicationWorld.create([...LIVE, poisoned])
    await world.complete(1, DAY + 30)
    const amendments = [{ kind: 'drop', partition: 0, offset: 9 }] as const
    await world.replay('r1', { ...anew(7), handsOver: true, record: { amendments } })
    await world.publish('r1')
    await world.ownersCome(2, 25)
    await world.rollBack()
    expect(await world.lines()).toEqual([...BEFORE, `${DAY + 30} 0 ann 30`].sort())
    const complete = await (await world.open(3)).complete()
    expect([...complete]).toEqual([
      [0, DAY + 30],
      [1, DAY + 30],
    ])
  })

  test('of days before the first one that the owner of before had known: nobody else would take them away', async () => {
    const world = await PublicationWorld.create(LIVE)
    // What `ownersCome` keeps has its first event on day 18,990. No day is complete.
    const days = { first: 18_980, last: 18_990 }
    await world.replay('r1', { ...anew(7, days), handsOver: true })
    await world.publish('r1')
    expect(await world.lines()).toEqual(
      [...linesOf({ ann: 7, bob: 7 }, days.first, days.last), ...BEFORE].sort(),
    )
    await world.ownersCome(2, 25)
    await world.rollBack()
    expect(await world.lines()).toEqual(
      [...linesOf({ ann: 7, bob: 7 }, days.last), ...BEFORE].sort(),
    )
  })

  test.each([
    ['wholly: nobody else would take them away', DAY + 3, []],
    ['not wholly, and without a file: its owner writes them anew', DAY + 1, [8]],
  ])('of days that the state which comes back had in the tables %s', async (_, owed, left) => {
    const world = await PublicationWorld.create(LIVE)
    const days = { first: DAY, last: DAY + 3 }
    await world.replay('r1', { ...anew(7, days), handsOver: true })
    await world.publish('r1')
    const before = await world.lines()
    const { rows } = anew(8, days)
    const more = [0, 1].map((partition): SlotRows => {
      return { day: DAY + 2, partition, slot: 0, position: 5, rows: { ann: 8 } }
    })
    await world.replay('r2', { days, rows: [...rows, ...more], handsOver: true, base: 2 })
    await world.publish('r2')
    // The owners had taken over what the first replay left and died; no table calls any of its days complete.
    await world.ownersCome(3, 25, { complete: [], awaits: 2, owed: [owed] })
    await world.rollBack()
    const stays = left.flatMap((ann) => linesOf({ ann }, DAY + 2))
    expect(await world.lines()).toEqual([...before, ...stays].sort())
  })

  test('of rows that were swapped in beside the states of owners', async () => {
    const world = await published(false)
    await world.write(2, [{ day: DAY + 2, position: 30, rows: { ann: 30 } }])
    await world.rollBack('r1')
    expect(await world.lines()).toEqual([...BEFORE, `${DAY + 2} 0 ann 30`].sort())
    expect((await world.records())[2]?.handOver).toMatchObject({ kind: 'own', days: DAYS })
  })

  test('what was taken back can be published again, and taken back again', async () => {
    const world = await published(true)
    await world.ownersCome(2, 25)
    await world.rollBack()
    expect(await world.publish('r1')).toMatchObject({ kind: 'published', generation: 4 })
    expect(await world.lines()).toEqual(AFTER)
    await world.ownersCome(4, 26)
    expect(await world.rollBack()).toMatchObject({ generation: 5, published: 4 })
    expect(await world.lines()).toEqual(BEFORE)
  })

  test('a reset that is taken back brings the days back that it had taken', async () => {
    const world = await PublicationWorld.create([
      ...LIVE,
      { day: DAY + 30, partition: 0, position: 20, rows: { ann: 30 } },
    ])
    await world.complete(1, DAY + 30)
    const amendments = [{ kind: 'drop', partition: 0, offset: 9 }] as const
    await world.replay('r1', { ...anew(7), handsOver: true, record: { amendments } })
    await world.publish('r1')
    await world.ownersCome(2, 25)
    await world.rollBack()
    expect(await world.lines()).toEqual([...BEFORE, `${DAY + 30} 0 ann 30`].sort())
    expect([...(await (await world.open(3)).complete())]).toEqual([
      [0, DAY + 30],
      [1, DAY + 30],
    ])
    const [, , record] = await world.records()
    expect([record?.amendments, record?.handOver]).toMatchObject([[], { place: 'replaced/2' }])
  })

  test('only what stands on top: the later publish first', async () => {
    const world = await published(false)
    await world.replay('r2', { ...anew(8), base: 2 })
    await world.publish('r2')
    await expect(world.rollBack('r1')).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('rollback r2') as string,
    })
    await world.rollBack()
    expect(await world.lines()).toEqual(AFTER)
    await world.rollBack()
    expect(await world.lines()).toEqual(BEFORE)
    expect(await world.records()).toHaveLength(5)
  })

  test('is refused where the log no longer reaches back, files were taken, or states are not kept; nothing is changed', async () => {
    const world = await published(true)
    await expect(world.rollBack()).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('has not come into generation 2') as string,
    })
    await world.ownersCome(2, 25)
    world.logStart = 26
    await expect(world.rollBack()).rejects.toMatchObject({
      message: expect.stringContaining('stands at offset 25') as string,
    })
    world.logStart = 0
    const { storage } = world.process()
    const [old] = (await storage.list(`${TABLE}/ds=`)).filter(({ path }) =>
      path.includes('-g0001-'),
    )
    await storage.delete(old?.path ?? '')
    await expect(world.rollBack()).rejects.toMatchObject({
      message: expect.stringContaining('table vacuum') as string,
    })
    expect(await world.lines()).toEqual(AFTER)
    expect(await world.records()).toHaveLength(2)
  })

  test('states of owners that never came into the generation are kept from where they lie', async () => {
    const world = await published(true)
    const owners = await PublicationWorld.create([])
    await owners.ownersCome(2, 25)
    for (const partition of [0, 1]) {
      const [kept] = await owners.process().handOvers.replaced(2).list(partition)
      if (kept === undefined) throw new Error('a state was kept')
      const { head } = kept
      const dispose = (): Promise<void> => Promise.resolve()
      world.here.set(partition, { head, lineage: 'x', files: [], [Symbol.asyncDispose]: dispose })
    }
    expect(await world.rollBack()).toMatchObject({ kind: 'rolled back' })
    expect(await world.process().handOvers.replaced(2).list(1)).toHaveLength(1)
  })

  test('killed at any change of a file, the same command finishes', async () => {
    let ends = 0
    for (const afterEffect of [false, true]) {
      for (let at = 0; ; at += 1) {
        const world = await published(true)
        await world.ownersCome(2, 25)
        const crash = new CrashPoint(at, { afterEffect })
        const died = await world.rollBack('r1', {}, world.process(crash)).then(
          () => false,
          (error: unknown) => {
            if (error instanceof Crashed) return true
            throw error
          },
        )
        expect([BEFORE, AFTER]).toContainEqual(await world.lines())
        const { kind } = await world.rollBack('r1')
        expect(['rolled back', 'finished', 'rolled back before']).toContain(kind)
        expect(await world.lines()).toEqual(BEFORE)
        expect(await world.records()).toHaveLength(3)
        if (!died) break
        ends += 1
      }
    }
    expect(ends).toBeGreaterThan(15)
  })
})

describe('a rollback whose files are gone', () => {
  /** Killed between its record and its tables; then somebody deletes what the tables had before. */
  async function stuck(at: (paths: readonly string[]) => readonly string[]): Promise<{
    world: PublicationWorld
    deaths: number
  }> {
    for (let point = 0; ; point += 1) {
      const world = await PublicationWorld.create(LIVE)
      await world.complete(1, DAY + 1)
      await world.replay('r1', { ...anew(7), handsOver: true })
      await world.publish('r1')
      await world.ownersCome(2, 25)
      const crash = new CrashPoint(point)
      await world.rollBack('r1', {}, world.process(crash)).catch((error: unknown) => {
        if (!(error instanceof Crashed)) throw error
      })
      if ((await world.records()).length < 3) continue
      const { storage } = world.process()
      const old = (await storage.list(`${TABLE}/ds=`)).map(({ path }) => path)
      for (const path of at(old.filter((each) => each.includes('-g0001-')).sort()))
        await storage.delete(path)
      return { world, deaths: point }
    }
  }

  const gone = expect.stringContaining('tidemark replay rollback r1 --abandon') as string

  test('is told by whoever comes next, with the way on, and nothing is changed', async () => {
    const { world, deaths } = await stuck((paths) => paths)
    expect(deaths).toBeGreaterThan(3)
    expect(wrongTilesFrom(await world.process().replays.list(), await world.records())).toBe(DAY)
    await world.replay('r2', { ...anew(9), base: 3 })
    const refused = { code: 'REPLAY_REFUSED', message: gone }
    await expect(world.rollBack('r1')).rejects.toMatchObject(refused)
    await expect(world.publish('r2')).rejects.toMatchObject(refused)
    expect(await world.lines()).toEqual(AFTER)
    expect(await unfinished(world.process())).toHaveLength(1)
  })

  test('is ended without them: what is there comes back, the rest stays, is told, and a replay counts it again', async () => {
    // Those of the second day.
    const { world } = await stuck((paths) => paths.slice(2))
    const outcome = await world.rollBack('r1', { abandon: true })
    expect(outcome).toMatchObject({ kind: 'finished', generation: 3, published: 2 })
    expect(await world.lines()).toEqual(
      [...linesOf({ ann: 1 }, DAY), ...linesOf({ ann: 7, bob: 7 }, DAY + 1)].sort(),
    )
    expect(await unfinished(world.process())).toEqual([])
    const { replays } = world.process()
    const left = { table: TABLE, first: DAY + 1, last: DAY + 1 }
    expect(leftDays(await replays.list(), await world.records())).toMatchObject([
      { ...left, by: { did: 'rollback', generation: 3 } },
    ])
    await world.replay('r2', { ...anew(9), base: 3 })
    await world.publish('r2')
    expect(await world.lines()).toEqual(linesOf({ ann: 9, bob: 9 }, DAY, DAY + 1))
    expect(leftDays(await replays.list(), await world.records())).toEqual([])
  })

  test('there is nothing to abandon where nothing is unfinished: the newest publish is not taken back', async () => {
    const { world } = await stuck((paths) => paths)
    await world.rollBack('r1', { abandon: true })
    const usage = {
      code: 'USAGE',
      message: expect.stringContaining('nothing to abandon') as string,
    }
    await expect(world.rollBack(undefined, { abandon: true })).rejects.toMatchObject(usage)
    await expect(world.publish('r1', { abandon: true })).rejects.toMatchObject(usage)
    expect(await world.records()).toHaveLength(3)
  })

  test('killed at any change of a file while it is ended, the same command ends it', async () => {
    let ends = 0
    for (let at = 0; ; at += 1) {
      const { world } = await stuck((paths) => paths.slice(2))
      const crash = new CrashPoint(at)
      const died = await world.rollBack('r1', { abandon: true }, world.process(crash)).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Crashed) return true
          throw error
        },
      )
      if (!died) break
      ends += 1
      const isOpen = (await unfinished(world.process())).length > 0
      if (isOpen) await world.rollBack('r1', { abandon: true })
      expect(await world.lines()).toEqual(
        [...linesOf({ ann: 1 }, DAY), ...linesOf({ ann: 7, bob: 7 }, DAY + 1)].sort(),
      )
    }
    expect(ends).toBeGreaterThan(3)
  })
})

test('a publish whose staging tables are gone is ended without them, and can be taken back', async () => {
  for (let point = 0; ; point += 1) {
    const world = await PublicationWorld.create(LIVE)
    await world.replay('r1', anew(7))
    await world.publish('r1', {}, world.process(new CrashPoint(point))).catch((error: unknown) => {
      if (!(error instanceof Crashed)) throw error
    })
    if ((await world.records()).length < 2) continue
    const { storage } = world.process()
    for (const { path } of await storage.list('_tidemark/replays/r1/'))
      if (path.includes(`/${TABLE}`)) await storage.delete(path)
    await expect(world.publish('r1')).rejects.toMatchObject({
      code: 'REPLAY_REFUSED',
      message: expect.stringContaining('tidemark replay publish r1 --abandon') as string,
    })
    expect(await world.publish('r1', { abandon: true })).toMatchObject({ kind: 'finished' })
    expect(await world.lines()).toEqual(BEFORE)
    expect(await world.rollBack()).toMatchObject({ kind: 'rolled back', generation: 3 })
    expect(await world.lines()).toEqual(BEFORE)
    return
  }
})
