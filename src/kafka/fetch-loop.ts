/**
 * Fetches for all open partitions, with at most one request in flight per broker and lane (`broker-lanes.ts`), so that no
 * partition waits for another: one whose reader is slow has no room and is left out until it has, one that has caught up
 * waits at the broker beside those that are behind, not before them.
 */
import { TidemarkError } from '../errors.ts'
import type { KafkaLog } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import { BrokerLanes } from './broker-lanes.ts'
import type { FetchPlan } from './broker-lanes.ts'
import type { KafkaCluster } from './cluster.ts'
import { decodeAnswer } from './cluster.ts'
import { ConnectionFailure } from './connection-failure.ts'
import { fetchRequest } from './fetch-request.ts'
import { decodeFetchResponse } from './fetch-response.ts'
import type { FetchedPartition, FetchResponse } from './fetch-response.ts'
import { codeName, isAboutLeaders, KafkaCode, topicRefused } from './kafka-errors.ts'
import { brokerName, Leaders } from './leaders.ts'
import type { TopicMetadata } from './metadata.ts'
import type { Reachability } from './reachability.ts'

/** An open partition, as the loop sees it. */
export interface FetchTarget {
  readonly partition: number
  /** What it wants next; undefined while it has no room. */
  wish(): FetchWish | undefined
  /** `isFirst`: the broker was bound to give it a whole batch if it had one. */
  take(fetched: FetchedPartition, wish: FetchWish, isFirst: boolean): void
  /** The broker has no such offset. Nothing is asked for this partition until the promise is settled. */
  lost(wish: FetchWish): Promise<void>
  fail(error: unknown): void
}

export interface FetchWish {
  readonly offset: number
  readonly bytesMax: number
  readonly isBehind: boolean
}

export interface FetchLoopParts {
  readonly definition: KafkaLog
  readonly cluster: KafkaCluster
  readonly clock: Clock
  readonly reachability: Reachability
  /** The topic as it was when it was opened first. */
  readonly topic: TopicMetadata
  readonly metadataAgeMsMax: number
}

const RESPONSE_BYTES_MAX = 8 * 1024 * 1024

interface Entry {
  readonly target: FetchTarget
  isBusy: boolean
  /** The broker does not have its offset; why is being found out. */
  isLost: boolean
  /** Number of the last request that brought it something, or found it at its end: the longest unserved come first. */
  served: number
}

interface Asked {
  readonly entry: Entry
  readonly wish: FetchWish
  readonly leaderEpoch: number
}

export class FetchLoop {
  readonly #parts: FetchLoopParts
  readonly #leaders: Leaders
  readonly #entries = new Map<FetchTarget, Entry>()
  readonly #brokers = new Map<number, BrokerLanes>()
  readonly #closed = new AbortController()
  #requests = 0
  #wakeMs = Infinity

