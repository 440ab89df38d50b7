import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../src/engine/ports.ts'
import { GroupSession } from '../../src/kafka/group-session.ts'

let nowMs = 0
const clock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => nowMs,
  sleep: () => Promise.resolve(),
}
let expired = 0
function open(): GroupSession {
  return new GroupSession(clock, 1_000, () => (expired += 1))
}

/** Time passes, and timers fire when they are due. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 10) {
    nowMs += 10
    vi.advanceTimersByTime(10)
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 0
  expired = 0
})
afterEach(() => vi.useRealTimers())

describe('the session of a member', () => {
  test('ends a session after the last request that was answered was sent', () => {
    const session = open()
    session.renew(0)
    pass(800)
    // Sent at 300, and answered only now.
    session.renew(300)
    pass(490)
    expect(expired).toBe(0)
    pass(20)
    expect(expired).toBe(1)
  })

  test('ends once, and begins again with the next renewal', () => {
    const session = open()
    session.renew(0)
    pass(5_000)
    session.check()
    expect(expired).toBe(1)
    session.renew(nowMs)
    pass(1_010)
    expect(expired).toBe(2)
  })

  test('after this process stood still, whoever asks first finds it over, before any timer has fired', () => {
    const session = open()
    session.renew(0)
    nowMs = 60_000
    session.check()
    expect(expired).toBe(1)
    vi.advanceTimersByTime(60_000)
    expect(expired).toBe(1)
  })

  test('an answer to an older request does not shorten it', () => {
    const session = open()
    session.renew(500)
    session.renew(100)
    nowMs = 1_400
    session.check()
    expect(expired).toBe(0)
  })

  test('one that was ended on purpose tells nothing', () => {
    const session = open()
    session.renew(0)
    session.end()
    pass(5_000)
    session.check()
    expect(expired).toBe(0)
  })

  test('T30 the wall clock has no say', () => {
    const session = open()
    session.renew(0)
    vi.setSystemTime(Date.now() + 3_600_000)
    session.check()
    expect(expired).toBe(0)
    session.end()
  })
})
