import { describe, expect, test } from 'vitest'
import { assignPartitions } from '../../src/kafka/sticky-assignor.ts'
import type { Candidate } from '../../src/kafka/sticky-assignor.ts'
import { fc, test as property } from '../support/properties.ts'

function member(id: string, more: Partial<Candidate> = {}): Candidate {
  return { id, generation: 1, held: [], onDisk: [], ...more }
}

function shares(partitions: number, ...members: Candidate[]): Record<string, readonly number[]> {
  return Object.fromEntries(assignPartitions(partitions, members))
}

describe('partitions are shared out', () => {
  test('one member gets all', () => {
    expect(shares(4, member('a'))).toEqual({ a: [0, 1, 2, 3] })
  })

  test('nobody there: nothing is given', () => {
    expect(shares(4)).toEqual({})
  })

  test('more members than partitions: some get none', () => {
    expect(shares(1, member('a'), member('b'))).toEqual({ a: [0], b: [] })
  })

  test('a newcomer takes only what the balance asks for, the rest stays', () => {
    const a = member('a', { held: [0, 1, 2, 3], onDisk: [0, 1, 2, 3] })
    expect(shares(4, a, member('b'))).toEqual({ a: [0, 1], b: [2, 3] })
  })

  test('what a newcomer has on disk is what it gets', () => {
    const a = member('a', { held: [0, 1, 2, 3], onDisk: [0, 1, 2, 3] })
    expect(shares(4, a, member('b', { onDisk: [0, 2] }))).toEqual({ a: [1, 3], b: [0, 2] })
  })

  test('after a restart of all, each gets back what is on its disk', () => {
    const a = member('a', { onDisk: [1, 3], generation: undefined })
    const b = member('b', { onDisk: [0, 2], generation: undefined })
    expect(shares(4, a, b)).toEqual({ a: [1, 3], b: [0, 2] })
  })

  test('a partition that few have on disk chooses before one that all have', () => {
    const a = member('a', { onDisk: [0, 1] })
    const b = member('b', { onDisk: [0] })
    expect(shares(2, a, b)).toEqual({ a: [1], b: [0] })
  })

  test('when a member goes, the others keep what they have', () => {
    const a = member('a', { held: [0, 1] })
    const b = member('b', { held: [4, 5] })
    expect(shares(6, a, b)).toEqual({ a: [0, 1, 2], b: [3, 4, 5] })
  })

  test('two claim one partition: the newer generation is right', () => {
    const old = member('a', { held: [0, 1], generation: 3 })
    const newer = member('b', { held: [0], generation: 4 })
    expect(shares(2, old, newer)).toEqual({ a: [1], b: [0] })
  })

  test('claims of partitions that the topic does not have are passed over', () => {
    expect(shares(1, member('a', { held: [7] }))).toEqual({ a: [0] })
  })
})

const candidates = fc
  .record({
    partitions: fc.nat(40),
    members: fc.array(
      fc.record({
        generation: fc.option(fc.nat(3), { nil: undefined }),
        held: fc.uniqueArray(fc.nat(45), { maxLength: 40 }),
        onDisk: fc.uniqueArray(fc.nat(45), { maxLength: 40 }),
      }),
      { minLength: 1, maxLength: 9 },
    ),
  })
  .map(({ partitions, members }) => ({
    partitions,
    members: members.map((more, index) => ({ id: `m${index}`, ...more })),
  }))

/** What a member holds and nobody else claims by a generation that is as new. */
function undisputed(partitions: number, members: readonly Candidate[]): Map<string, number[]> {
  return new Map(
    members.map(({ id, held, generation = -1 }) => [
      id,
      held.filter(
        (partition) =>
          partition < partitions &&
          members.every(
            (other) =>
              other.id === id ||
              !other.held.includes(partition) ||
              (other.generation ?? -1) < generation,
          ),
      ),
    ]),
  )
}

describe('for any members', () => {
  property.prop([candidates])('every partition has exactly one owner', (group) => {
    const all = [...assignPartitions(group.partitions, group.members).values()].flat()
    expect(all.toSorted((a, b) => a - b)).toEqual([...Array(group.partitions).keys()])
  })

  property.prop([candidates])('nobody has more than one partition more than another', (group) => {
    const counts = [...assignPartitions(group.partitions, group.members).values()].map(
      ({ length }) => length,
    )
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })

  property.prop([candidates])('the order in which members are told changes nothing', (group) => {
    const one = assignPartitions(group.partitions, group.members)
    const other = assignPartitions(group.partitions, group.members.toReversed())
    expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one))
  })

  property.prop([candidates])('no balanced assignment would move fewer partitions', (group) => {
    const { partitions, members } = group
    const held = undisputed(partitions, members)
    const given = assignPartitions(partitions, members)
    const kept = [...given].flatMap(([id, owned]) =>
      owned.filter((partition) => held.get(id)?.includes(partition)),
    )
    const even = Math.floor(partitions / members.length)
    const counts = [...held.values()].map(({ length }) => length)
    const atMost = counts.reduce((sum, count) => sum + Math.min(count, even), 0)
    const extras = Math.min(
      partitions % members.length,
      counts.filter((count) => count > even).length,
    )
    // Disputed claims are decided one way or the other, and may use up room: then fewer are sure to stay.
    const isDisputed = members.some(({ id, held: claimed }) =>
      claimed.some((partition) => partition < partitions && !held.get(id)?.includes(partition)),
    )
    if (isDisputed) expect(kept.length).toBeLessThanOrEqual(atMost + extras)
    else expect(kept.length).toBe(atMost + extras)
  })

  property.prop([candidates])('whoever is told twice keeps everything', (group) => {
    const given = assignPartitions(group.partitions, group.members)
    const settled = group.members.map(({ id, onDisk }) => ({
      id,
      onDisk,
      generation: 9,
      held: given.get(id) ?? [],
    }))
    expect(Object.fromEntries(assignPartitions(group.partitions, settled))).toEqual(
      Object.fromEntries(given),
    )
  })
})
