/**
 * Simulated time. Nothing happens but what is scheduled here: when all promises have settled, the next timer fires and time
 * jumps to it. Timers of one instant fire in the order in which they were set, so a run is the same every time.
 */

const STEPS_PER_TURN = 64

interface Timer {
  readonly atMs: number
  readonly order: number
  action: (() => void) | undefined
}

export class Scheduler {
  #nowMs = 0
  #order = 0
  #fired = 0
  readonly #heap: Timer[] = []

  /** Since the world began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get fired(): number {
    return this.#fired
  }

  /** @returns what cancels it */
  after(ms: number, action: () => void): () => void {
    this.#order += 1
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order, action }
    this.#push(timer)
    return () => {
      timer.action = undefined
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /** Until `isOver`, or nothing is left to happen. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let waiting = 0
      let isDone = false
      const step = (): void => {
        waiting -= 1
        if (isDone) return
        try {
          isDone = isOver() || !this.#fire()
        } catch (error) {
          isDone = true
          reject(error instanceof Error ? error : new Error(String(error)))
        }
        if (isDone) resolve()
        else if (waiting === 0) queue()
      }
      // Between two callbacks of one turn of the event loop every promise that can settle does so, too: a turn is for many steps.
      const queue = (): void => {
        for (; waiting < STEPS_PER_TURN; waiting += 1) setImmediate(step)
      }
      queue()
    })
  }

  /** @returns whether there was something to happen */
  #fire(): boolean {
    const next = this.#pop()
    if (next === undefined) return false
    this.#nowMs = next.atMs
    this.#fired += 1
    next.action?.()
    return true
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Timer, timer)) break
      heap[at] = heap[parent] as Timer
      at = parent
    }
    heap[at] = timer
  }

  /** The next one that is not cancelled. */
  #pop(): Timer | undefined {
    for (;;) {
      const first = this.#popAny()
      if (first === undefined || first.action !== undefined) return first
    }
  }

  #popAny(): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, heap[child] as Timer)) child += 1
      if (!isBefore(heap[child] as Timer, last)) break
      heap[at] = heap[child] as Timer
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
