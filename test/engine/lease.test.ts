/** Partitions that come and go: several processes share a log, and whoever is given a partition goes on where it was left. */
import { describe, expect, test } from 'vitest'
import type { Lease, LeaseListener, LeaseMember } from '../../src/engine/ports.ts'
import { Rig, type Process } from './rig.ts'

/** Gives partitions as the test says, to members in the order in which they joined. */
class TestGroup {
  readonly members: { readonly member: LeaseMember; readonly listener: LeaseListener }[] = []
  readonly left: number[] = []
  readonly published = new Map<number, number>()
  /** States that were open in the moments when members left. */
  readonly openAtLeave: number[] = []
  readonly #rig: Rig

  constructor(rig: Rig) {
    this.#rig = rig
  }

  lease(): Lease {
    let index = -1
    return {
      join: (member, listener) => {
        index = this.members.push({ member, listener }) - 1
        return Promise.resolve()
      },
      publish: (partition, nextOffset) => {
        this.published.set(partition, nextOffset)
      },
      [Symbol.asyncDispose]: () => {
        this.left.push(index)
        this.openAtLeave.push(this.#rig.locked.size)
        return Promise.resolve()
      },
    }
  }

  give(...partitions: readonly (readonly number[])[]): void {
    partitions.forEach((set, i) => this.members[i]?.listener.assigned(new Set(set)))
  }
}

async function twoMembers(rig: Rig): Promise<{ group: TestGroup; runs: readonly Process[] }> {
  const group = new TestGroup(rig)
  const runs = [0, 1].map(() => {
    rig.lease = group.lease()
    return rig.start()
  })
  await rig.clock.advance(100)
  return { group, runs }
}

function held(run: Process | undefined): number[] {
  return run?.progress?.partitions.map(({ partition }) => partition) ?? []
}

describe('a process in a group', () => {
  test('reads what it is given, and nothing before', async () => {
    const rig = new Rig({ partitions: 3 })
    for (const partition of [0, 1, 2]) rig.append(['2024-03-04 10:00'], partition)
    const { group, runs } = await twoMembers(rig)
    expect(runs[0]?.progress).toMatchObject({ lease: 'joining', assigned: 0 })
    group.give([0, 2], [1])
    await rig.clock.advance(2_000)
    expect(runs.map(held)).toEqual([[0, 2], [1]])
    expect(runs[0]?.progress).toMatchObject({ lease: 'held', assigned: 2 })
    for (const run of runs) await run.stop()
    await rig.expectTheLaw()
  })

  test('T14 gives a revoked partition up committed and told; the new owner goes on there, and kept ones are not opened again', async () => {
    const rig = new Rig({ partitions: 2 })
    rig.append(['2024-03-04 10:00', '2024-03-04 11:00'], 0)
    rig.append([{ at: '2024-03-04 10:00', user: 'v' }], 1)
    const { group, runs } = await twoMembers(rig)
    group.give([0, 1], [])
    await rig.clock.advance(1_000)
    const kept = runs[0]?.progress?.partitions[0]?.meters
    group.give([0], [1])
    await rig.clock.advance(4_000)
    expect(runs.map(held)).toEqual([[0], [1]])
    expect(runs[0]?.progress?.partitions[0]?.meters).toBe(kept)
    expect(runs[1]?.progress?.partitions[0]).toMatchObject({ startOffset: 1, records: 0 })
    rig.append([{ at: '2024-03-04 12:00', user: 'v' }], 1)
    await rig.clock.advance(1_000)
    const [first, second] = await Promise.all(runs.map((run) => run.stop()))
    expect(first?.released.map(({ partition, records }) => [partition, records])).toEqual([[1, 1]])
    expect(second?.partitions.map(({ records }) => records)).toEqual([1])
    expect(group.left.toSorted()).toEqual([0, 1])
    expect(group.openAtLeave.at(-1)).toBe(0)
    await rig.expectTheLaw()
  })

  test('waits for a former owner on the same disk, for a bounded time, and says so', async () => {
    const rig = new Rig({ partitions: 1 })
    rig.append(['2024-03-04 10:00'])
    const { group, runs } = await twoMembers(rig)
    group.give([0])
    await rig.clock.advance(1_000)
    // The first one sleeps: the group has given its partition away, and it does not know.
    group.members[1]?.listener.assigned(new Set([0]))
    await rig.clock.advance(30_000)
    expect(rig.told.filter((line) => line.includes('waiting for it')).length).toBeGreaterThan(1)
    expect(held(runs[1])).toEqual([])
    group.give([])
    await rig.clock.advance(5_000)
    expect(held(runs[1])).toEqual([0])
    for (const run of runs) await run.stop()
    await rig.expectTheLaw()
  })

  test('gives up after two minutes where the former owner never releases the state', async () => {
    const rig = new Rig({ partitions: 1 })
    const { group, runs } = await twoMembers(rig)
    rig.locked.add(0)
    group.give([0])
    for (let i = 0; i < 130; i += 1) await rig.clock.advance(1_000)
    await expect(runs[0]?.summary).rejects.toMatchObject({ code: 'STATE_LOCKED' })
    await runs[1]?.stop()
  })

  test('stops everything when the lease is lost, and goes on with what it is given later', async () => {
    const rig = new Rig({ partitions: 2 })
    for (const partition of [0, 1])
      rig.append([{ at: '2024-03-04 10:00', user: `u${partition}` }], partition)
    const { group, runs } = await twoMembers(rig)
    group.give([0, 1], [])
    await rig.clock.advance(1_000)
    group.members[0]?.listener.lost()
    await rig.clock.advance(4_000)
    expect(runs[0]?.progress).toMatchObject({ lease: 'joining', partitions: [] })
    expect(rig.locked.size).toBe(0)
    group.give([1], [0])
    await rig.clock.advance(2_000)
    expect(runs.map(held)).toEqual([[1], [0]])
    for (const run of runs) await run.stop()
    await rig.expectTheLaw()
  })

  test('a partition that comes back before it was released is opened after its release', async () => {
    const rig = new Rig({ partitions: 1 })
    rig.append(['2024-03-04 10:00'])
    const { group, runs } = await twoMembers(rig)
    group.give([0])
    await rig.clock.advance(1_000)
    rig.append(['2024-03-04 11:00'])
    group.give([])
    group.give([0])
    await rig.clock.advance(5_000)
    expect(held(runs[0])).toEqual([0])
    for (const run of runs) await run.stop()
    await rig.expectTheLaw()
  })

  test('tells the others which states are on its disk and where its tables are', async () => {
    const rig = new Rig({ partitions: 2 })
    rig.append(['2024-03-04 10:00'], 1)
    await rig.runToEnd()
    rig.disks[0]!.head = undefined
    const { group, runs } = await twoMembers(rig)
    expect(group.members[0]?.member).toEqual({ place: 'memory', onDisk: [1] })
    for (const run of runs) await run.stop()
  })

  test('publishes where it stands after each commit', async () => {
    const rig = new Rig()
    rig.append(['2024-03-04 10:00', '2024-03-04 11:00'])
    const { group, runs } = await twoMembers(rig)
    group.give([0])
    await rig.clock.advance(1_000)
    expect(group.published).toEqual(new Map([[0, 2]]))
    await runs[0]?.stop()
    expect(group.openAtLeave).toEqual([0])
    await runs[1]?.stop()
  })

  test('until the end: ends when what it was given is drained, also when that is nothing', async () => {
    const rig = new Rig()
    rig.append(['2024-03-04 10:00', '2024-03-05 10:00'])
    const group = new TestGroup(rig)
    const runs = [0, 1].map(() => {
      rig.lease = group.lease()
      return rig.start({ untilEnd: true })
    })
    await rig.clock.advance(100)
    group.give([0], [])
    await rig.clock.advance(5_000)
    expect(runs.map(({ ended }) => ended)).toEqual([true, true])
    await rig.expectTheLaw()
  })

  test('a lease that cannot be held ends the run with its reason', async () => {
    const rig = new Rig()
    const { group, runs } = await twoMembers(rig)
    group.give([0])
    await rig.clock.advance(500)
    group.members[0]?.listener.failed(new Error('no right to join'))
    await rig.clock.advance(500)
    await expect(runs[0]?.summary).rejects.toThrow('no right to join')
    expect(rig.locked.size).toBe(0)
    await runs[1]?.stop()
  })
})

describe('where a new pipeline begins', () => {
  test('is asked once and kept in the record: a state that is lost begins there again', async () => {
    const rig = new Rig()
    rig.append(['2024-03-04 10:00', '2024-03-04 11:00', '2024-03-05 11:00'])
    rig.origin = 1
    await rig.runToEnd()
    expect(await rig.served()).toContain('n_3d=2')
    rig.origin = 3
    rig.online.flush()
    Object.assign(rig.disks[0]!, { head: undefined })
    rig.disks[0]!.records.clear()
    rig.disks[0]!.dirty.clear()
    rig.disks[0]!.milestones.clear()
    await rig.runToEnd()
    expect(await rig.served()).toContain('n_3d=2')
    expect(rig.told.at(-1) ?? '').not.toContain('offset 3')
  })
})
