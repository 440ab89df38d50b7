import { describe, expect, test } from 'vitest'
import { decideRound } from '../../src/kafka/group-round.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../src/kafka/member-metadata.ts'
import type { MemberClaim } from '../../src/kafka/member-metadata.ts'

type Claim = Partial<Omit<MemberClaim, 'format'>>

function member(
  id: string,
  claim: Claim = {},
  topic = 'events',
): { readonly member: string; readonly subscription: Buffer } {
  const all = { name: `host-${id}`, software: 'tidemark', startedMs: 1, held: [], onDisk: [] }
  return { member: id, subscription: encodeSubscription(topic, { ...all, ...claim }) }
}

describe('what members tell each other', () => {
  test('a subscription reads back', () => {
    const claim = {
      name: 'host (process 7)',
      software: 'tidemark 1',
      startedMs: 5,
      place: 'p',
      generation: 4,
      since: 2,
      held: [1, 2],
      onDisk: [1, 2, 3],
    }
    expect(decodeSubscription(encodeSubscription('events', claim))).toEqual({
      topics: ['events'],
      claim: { format: 1, ...claim },
    })
  })

  test('an assignment reads back, with the reason of a refusal', () => {
    const refusal = {
      reason: 'place',
      with: { name: 'host', software: 'tidemark', topic: 'events', place: 'p' },
    } as const
    const order = { partitions: [3, 1], refusal }
    expect(decodeAssignment(encodeAssignment('events', order), 'events')).toEqual(order)
    expect(decodeAssignment(encodeAssignment('events', { partitions: [] }), 'events')).toEqual({
      partitions: [],
    })
  })

  test('bytes of another program are no claim and no assignment', () => {
    expect(decodeSubscription(Buffer.from([0, 1])).claim).toBeUndefined()
    expect(decodeSubscription(Buffer.alloc(0)).claim).toBeUndefined()
    expect(decodeAssignment(Buffer.alloc(0), 'events')).toEqual({ partitions: [] })
    expect(decodeAssignment(Buffer.from([0, 1, 2]), 'events')).toEqual({ partitions: [] })
  })
})

describe('the leader decides', () => {
  test('members that write to one place share the partitions', () => {
    const round = decideRound(4, [member('a', { place: 'x' }), member('b', { place: 'x' })])
    expect(round.get('a')).toEqual({ partitions: [0, 2] })
    expect(round.get('b')).toEqual({ partitions: [1, 3] })
  })

  test('members without a place share them too', () => {
    const round = decideRound(2, [member('a'), member('b')])
    expect([...round.values()].map(({ partitions }) => partitions)).toEqual([[0], [1]])
  })

  test('a newcomer that writes elsewhere gets nothing and is told with whom it is at odds', () => {
    const standing = member('z', { place: 'x', since: 3, startedMs: 99, generation: 3 })
    const round = decideRound(2, [member('a', { place: 'y', startedMs: 1 }), standing])
    expect(round.get('z')).toEqual({ partitions: [0, 1] })
    expect(round.get('a')).toEqual({
      partitions: [],
      refusal: {
        reason: 'place',
        with: { name: 'host-z', software: 'tidemark', topic: 'events', place: 'x' },
      },
    })
  })

  test('a place and none are different', () => {
    const round = decideRound(2, [member('a', { since: 1 }), member('b', { place: 'y' })])
    expect(round.get('a')?.partitions).toEqual([0, 1])
    expect(round.get('b')?.refusal?.reason).toBe('place')
    expect(round.get('b')?.refusal?.with.place).toBeUndefined()
  })

  test('of two newcomers the one that was started first is right', () => {
    const round = decideRound(2, [
      member('a', { place: 'x', startedMs: 2 }),
      member('b', { place: 'y', startedMs: 1 }),
    ])
    expect(round.get('a')?.refusal?.reason).toBe('place')
    expect(round.get('b')?.partitions).toEqual([0, 1])
  })

  test('a member that reads another topic is refused', () => {
    const round = decideRound(2, [member('a', { since: 1 }), member('b', {}, 'others')])
    expect(round.get('b')?.refusal).toMatchObject({ reason: 'topic', with: { topic: 'events' } })
  })

  test('a member that tells nothing we can read gets nothing', () => {
    const foreign = { member: 'b', subscription: Buffer.from([0, 0]) }
    const round = decideRound(2, [member('a'), foreign])
    expect(round.get('a')?.partitions).toEqual([0, 1])
    expect(round.get('b')).toMatchObject({ partitions: [], refusal: { reason: 'format' } })
  })

  test('every member has an order, also where nobody can be understood', () => {
    const round = decideRound(2, [{ member: 'a', subscription: Buffer.alloc(0) }])
    expect(round.get('a')).toEqual({ partitions: [] })
  })
})
