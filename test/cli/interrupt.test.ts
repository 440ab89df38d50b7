import process from 'node:process'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { listenForInterrupt } from '../../src/cli/interrupt.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function listen(): {
  told: string[]
  left: number
  interrupt: ReturnType<typeof listenForInterrupt>
} {
  const told: string[] = []
  const listening = { told, left: 0 }
  const interrupt = listenForInterrupt({
    tell: (text) => told.push(text),
    leave: () => {
      listening.left += 1
    },
  })
  return Object.assign(listening, { interrupt })
}

test('the first signal asks for a clean stop, the second leaves at once', () => {
  const listening = listen()
  const { told, interrupt } = listening
  using _ = interrupt
  process.emit('SIGTERM', 'SIGTERM')
  expect(interrupt.signal.aborted).toBe(true)
  expect(listening.left).toBe(0)
  expect(told[0]).toMatch(/stopping cleanly/)
  process.emit('SIGINT', 'SIGINT')
  expect(listening.left).toBe(1)
  expect(told[1]).toMatch(/what was committed is kept/)
})

test('a stop that hangs is ended before 10 s are over', () => {
  const listening = listen()
  using _ = listening.interrupt
  process.emit('SIGTERM', 'SIGTERM')
  vi.advanceTimersByTime(9_400)
  expect(listening.left).toBe(0)
  vi.advanceTimersByTime(200)
  expect(listening.left).toBe(1)
})

test('once the work is done, signals are nobody’s business any more', () => {
  const before = process.listenerCount('SIGTERM')
  const { interrupt } = listen()
  expect(process.listenerCount('SIGTERM')).toBe(before + 1)
  interrupt[Symbol.dispose]()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})
