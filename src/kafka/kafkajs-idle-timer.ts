/**
 * kafkajs 2.2.4 leaves a timer behind each connection's request queue that fires every millisecond for as long as the
 * connection lives: when nothing waits, the time until the next look at the queue is hugely negative, which Node makes 1 ms.
 * Ten idle connections cost half a core. Nothing needs that look while the queue is empty: whatever is queued asks for one.
 *
 * The queue's class is one per process, so this holds for every kafkajs client of it. (tulios/kafkajs#1751)
 */
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'

const patched = new WeakSet<object>()

/** Harmless to repeat. */
export function stopIdleTimers(): void {
  const queue: RequestQueue = RequestQueue.prototype
  if (patched.has(queue)) return
  patched.add(queue)
  const original = Object.getOwnPropertyDescriptor(queue, 'scheduleCheckPendingRequests')
    ?.value as (this: RequestQueue) => void
  queue.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) original.call(this)
  }
}
