/** A run in this process that goes on while a test does things to what it stands on. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { OnlineProgress, PartitionProgress, RunProgress } from '../../../src/engine/parts.ts'
import type { Log } from '../../../src/engine/ports.ts'
import type { RawPartition } from '../../support/raw-record.ts'
import type { RealWorld } from './real-world.ts'

const PATIENCE_MS = 60_000
const LOOK_MS = 20

export class LiveRun implements AsyncDisposable {
  progress: RunProgress = {
    views: [],
    partitions: [],
    lease: 'joining',
    assigned: 0,
    generation: 0,
  }
  /** Warnings and errors of its log. */
  readonly warned: string[] = []
  readonly #stop = new AbortController()
  readonly #ended: Promise<unknown>
  #failure: { readonly cause: unknown } | undefined

  constructor(world: RealWorld) {
    const warn: Log['warn'] = (_, message) => this.warned.push(message)
    this.#ended = world
      .run({
        untilEnd: false,
        signal: this.#stop.signal,
        log: { debug() {}, info() {}, warn, error: warn },
        onProgress: (progress) => {
          this.progress = progress
        },
      })
      .catch((cause: unknown) => {
        this.#failure = { cause }
      })
  }

  get partitions(): readonly PartitionProgress[] {
    return this.progress.partitions
  }

  get online(): readonly OnlineProgress[] {
    return this.partitions.flatMap(({ online }) => (online ? [online] : []))
  }

  /** Scans for a loss, in the partition that had the fewest: each notices by itself. */
  get losses(): number {
    return Math.min(...this.online.map(({ scansByReason }) => scansByReason['loss'] ?? 0))
  }

  async until(what: string, isTrue: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS
    while (!isTrue()) {
      if (this.#failure) throw new Error(`the run ended before ${what}`, this.#failure)
      if (performance.now() > deadlineMs) {
        const told = this.warned.slice(-10).join('\n')
        throw new Error(`waited in vain until ${what}: ${this.#summary()}\n${told}`)
      }
      await sleep(LOOK_MS)
    }
  }

  /** Everything in the log is folded, told to the online store and acknowledged, and nothing is being healed. */
  async told(log: readonly RawPartition[]): Promise<void> {
    await this.until('all is told', () =>
      log.every(({ partition, records }) => {
        const end = (records.at(-1)?.offset ?? -1) + 1
        const found = this.partitions.find((one) => one.partition === partition)
        if (found?.online === undefined || found.nextOffset < end) return false
        const { failing, backlog, position, asOf, scan } = found.online
        const isSwept = found.closedDay === undefined || asOf > found.closedDay
        return !failing && backlog === 0 && scan === undefined && position >= end && isSwept
      }),
    )
  }

  #summary(): string {
    return JSON.stringify(this.partitions.map(({ meters: _, ...partition }) => partition))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    if (this.#failure) throw this.#failure.cause
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }
}