  constructor(parts: FetchLoopParts) {
    this.#parts = parts
    this.#leaders = new Leaders({
      ...parts,
      watched: () => [...this.#entries.keys()].map(({ partition }) => partition),
      changed: () => {
        this.kick()
      },
      failed: (error) => {
        for (const target of this.#entries.keys()) target.fail(error)
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  add(target: FetchTarget): void {
    this.#entries.set(target, { target, isBusy: false, isLost: false, served: -1 })
    this.kick()
  }

  remove(target: FetchTarget): void {
    this.#entries.delete(target)
  }

  close(): void {
    this.#closed.abort()
    this.#leaders.close()
  }

  /** Sends what can be sent now. To be called whenever a partition got room, or a leader became known. */
  kick(): void {
    if (this.#closed.signal.aborted) return
    for (const [node, asked] of this.#byBroker()) this.#send(node, asked)
  }

  #send(node: number, asked: readonly Asked[]): void {
    const behind = asked.filter(({ wish }) => wish.isBehind)
    const atEnd = asked.filter(({ wish }) => !wish.isBehind)
    const { sends, wakeMs } = this.#lanes(node).plan(
      { behind: behind.length > 0, atEnd: atEnd.length > 0 },
      this.#parts.clock.monotonicMs(),
    )
    for (const plan of sends) void this.#fetch(node, plan, plan.of === 'behind' ? behind : atEnd)
    if (wakeMs !== undefined) this.#wakeAt(wakeMs)
  }

  /** Partitions that wait for nothing but a request, by the broker that leads them. */
  #byBroker(): ReadonlyMap<number, Asked[]> {
    const brokers = new Map<number, Asked[]>()
    for (const entry of this.#entries.values()) {
      const wish = entry.isBusy || entry.isLost ? undefined : entry.target.wish()
      const leader = wish && this.#leaders.of(entry.target.partition)
      if (wish === undefined || leader === undefined) continue
      const asked = brokers.get(leader.node) ?? []
      asked.push({ entry, wish, leaderEpoch: leader.epoch })
      brokers.set(leader.node, asked)
    }
    for (const asked of brokers.values()) asked.sort((a, b) => a.entry.served - b.entry.served)
    return brokers
  }

  async #fetch(node: number, plan: FetchPlan, asked: readonly Asked[]): Promise<void> {
    const lanes = this.#lanes(node)
    let foundSomething = false
    this.#requests += 1
    lanes.begin(plan, this.#parts.clock.monotonicMs())
    for (const { entry } of asked) entry.isBusy = true
    try {
      const answer = await this.#ask(node, plan, asked)
      foundSomething = answer.partitions.some(({ records }) => records.length > 0)
      this.#settle(node, asked, answer)
    } catch (error) {
      this.#noteFailure(node, asked, error)
    } finally {
      lanes.end(plan.lane, foundSomething)
      for (const { entry } of asked) entry.isBusy = false
      this.kick()
    }
  }

  async #ask(
    node: number,
    { lane, waitMs }: FetchPlan,
    asked: readonly Asked[],
  ): Promise<FetchResponse> {
    const { cluster, definition } = this.#parts
    const request = fetchRequest({
      topic: definition.topic,
      waitMs,
      bytesMax: RESPONSE_BYTES_MAX,
      partitions: asked.map(({ entry, wish, leaderEpoch }) => ({
        partition: entry.target.partition,
        offset: wish.offset,
        leaderEpoch,
        bytesMax: wish.bytesMax,
      })),
    })
    const answer = await cluster.send(node, lane, request, waitMs)
    return decodeAnswer('Fetch', answer, decodeFetchResponse)
  }

  #settle(node: number, asked: readonly Asked[], response: FetchResponse): void {
    const { reachability, clock } = this.#parts
    const problems = [response.errorCode, ...this.#deliver(asked, response)].filter(
      (code) => code !== KafkaCode.NONE,
    )
    const lanes = this.#lanes(node)
    if (response.throttleMs > 0) lanes.holdUntil(clock.monotonicMs() + response.throttleMs)
    if (problems[0] === undefined) {
      lanes.answered()
      reachability.answered(brokerName(node))
    } else {
      this.#backOff(node, `${brokerName(node)} answers ${codeName(problems[0])}`)
    }
  }

  /** @returns codes after which to wait and ask the same again */
  #deliver(asked: readonly Asked[], response: FetchResponse): number[] {
    const byPartition = new Map(asked.map((one) => [one.entry.target.partition, one]))
    const codes: number[] = []
    for (const fetched of response.partitions) {
      const one = byPartition.get(fetched.partition)
      if (one === undefined || !this.#entries.has(one.entry.target)) continue
      const { entry, wish } = one
      const code = fetched.errorCode
      if (code === KafkaCode.NONE) {
        if (fetched.records.length > 0 || !wish.isBehind) entry.served = this.#requests
        entry.target.take(fetched, wish, one === asked[0])
      } else if (code === KafkaCode.OFFSET_OUT_OF_RANGE) {
        void this.#lose(entry, wish)
      } else if (isAboutLeaders(code)) {
        this.#leaders.doubt(fetched.partition)
      } else if (code === KafkaCode.TOPIC_AUTHORIZATION_FAILED) {
        entry.target.fail(topicRefused(this.#parts.definition, code))
      } else {
        codes.push(code)
      }
    }
    return codes
  }

  async #lose(entry: Entry, wish: FetchWish): Promise<void> {
    entry.isLost = true
    try {
      await entry.target.lost(wish)
    } catch (error) {
      entry.target.fail(error)
    }
    entry.isLost = false
    this.kick()
  }

  #noteFailure(node: number, asked: readonly Asked[], error: unknown): void {
    if (this.#closed.signal.aborted) return
    if (error instanceof ConnectionFailure) {
      this.#backOff(node, error.message, error.isSilence)
      this.#leaders.ask()
      return
    }
    for (const { entry } of asked) entry.target.fail(error)
    if (!(error instanceof TidemarkError)) this.#backOff(node, String(error))
  }

  #backOff(node: number, reason: string, isCertain = false): void {
    const { clock, reachability } = this.#parts
    reachability.failed(brokerName(node), reason, isCertain)
    this.#lanes(node).failed(clock.monotonicMs())
  }

  #lanes(node: number): BrokerLanes {
    const known = this.#brokers.get(node)
    if (known !== undefined) return known
    const lanes = new BrokerLanes()
    this.#brokers.set(node, lanes)
    return lanes
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#wakeMs) return
    this.#wakeMs = atMs
    const { clock } = this.#parts
    void clock.sleep(Math.max(0, atMs - clock.monotonicMs()), this.#closed.signal).then(() => {
      if (this.#wakeMs === atMs) this.#wakeMs = Infinity
      this.kick()
    })
  }
}
