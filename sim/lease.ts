/**
 * Membership of one process: it sends heartbeats, believes what it is told for as long as its session lasts by its own clock, and
 * tells the engine in the way that the lease of a Kafka group does. A process that is deaf believes for ever.
 */
import type { Lease, LeaseListener, LeaseMember } from '../src/engine/ports.ts'
import type { Coverage } from './coverage.ts'
import type { GroupAnswer, GroupCoordinator } from './group.ts'
import type { Network } from './network.ts'
import type { Process } from './process.ts'
import type { Trace } from './trace.ts'

const LEAVE_MAX_MS = 2_000

export interface LeaseParts {
  readonly process: Process
  readonly network: Network
  readonly coordinator: GroupCoordinator
  readonly trace: Trace
  readonly coverage: Coverage
  readonly sessionMs: number
  readonly heartbeatMs: number
}

export class SimulatedLease implements Lease {
  readonly #parts: LeaseParts
  readonly #over = new AbortController()
  #listener: LeaseListener | undefined
  #onDisk = new Set<number>()
  #generation: number | undefined
  #held: readonly number[] | undefined
  #renewedMs = -Infinity

  constructor(parts: LeaseParts) {
    this.#parts = parts
  }

  join({ onDisk }: LeaseMember, listener: LeaseListener): Promise<void> {
    this.#listener = listener
    this.#onDisk = new Set(onDisk)
    void this.#live()
    void this.#watch()
    return Promise.resolve()
  }

  publish(partition: number, nextOffset: number): void {
    const { coverage, coordinator } = this.#parts
    coverage.hit('path position published')
    coordinator.publish(partition, nextOffset)
  }

  /** Where the group says that a partition stands. The engine never asks; one with a deliberate bug may. */
  published(partition: number): number | undefined {
    return this.#parts.coordinator.published(partition)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    const { process, coordinator } = this.#parts
    const left = this.#ask('leave group', () => coordinator.leave(process.name)).catch(
      () => undefined,
    )
    await Promise.race([left, process.clock.sleep(LEAVE_MAX_MS)])
  }

  async #live(): Promise<void> {
    const { process, coordinator, heartbeatMs } = this.#parts
    let isMember = false
    while (!this.#over.signal.aborted) {
      const sentMs = process.clock.monotonicMs()
      try {
        if (isMember) {
          const answer = await this.#ask('heartbeat', () => coordinator.heartbeat(process.name))
          isMember = answer !== undefined
          if (answer !== undefined) this.#believe(answer, sentMs)
          else this.#lose('the coordinator does not know this member')
        } else {
          const onDisk = [...this.#onDisk].sort((a, b) => a - b)
          await this.#ask('join group', () => coordinator.join(process.name, onDisk))
          isMember = true
        }
      } catch {
        // Asked again.
      }
      if (isMember) await process.clock.sleep(heartbeatMs, this.#over.signal)
    }
  }

  #ask<T>(name: string, act: () => T): Promise<T> {
    const { process, network } = this.#parts
    if (process.isDeaf)
      return process.clock.sleep(1_000).then(() => Promise.reject(new Error('deaf')))
    return network.call({ place: 'group', name, isDurable: false, detail: '' }, async () => act())
  }

  #believe(answer: GroupAnswer, sentMs: number): void {
    if (this.#over.signal.aborted || answer.generation < 0) return
    this.#check()
    if (this.#generation === answer.generation && this.#held !== undefined) {
      this.#renewedMs = sentMs
      return
    }
    const isNext =
      this.#held === undefined ||
      this.#held.length === 0 ||
      answer.generation === (this.#generation ?? 0) + 1
    if (!isNext) this.#lose('a generation of the group was missed')
    this.#generation = answer.generation
    this.#held = answer.partitions
    this.#renewedMs = sentMs
    for (const partition of answer.partitions) this.#onDisk.add(partition)
    this.#parts.trace.note(this.#parts.process.name, `holds ${answer.partitions.join(',')}`)
    this.#listener?.assigned(new Set(answer.partitions))
  }

  /** The session ends by the member's own clock too. */
  async #watch(): Promise<void> {
    const { process, sessionMs } = this.#parts
    while (!this.#over.signal.aborted) {
      await process.clock.sleep(sessionMs / 4, this.#over.signal)
      this.#check()
    }
  }

  #check(): void {
    const { process, sessionMs } = this.#parts
    if (process.isDeaf || this.#held === undefined) return
    if (process.clock.monotonicMs() - this.#renewedMs > sessionMs) this.#lose('its session is over')
  }

  #lose(why: string): void {
    if (this.#held === undefined) return
    this.#held = undefined
    this.#parts.trace.note(this.#parts.process.name, `lost its partitions: ${why}`)
    this.#parts.coverage.hit('path lease lost')
    this.#listener?.lost()
  }
}
