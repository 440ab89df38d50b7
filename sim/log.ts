/** The log as a process sees it: records that have appeared so far, in fetches that come short or late, again after each opening. */
import { batchOf, type MemoryRecord } from '../src/memory/log.ts'
import type { RecordBatch } from '../src/core/event.ts'
import type { PartitionReader, RecordSource } from '../src/engine/ports.ts'
import type { Chance } from './chance.ts'
import type { Network } from './network.ts'
import type { Scheduler } from './scheduler.ts'

/** A read that finds nothing waits so long for something. */
const READ_WAIT_MS = 1_500

export class SimulatedLog {
  readonly topic = 'events'
  readonly #scheduler: Scheduler
  readonly #partitions: MemoryRecord[][]
  #waiting: { readonly partition: number; readonly wake: () => void }[] = []

  constructor(scheduler: Scheduler, partitions: number) {
    this.#scheduler = scheduler
    this.#partitions = Array.from({ length: partitions }, () => [])
  }

  get partitions(): number {
    return this.#partitions.length
  }

  append(partition: number, record: MemoryRecord): void {
    this.records(partition).push(record)
    const woken = this.#waiting.filter((one) => one.partition === partition)
    this.#waiting = this.#waiting.filter((one) => one.partition !== partition)
    for (const { wake } of woken) wake()
  }

  records(partition: number): MemoryRecord[] {
    const records = this.#partitions[partition]
    if (records === undefined) throw new Error(`no partition ${partition}`)
    return records
  }

  endOffset(partition: number): number {
    return (this.records(partition).at(-1)?.offset ?? -1) + 1
  }

  /** Resolves when a record comes, or after `READ_WAIT_MS`. */
  somethingComes(partition: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        resolve()
      }
      const waiter = { partition, wake }
      const cancel = this.#scheduler.after(READ_WAIT_MS, () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiter)
        resolve()
      })
      this.#waiting.push(waiter)
    })
  }
}

export interface LogClientParts {
  readonly log: SimulatedLog
  readonly network: Network
  readonly chance: Chance
  readonly fetchMax: number
  readonly lagUnit: number
}

export function logClient(parts: LogClientParts): RecordSource {
  const { log, network } = parts
  const ask = <T>(what: string, act: () => T): Promise<T> =>
    network.call({ place: 'log', name: what, isDurable: false, detail: '' }, async () => act())
  return {
    topic: log.topic,
    topology: () => ask('topology', () => ({ partitions: log.partitions, identity: 'log-1' })),
    origins: () => ask('origins', () => Array.from({ length: log.partitions }, () => 0)),
    open: (partition, offset) =>
      ask(`open log [${partition}]@${offset}`, () => new SimulatedReader(parts, partition, offset)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

class SimulatedReader implements PartitionReader {
  readonly #parts: LogClientParts
  readonly #partition: number
  #next: number
  #end: number

  constructor(parts: LogClientParts, partition: number, offset: number) {
    this.#parts = parts
    this.#partition = partition
    this.#next = offset
    this.#end = parts.log.endOffset(partition)
  }

  identity(): Promise<string | undefined> {
    return Promise.resolve(this.#parts.log.endOffset(this.#partition) > 0 ? 'log-1' : undefined)
  }

  read(): Promise<RecordBatch | undefined> {
    const { log, network } = this.#parts
    const partition = this.#partition
    const effect = { place: 'log', name: 'fetch', isDurable: false } as const
    return network.call({ ...effect, detail: `[${partition}]@${this.#next}` }, async () => {
      if (log.endOffset(partition) <= this.#next) await log.somethingComes(partition)
      return this.#take()
    })
  }

  async endOffset(): Promise<number> {
    return this.#parts.log.endOffset(this.#partition)
  }

  lag(offset: number): number {
    return Math.max(0, this.#end - offset) * this.#parts.lagUnit
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  #take(): RecordBatch | undefined {
    const { log, chance, fetchMax } = this.#parts
    const records = log.records(this.#partition)
    const from = records.findIndex(({ offset }) => offset >= this.#next)
    this.#end = log.endOffset(this.#partition)
    if (from < 0) return undefined
    const taken = records.slice(from, from + chance.integer(1, fetchMax))
    const first = taken[0]?.offset ?? this.#next
    // A stretch that holds no record for us may come as a batch of its own.
    if (first > this.#next && chance.happens(0.5)) {
      this.#next = first
      return { ...batchOf([]), nextOffset: first }
    }
    const batch = batchOf(taken)
    const following = records[from + taken.length]?.offset
    const nextOffset = following !== undefined && chance.happens(0.3) ? following : batch.nextOffset
    this.#next = nextOffset
    return { ...batch, nextOffset }
  }
}
