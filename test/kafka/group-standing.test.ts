import { describe, expect, test } from 'vitest'
import { GroupStanding } from '../../src/kafka/group-standing.ts'

describe('what a member has been given', () => {
  test('the next generation, or the same one again, leaves nobody a moment in which to hold it', () => {
    const standing = new GroupStanding([])
    standing.hold(7, [1])
    expect(standing.isNext(7)).toBe(true)
    expect(standing.isNext(8)).toBe(true)
  })

  test('in a generation that was missed, others may have held it', () => {
    const standing = new GroupStanding([])
    standing.hold(7, [1])
    expect(standing.isNext(9)).toBe(false)
  })

  test('a generation in which nobody was given anything is none that was missed', () => {
    const standing = new GroupStanding([])
    standing.hold(7, [1])
    standing.skip(8)
    expect(standing.isNext(9)).toBe(true)
    standing.skip(12)
    expect(standing.isNext(13)).toBe(false)
  })

  test('whoever holds nothing misses nothing', () => {
    const standing = new GroupStanding([])
    expect(standing.isNext(5)).toBe(true)
    standing.hold(5, [])
    expect(standing.isNext(50)).toBe(true)
    standing.hold(50, [1])
    standing.lose()
    expect(standing.isNext(99)).toBe(true)
  })

  test('claims what it holds, what was ever here, and since when it is a member', () => {
    const standing = new GroupStanding([9])
    expect(standing.claim()).toEqual({ held: [], onDisk: [9] })
    expect(standing.hold(3, [1, 0])).toBe(true)
    expect(standing.hold(4, [0, 1])).toBe(false)
    expect(standing.hold(5, [0])).toBe(true)
    expect(standing.claim()).toEqual({ held: [0], onDisk: [0, 1, 9], generation: 5, since: 3 })
    standing.lose()
    expect(standing.claim()).toEqual({ held: [], onDisk: [0, 1, 9], generation: 5, since: 3 })
  })
})
