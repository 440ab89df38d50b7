import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { stopIdleTimers } from '../../src/kafka/kafkajs-idle-timer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

stopIdleTimers()
stopIdleTimers()

/** A queue as a connection has it, with its state in reach. */
function createQueue(): RequestQueue & { pending: unknown[]; throttledUntil: number } {
  const Queue = RequestQueue as unknown as new (options: object) => RequestQueue
  return Object.assign(
    new Queue({ requestTimeout: 1_000, logger: { debug: () => undefined } }),
    {},
  ) as ReturnType<typeof createQueue>
}

test('kafkajs arms no timer for a connection on which nothing waits', () => {
  createQueue().scheduleCheckPendingRequests()
  expect(vi.getTimerCount()).toBe(0)
})

test('a request that waits because the broker throttles is still looked at when it may go', () => {
  const queue = createQueue()
  const sent = vi.fn()
  queue.throttledUntil = Date.now() + 500
  queue.pending.push({ send: sent, expectResponse: true })
  queue.scheduleCheckPendingRequests()
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(400)
  expect(sent).not.toHaveBeenCalled()
  vi.advanceTimersByTime(101)
  expect(sent).toHaveBeenCalledOnce()
  vi.advanceTimersByTime(10_000)
  expect(vi.getTimerCount()).toBe(0)
})
