/** The online follower at work: what it tells, when it may say that it has, and how it notices that the store lost data. */
import { describe, expect, test } from 'vitest'
import type { Marker, OnlineValue, StateCommit } from '../../src/engine/ports.ts'
import { TidemarkError } from '../../src/errors.ts'
import { MemoryOnlineStore } from '../../src/memory/online-store.ts'
import { MemoryDisk } from '../../src/memory/disk.ts'
import { at, COUNT, day, viewOf, recordsAt } from '../support/builders.ts'
import { wrap } from '../support/crash.ts'
import { gate, putMarker, Rig } from './rig.ts'

const MINUTE_MS = 60_000
const USERS = ['ann', 'bob', 'cy', 'dan', 'eve', 'fay', 'gus', 'hal']

/** One event per user, in one day. */
function appendUsers(rig: Rig, date: string, users: readonly string[] = USERS): void {
  rig.append(users.map((user, i) => ({ at: `${date} 10:${10 + i}`, user })))
}

async function copyOf(rig: Rig): Promise<MemoryOnlineStore> {
  const copy = new MemoryOnlineStore(() => rig.clock.wall)
  for (const partition of rig.disks.keys()) {
    const { values } = await rig.online.walk('activity:v1', partition, undefined, 1_000)
    await copy.write(values)
    const marker = await rig.online.marker(partition)
    if (marker) await putMarker(copy, partition, marker)
  }
  return copy
}

function markers(rig: Rig): Marker[] {
  return rig.done('online marker') as Marker[]
}

function written(rig: Rig): string[] {
  return (rig.done('online write') as OnlineValue[][]).flat().map(({ entity }) => entity)
}

describe('telling', () => {
  test('an event shows at the next commit', async () => {
    const rig = new Rig()
    const run = rig.start()
    await rig.clock.advance(500)
    expect(await rig.served()).toBe('nothing')
    rig.append(['2024-03-04 10:00', '2024-03-04 10:01'])
    await rig.clock.advance(500)
    expect(await rig.served()).toBe('2024-03-04 n_1d=2 n_3d=2 (next 2024-03-05)')
    await run.stop()
  })

  test('the marker advances only after the store has acknowledged the values', async () => {
    // log      x            x
    // state    commit 1     commit ->| position 2
    // store    marker 1              write .......... acknowledged -> marker 2
    const rig = new Rig()
    const run = rig.start()
    rig.append(['2024-03-04 10:00'])
    await rig.clock.advance(1_000)
    expect(markers(rig).at(-1)?.position).toBe(1)
    const acknowledged = gate()
    rig.hooks.set('online write', () => acknowledged.passed)
    rig.append(['2024-03-04 10:01'])
    await rig.clock.advance(2_000)
    expect(rig.disks[0]?.head).toContain('"nextOffset":2')
    expect(markers(rig).at(-1)?.position).toBe(1)
    acknowledged.open()
    await rig.clock.advance(500)
    expect(markers(rig).at(-1)?.position).toBe(2)
    await run.stop()
  })

  test('T27 a hot key is told once per commit, with its newest value', async () => {
    const rig = new Rig()
    const run = rig.start()
    rig.append(['2024-03-04 09:00'])
    await rig.clock.advance(1_000)
    const before = written(rig).length
    rig.append(Array.from({ length: 500 }, () => '2024-03-04 10:00'))
    await rig.clock.advance(1_000)
    expect(written(rig).length - before).toBe(1)
    expect(await rig.served()).toContain('n_1d=501')
    await run.stop()
  })

  test('T29 many entities are read and told in pieces, so that nothing else has to wait long', async () => {
    const rig = new Rig()
    rig.append(Array.from({ length: 1_000 }, (_, i) => ({ at: '2024-03-04 10:00', user: `u${i}` })))
    await rig.runToEnd()
    const sizes = (rig.done('online write') as OnlineValue[][]).map((values) => values.length)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(400)
    expect(sizes.reduce((total, size) => total + size, 0)).toBeGreaterThanOrEqual(1_000)
  })

  test('T17 all windows of a value are written in one step, from one cut', async () => {
    const rig = new Rig({ views: [viewOf([1, 2, 3], [COUNT])] })
    rig.append(['2024-03-03 10:00', '2024-03-04 10:00', '2024-03-05 10:00'])
    await rig.runToEnd()
    const values = (rig.done('online write') as OnlineValue[][]).flat()
    expect(values.length).toBeGreaterThan(0)
    for (const { fields } of values)
      expect(fields.map(([name]) => name)).toEqual(['n_1d', 'n_2d', 'n_3d'])
  })

  test('T8 late data changes a value without changing its day: the offset makes it newer', async () => {
    const rig = new Rig()
    const run = rig.start()
    rig.append(['2024-03-05 10:00'])
    await rig.clock.advance(500)
    const before = await rig.online.read('activity:v1', 'u')
    rig.append(['2024-03-04 23:00'])
    await rig.clock.advance(500)
    const after = await rig.online.read('activity:v1', 'u')
    expect(after?.version.day).toBe(before?.version.day)
    expect([before?.version.offset, after?.version.offset]).toEqual([0, 1])
    expect(await rig.served()).toBe('2024-03-05 n_1d=1 n_3d=2 (next 2024-03-06)')
    await run.stop()
  })

  test('T14 versions carry the entity’s own offset, not the position of the commit, which depends on batching', async () => {
    for (const fetch of [1, 2, 1_000]) {
      const rig = new Rig({ fetch })
      appendUsers(rig, '2024-03-04')
      await rig.runToEnd()
      const offsets = await Promise.all(
        USERS.map(async (user) => (await rig.online.read('activity:v1', user))?.version.offset),
      )
      expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    }
  })

  test('T6 a value tells as of which day it is and how far the log had come', async () => {
    const rig = new Rig({ time: { outOfOrdernessMs: 30 * MINUTE_MS } })
    rig.append(['2024-03-04 10:00'])
    await rig.runToEnd()
    const value = await rig.online.read('activity:v1', 'u')
    expect(value?.version.day).toBe(day('2024-03-04'))
    expect(value?.watermark).toBe(at('2024-03-04 09:30'))
  })
})

