/**
 * The group's coordinator: who is a member, until when it believes so, and who works on which partitions. Members learn of it
 * with their next heartbeat, each in its own time, so that two owners of a partition overlap now and then; one that sleeps
 * or cannot be reached learns nothing and goes on as it was.
 */
import { assignPartitions } from '../src/kafka/sticky-assignor.ts'
import type { Scheduler } from './scheduler.ts'
import type { Trace } from './trace.ts'

/** Members that come at about the same time are given partitions in one go. */
const REBALANCE_DELAY_MS = 800

interface Member {
  readonly id: string
  readonly onDisk: readonly number[]
  held: readonly number[]
  generation: number | undefined
  heardMs: number
}

export interface GroupAnswer {
  readonly generation: number
  readonly partitions: readonly number[]
}

export class GroupCoordinator {
  readonly #scheduler: Scheduler
  readonly #trace: Trace
  readonly #partitions: number
  readonly #sessionMs: number
  readonly #members = new Map<string, Member>()
  readonly #published = new Map<number, number>()
  readonly #onPublished: (partition: number, nextOffset: number) => void
  #generation = 0
  #isDue = false

  constructor(parts: {
    readonly scheduler: Scheduler
    readonly trace: Trace
    readonly partitions: number
    readonly sessionMs: number
    readonly onPublished: (partition: number, nextOffset: number) => void
  }) {
    this.#onPublished = parts.onPublished
    this.#scheduler = parts.scheduler
    this.#trace = parts.trace
    this.#partitions = parts.partitions
    this.#sessionMs = parts.sessionMs
  }

  /** Who was given a partition last; undefined while nobody is there. */
  ownerOf(partition: number): string | undefined {
    return [...this.#members.values()].find(({ held }) => held.includes(partition))?.id
  }

  isMember(id: string): boolean {
    return this.#members.has(id)
  }

  /** Keeps what it is told, from whomever. */
  publish(partition: number, nextOffset: number): void {
    this.#onPublished(partition, nextOffset)
    this.#published.set(partition, nextOffset)
  }

  published(partition: number): number | undefined {
    return this.#published.get(partition)
  }

  join(id: string, onDisk: readonly number[]): void {
    this.#members.set(id, {
      id,
      onDisk,
      held: [],
      generation: undefined,
      heardMs: this.#scheduler.nowMs,
    })
    this.#watch(id)
    this.#rebalanceSoon()
  }

  /** Undefined: it is no member (any more), and has to join. */
  heartbeat(id: string): GroupAnswer | undefined {
    const member = this.#members.get(id)
    if (member === undefined) return undefined
    member.heardMs = this.#scheduler.nowMs
    if (member.generation === undefined) return { generation: -1, partitions: [] }
    return { generation: member.generation, partitions: member.held }
  }

  leave(id: string): void {
    if (this.#members.delete(id)) this.#rebalanceSoon()
  }

  #watch(id: string): void {
    const member = this.#members.get(id)
    if (member === undefined) return
    const leftMs = member.heardMs + this.#sessionMs - this.#scheduler.nowMs
    if (leftMs > 0) {
      this.#scheduler.after(leftMs, () => this.#watch(id))
      return
    }
    this.#trace.note('group', `${id} was silent for too long: it is no member any more`)
    this.leave(id)
  }

  #rebalanceSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#scheduler.after(REBALANCE_DELAY_MS, () => {
      this.#isDue = false
      this.#rebalance()
    })
  }

  #rebalance(): void {
    if (this.#members.size === 0) return
    this.#generation += 1
    const given = assignPartitions(this.#partitions, [...this.#members.values()])
    for (const [id, held] of given) {
      const member = this.#members.get(id)
      if (member === undefined) continue
      member.held = held
      member.generation = this.#generation
    }
    const text = [...given].map(([id, held]) => `${id}: ${held.join(',')}`).join('; ')
    this.#trace.note('group', `generation ${this.#generation}  ${text}`)
  }
}
