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
  exits: number[]
  interrupt: ReturnType<typeof listenForInterrupt>
} {
  const told: string[] = []
  const exits: number[] = []
  const interrupt = listenForInterrupt({
    tell: (text) => told.push(text),
    exit: (code) => exits.push(code),
  })
  return { told, exits, interrupt }
}

test('the first signal asks for a clean stop, the second leaves at once with 1', () => {
  const { told, exits, interrupt } = listen()
  using _ = interrupt
  process.emit('SIGTERM', 'SIGTERM')
  expect(interrupt.signal.aborted).toBe(true)
  expect(exits).toEqual([])
  expect(told[0]).toMatch(/stopping cleanly/)
  process.emit('SIGINT', 'SIGINT')
  expect(exits).toEqual([1])
  expect(told[1]).toMatch(/what was committed is kept/)
})

test('a stop that hangs is ended before 10 s are over', () => {
  const { exits, interrupt } = listen()
  using _ = interrupt
  process.emit('SIGTERM', 'SIGTERM')
  vi.advanceTimersByTime(9_400)
  expect(exits).toEqual([])
  vi.advanceTimersByTime(200)
  expect(exits).toEqual([1])
})

test('once the work is done, signals are nobody’s business any more', () => {
  const before = process.listenerCount('SIGTERM')
  const { interrupt } = listen()
  expect(process.listenerCount('SIGTERM')).toBe(before + 1)
  interrupt[Symbol.dispose]()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})