describe('the sweep', () => {
  test('T5 an entity that sends nothing decays on schedule and ends in the all-empty value', async () => {
    //          03-04   03-05   03-06   03-07
    //  quiet     x
    //  busy      x       x       x       x     each closes the day before it
    //  quiet     1 1     0 1     0 1     empty            (1 day, 3 days)
    const rig = new Rig()
    const run = rig.start()
    const seen: string[] = []
    for (const date of ['2024-03-04', '2024-03-05', '2024-03-06', '2024-03-07']) {
      appendUsers(rig, date, date === '2024-03-04' ? ['quiet', 'busy'] : ['busy'])
      await rig.clock.advance(2_000)
      seen.push(await rig.served('quiet'))
    }
    expect(seen).toEqual([
      '2024-03-04 n_1d=1 n_3d=1 (next 2024-03-05)',
      '2024-03-05 n_1d=0 n_3d=1 (next 2024-03-07)',
      // As of 03-06 nothing differs: `next` says that the value holds, and it is not written again.
      '2024-03-05 n_1d=0 n_3d=1 (next 2024-03-07)',
      '2024-03-07 n_1d=0 n_3d=0',
    ])
    await run.stop()
  })
})

describe('a store that lost data', () => {
  test('is noticed at the start and healed', async () => {
    const rig = new Rig()
    appendUsers(rig, '2024-03-04')
    await rig.runToEnd()
    rig.online.flush()
    await rig.runToEnd()
    await rig.expectTheLaw()
    expect(await rig.served('ann')).not.toBe('nothing')
  })

  test('is noticed while running and healed, also what no new event touches', async () => {
    const rig = new Rig()
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    rig.online.flush()
    rig.append([{ at: '2024-03-04 11:00', user: 'ann' }])
    await rig.clock.advance(2_000)
    await run.stop()
    await rig.expectTheLaw()
    expect(rig.told.join('\n')).toContain('has lost data')
  })

  test('is noticed from the first value on: the marker is there before it', async () => {
    // store   beginning  ann, bob ...  (emptied)  their marker
    const rig = new Rig()
    // A sweep, which would write a marker too, waits until it has caught up.
    rig.extraLag = 1_000_000
    const run = rig.start()
    await rig.clock.advance(500)
    let emptied = false
    rig.hooks.set('online marker', () => {
      if (!emptied && written(rig).length > 0) {
        rig.online.flush()
        emptied = true
      }
    })
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(2_000)
    await run.stop()
    expect(emptied).toBe(true)
    await rig.expectTheLaw()
    expect(rig.told.join('\n')).toContain('has lost data')
  })

  test('rolled back to an older snapshot, it gets what it had acknowledged since', async () => {
    // store   --- ann, bob (snapshot) --- cy, dan --- back to the snapshot --- eve
    const rig = new Rig()
    const run = rig.start()
    appendUsers(rig, '2024-03-04', ['ann', 'bob'])
    await rig.clock.advance(1_000)
    const snapshot = await copyOf(rig)
    appendUsers(rig, '2024-03-04', ['ann', 'cy', 'dan'])
    await rig.clock.advance(1_000)
    rig.online = snapshot
    appendUsers(rig, '2024-03-04', ['eve'])
    await rig.clock.advance(2_000)
    await run.stop()
    await rig.expectTheLaw()
    expect(await rig.served('dan')).not.toBe('nothing')
  })

  test('rolled back to before a tile left the windows, it gets the values without it, though the state has dropped it', async () => {
    const time = { allowedLatenessMs: 0, outOfOrdernessMs: 0 }
    const rig = new Rig({ views: [viewOf([5], [COUNT])], time })
    appendUsers(rig, '2024-03-04', ['ann', 'busy'])
    appendUsers(rig, '2024-03-07', ['ann', 'busy'])
    appendUsers(rig, '2024-03-08', ['busy'])
    await rig.runToEnd()
    const snapshot = await copyOf(rig)
    expect(await rig.served('ann')).toContain('n_5d=2')
    for (const date of ['2024-03-10', '2024-03-11']) {
      appendUsers(rig, date, ['busy'])
      await rig.runToEnd()
    }
    rig.online = snapshot
    await rig.runToEnd()
    expect(await rig.served('ann')).toContain('n_5d=1')
    await rig.expectTheLaw()
  })

  test('emptied again half-way through the healing, it is healed from the beginning', async () => {
    const rig = new Rig({ slots: 4 })
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    rig.online.flush()
    let writes = 0
    rig.hooks.set('online write', () => {
      writes += 1
      if (writes === 3) rig.online.flush()
    })
    rig.append([{ at: '2024-03-04 11:00', user: 'ann' }])
    await rig.clock.advance(5_000)
    expect(writes).toBeGreaterThan(3)
    await run.stop()
    await rig.expectTheLaw()
    expect(await rig.served('hal')).not.toBe('nothing')
  })

  test('changes are told between the pages of the walk that ends the healing', async () => {
    const rig = new Rig()
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    const store = rig.online
    store.flush()
    let isLong = true
    rig.online = wrap(store, {
      walk: async (view, partition, _, limit) => {
        if (!isLong) return store.walk(view, partition, undefined, limit)
        await rig.clock.sleep(100)
        return { values: [], next: 'more' }
      },
    })
    rig.append([{ at: '2024-03-04 11:00', user: 'ann' }])
    await rig.clock.advance(3_000)
    rig.append([{ at: '2024-03-04 11:01', user: 'ann' }])
    await rig.clock.advance(1_000)
    expect(await rig.served('ann')).toContain('n_1d=3')
    isLong = false
    await rig.clock.advance(1_000)
    await run.stop()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('a value whose entity the state lacks becomes all-empty, below whatever comes next', async () => {
    const rig = new Rig()
    appendUsers(rig, '2024-03-04', ['ann'])
    await rig.runToEnd()
    const orphan = await rig.online.read('activity:v1', 'ann')
    rig.online.flush()
    if (orphan) {
      const version = { ...orphan.version, offset: 0, day: day('2024-03-01') }
      await rig.online.write([{ ...orphan, entity: 'orphan', version }])
    }
    await rig.runToEnd()
    const emptied = await rig.online.read('activity:v1', 'orphan')
    expect(emptied?.fields.filter(([, text]) => text !== '0')).toEqual([])
    expect(emptied?.version.generation).toBe(1)
    expect(emptied?.version.offset).toBe(0)
    expect(emptied?.nextDay).toBeUndefined()
    expect(await rig.served('ann')).toContain('n_1d=1')
  })

  test('a value that is all-empty already keeps the version of its last record until a loss: then it is above whatever came before', async () => {
    const rig = new Rig()
    appendUsers(rig, '2024-03-04', ['quiet', 'busy'])
    for (let date = 5; date <= 9; date += 1) {
      appendUsers(rig, `2024-03-0${date}`, ['busy'])
      await rig.runToEnd()
    }
    const position = 6
    expect((await rig.online.read('activity:v1', 'quiet'))?.version.offset).toBe(0)
    const marker = await rig.online.marker(0)
    if (marker) await putMarker(rig.online, 0, { ...marker, scanId: 'of an owner that died' })
    await rig.runToEnd()
    expect((await rig.online.read('activity:v1', 'quiet'))?.version.offset).toBe(position)
    await rig.expectTheLaw()
  })

  test('a state that is built again over its values, from records that are all refused, changes none of them', async () => {
    const rig = new Rig({ fetch: 1, time: { zone: 'Europe/Berlin' } })
    rig.appendRaw([{ offset: 0, timestamp: at('2024-03-04'), key: null, value: '{' }])
    appendUsers(rig, '2024-03-04', ['ann'])
    await rig.runToEnd()
    const before = await rig.served('ann')
    rig.disks[0] = new MemoryDisk()
    const marker = await rig.online.marker(0)
    if (marker) await putMarker(rig.online, 0, { ...marker, scanId: 'of the state that is lost' })
    rig.hooks.set('state commit', (work) =>
      (work as StateCommit).head.nextOffset > 1 ? gate().passed : undefined,
    )
    const run = rig.start()
    await rig.clock.advance(2_000)
    await run.kill()
    expect(await rig.served('ann')).toBe(before)
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})

describe('a scan', () => {
  /** Empties the store, lets the healing tell the entities of some slots, and kills the process. */
  async function diesWhileHealing(rig: Rig): Promise<readonly string[]> {
    rig.online.flush()
    const run = rig.start()
    const before = rig.effects.length
    let writes = 0
    rig.hooks.set('online write', () => {
      writes += 1
      return writes === 3 ? gate().passed : undefined
    })
    await rig.clock.advance(2_000)
    const commits = rig.done('state commit') as StateCommit[]
    expect(commits.at(-1)?.head.online?.scan?.slot).toBeGreaterThan(0)
    await run.kill()
    return rig.effects.slice(before).flatMap(namesOf)
  }

  test('that a restart of its owner finds is gone on with, where the state says', async () => {
    // slots    0 told | 1 told | 2 ... death      restart: 2, 3, ... and not 0, 1 again
    const rig = new Rig({ slots: 8 })
    appendUsers(rig, '2024-03-04')
    await rig.runToEnd()
    const toldFirst = await diesWhileHealing(rig)
    const restart = rig.effects.length
    await rig.runToEnd()
    const toldThen = rig.effects.slice(restart).flatMap(namesOf)
    expect(toldFirst.length).toBeGreaterThan(1)
    expect(toldThen.filter((user) => toldFirst.includes(user))).toEqual([])
    expect([...toldFirst, ...toldThen].sort()).toEqual(USERS)
    await rig.expectTheLaw()
  })

  test('that another generation began is not gone on with: every value is taken over', async () => {
    const rig = new Rig({ slots: 8 })
    appendUsers(rig, '2024-03-04')
    await rig.runToEnd()
    await diesWhileHealing(rig)
    const [first] = await rig.generations.list()
    const record = JSON.parse(first?.record ?? '') as object
    await rig.generations.put(2, JSON.stringify({ ...record, generation: 2 }))
    await rig.runToEnd()
    const values = await Promise.all(USERS.map((user) => rig.online.read('activity:v1', user)))
    expect(values.map((value) => value?.version.generation)).toEqual(USERS.map(() => 2))
    await rig.expectTheLaw()
  })

  test.each([
    ['foreign', 'somebody else'],
    ['missing', undefined],
  ])(
    'whose id in the marker is %s starts again, since nobody knows what was told',
    async (_, scanId) => {
      const rig = new Rig({ slots: 8 })
      appendUsers(rig, '2024-03-04')
      await rig.runToEnd()
      await diesWhileHealing(rig)
      const marker = await rig.online.marker(0)
      rig.online.flush()
      if (marker && scanId !== undefined) await putMarker(rig.online, 0, { ...marker, scanId })
      await rig.runToEnd()
      for (const user of USERS) expect(await rig.served(user)).not.toBe('nothing')
      await rig.expectTheLaw()
    },
  )

  const namesOf = ({ name, detail }: Rig['effects'][number]): string[] =>
    name === 'online write' ? (detail as OnlineValue[]).map(({ entity }) => entity) : []

  test('takes the place of changes that are too many to remember', async () => {
    const rig = new Rig({ memory: { pendingEntitiesMax: 3 } })
    const run = rig.start()
    await rig.clock.advance(300)
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(2_000)
    expect(markers(rig).some(({ scanId }) => scanId !== undefined)).toBe(true)
    await run.stop()
    await rig.expectTheLaw()
  })

  test('is not forgotten where they came while the first marker was written', async () => {
    const rig = new Rig({ memory: { pendingEntitiesMax: 3 } })
    rig.extraLag = 1_000_000
    const acknowledged = gate()
    rig.hooks.set('online marker', () => acknowledged.passed)
    const run = rig.start()
    await rig.clock.advance(300)
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(30_000)
    acknowledged.open()
    await rig.clock.advance(30_000)
    expect(markers(rig).at(-1)?.position).toBe(USERS.length)
    expect(await rig.served('ann')).not.toBe('nothing')
    await run.stop()
  })

  test('T15 a death between the write and the marker is repeated, and changes nothing', async () => {
    const rig = new Rig()
    rig.hooks.set('online marker', (marker) =>
      (marker as Marker).position > 0 ? new Promise(() => undefined) : undefined,
    )
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    const before = await rig.served('ann')
    await run.kill()
    await rig.runToEnd()
    expect(await rig.served('ann')).toBe(before)
    expect(written(rig).filter((user) => user === 'ann').length).toBeGreaterThan(1)
    await rig.expectTheLaw()
  })
})

describe('a store that fails', () => {
  const unreachable = new TidemarkError(
    'ONLINE_UNAVAILABLE',
    'the store: connection refused. Start it',
  )

  test('is tried again for ever, and the fold is held once the backlog is full', async () => {
    const rig = new Rig({ fetch: 1, memory: { pendingEntitiesMax: 3 } })
    let down = true
    rig.hooks.set('online write', () => {
      if (down) throw unreachable
    })
    const run = rig.start()
    await rig.clock.advance(300)
    for (const [i, user] of USERS.entries()) {
      rig.append([{ at: `2024-03-04 10:${10 + i}`, user }])
      await rig.clock.advance(1_000)
    }
    const held = run.progress?.partitions[0]?.nextOffset ?? 0
    expect(held).toBeGreaterThanOrEqual(3)
    expect(held).toBeLessThan(USERS.length)
    await rig.clock.advance(60_000)
    expect(run.progress?.partitions[0]?.nextOffset).toBe(held)
    down = false
    await rig.clock.advance(30_000)
    expect(run.progress?.partitions[0]?.nextOffset).toBe(USERS.length)
    await run.stop()
    await rig.expectTheLaw()
    expect(rig.told.join('\n')).toContain('works again')
  })

  test('T16 a write that is refused stops the partition, and nothing is taken as told', async () => {
    const rig = new Rig()
    rig.append(['2024-03-04 10:00'])
    rig.hooks.set('online write', () => {
      throw new TidemarkError('ONLINE_REFUSED', 'the store: disk full. Make room')
    })
    await expect(rig.runToEnd()).rejects.toThrow('disk full')
    expect(markers(rig).filter(({ position }) => position > 0)).toEqual([])
    rig.hooks.clear()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })
})

test('T26 a key in two partitions: the lowest partition’s value wins, and the other is told', async () => {
  const rig = new Rig({ partitions: 2 })
  rig.append(['2024-03-04 10:00'], 0)
  rig.append(['2024-03-04 10:00', '2024-03-04 10:01', '2024-03-04 10:02'], 1)
  await rig.runToEnd()
  expect(await rig.served()).toContain('n_1d=1')
  expect((await rig.online.read('activity:v1', 'u'))?.partition).toBe(0)
  expect(rig.told.join('\n')).toContain('key in two partitions')
  expect(rig.rows('activity_v1')).toEqual([])
})

test('a partition that was far behind tells what it has as soon as the end is reached, without another commit', async () => {
  //  offset  0 ............ 5,000,000 | end     (the last fetch begins far behind)
  const rig = new Rig({ fetch: 1 })
  rig.append(['2024-03-04 10:00'])
  const run = rig.start()
  await rig.clock.advance(1_000)
  rig.appendRaw(recordsAt(['2024-03-04 10:01']), 0, 5_000_000)
  await rig.clock.advance(8_000)
  expect(await rig.served()).toContain('n_1d=2')
  await run.stop()
})

describe('a store that comes back', () => {
  test('from a snapshot taken while values were being told, is told them again: a server that came back is never trusted', async () => {
    const rig = new Rig()
    const run = rig.start()
    const users = Array.from({ length: 300 }, (_, i) => `u${i}`)
    const append = (hour: string): void =>
      rig.append(users.map((user) => ({ at: `2024-03-04 ${hour}:00`, user })))
    append('10')
    await rig.clock.advance(1_000)
    // 300 values are two writes. The server saves itself, takes the first, dies, comes back with what it saved, takes the second.
    const saved = rig.online.snapshot()
    let writes = 0
    rig.hooks.set('online write', () => {
      writes += 1
      if (writes === 2) rig.online.restart(saved)
    })
    append('11')
    await rig.clock.advance(3_000)
    expect(writes).toBeGreaterThan(2)
    for (const user of users) expect(await rig.served(user)).toContain('n_1d=2')
    expect(run.progress?.partitions[0]?.online?.scansByReason).not.toHaveProperty('loss')
    await run.stop()
    await rig.expectTheLaw()
  })

  test('empty, while nothing happens, is found out within seconds and told everything', async () => {
    const rig = new Rig()
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    rig.online.restart()
    await rig.clock.advance(8_000)
    for (const user of USERS) expect(await rig.served(user)).toContain('n_1d=1')
    expect(run.progress?.partitions[0]?.online?.scansByReason).toMatchObject({ loss: 1 })
    await run.stop()
    await rig.expectTheLaw()
  })

  test('empty again half-way through the healing, is told everything again', async () => {
    const rig = new Rig({ slots: 8 })
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    let writes = 0
    rig.hooks.set('online write', () => {
      writes += 1
      if (writes === 4) rig.online.restart()
    })
    rig.online.restart()
    await rig.clock.advance(20_000)
    for (const user of USERS) expect(await rig.served(user)).toContain('n_1d=1')
    expect(run.progress?.partitions[0]?.online?.scansByReason).toMatchObject({ loss: 2 })
    await run.stop()
    await rig.expectTheLaw()
  })
})

describe('a store that cannot be reached', () => {
  const away = (): never => {
    throw new TidemarkError('ONLINE_UNAVAILABLE', 'the store is away')
  }

  test('from the start on holds back neither the fold nor the tables, and is told everything later', async () => {
    const rig = new Rig()
    rig.onlineAway = true
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    appendUsers(rig, '2024-03-05')
    await rig.clock.advance(30_000)
    expect(run.progress?.partitions[0]).toMatchObject({ nextOffset: 16, online: { failing: true } })
    expect(rig.rows().length).toBe(USERS.length)
    rig.onlineAway = false
    await rig.clock.advance(30_000)
    expect(run.progress?.partitions[0]).toMatchObject({ online: { failing: false, backlog: 0 } })
    await run.stop()
    await rig.expectTheLaw()
  })

  test('does not keep a process from leaving', async () => {
    const rig = new Rig()
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    rig.hooks.set('online write', away)
    appendUsers(rig, '2024-03-05')
    await rig.clock.advance(1_000)
    await run.stop()
    expect(run.ended).toBe(true)
    rig.hooks.clear()
    await rig.runToEnd()
    await rig.expectTheLaw()
  })

  test('has no say about the time: nothing ticks meanwhile', async () => {
    const rig = new Rig({ time: { idleAfterMs: 1_000 } })
    const run = rig.start()
    appendUsers(rig, '2024-03-04')
    await rig.clock.advance(1_000)
    rig.onlineAway = true
    rig.clock.wall += 24 * 60 * MINUTE_MS
    await rig.clock.advance(5_000)
    expect(run.progress?.partitions[0]?.closedDay).toBe(day('2024-03-03'))
    rig.onlineAway = false
    await rig.clock.advance(20_000)
    expect(run.progress?.partitions[0]?.closedDay).toBe(day('2024-03-04'))
    await run.stop()
  })
})
