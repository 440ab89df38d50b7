/**
 * Fetches for all open partitions, one request in flight per broker and lane, so that no partition waits for another:
 *
 *   behind   partitions with records to get now: the broker answers at once
 *   tail     partitions at their end: the broker holds the request until a record comes, at most LONG_POLL_MS
 *
 * A partition whose reader is slow has no room and is left out until it has. One that gets room while the tail's request
 * waits at the broker is polled through the other lane, briefly, so that it neither waits nor holds up those behind.
 */
import { TidemarkError } from '../errors.ts'
import type { KafkaLog } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import type { ConnectionLane, KafkaCluster } from './cluster.ts'
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

const LONG_POLL_MS = 500
const SHORT_POLL_MS = 40
/** Between the starts of two requests that wait: records that come one by one are fetched together. */
const PACE_MS = 4
const RESPONSE_BYTES_MAX = 8 * 1024 * 1024
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 2_000

interface Entry {
  readonly target: FetchTarget
  isBusy: boolean
  /** Number of the last request that brought it something, or found it at its end: the longest unserved come first. */
  served: number
}

interface Broker {
  /** Lanes with a request under way, and how long it may wait at the broker. */
  readonly busy: Map<FetchLane, number>
  /** When the next request that waits may be sent. */
  readonly paced: Record<FetchLane, number>
  /** The tail came back with nothing: a moment to take those along that are polled beside it. */
  mayGather: boolean
  notBeforeMs: number
  backoffMs: number
}

type FetchLane = Exclude<ConnectionLane, 'control'>

interface Asked {
  readonly entry: Entry
  readonly wish: FetchWish
  readonly leaderEpoch: number
}

export class FetchLoop {
  readonly #parts: FetchLoopParts
  readonly #leaders: Leaders
  readonly #entries = new Map<FetchTarget, Entry>()
  readonly #brokers = new Map<number, Broker>()
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
    this.#entries.set(target, { target, isBusy: false, served: -1 })
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
    const nowMs = this.#parts.clock.monotonicMs()
    for (const [node, asked] of this.#byBroker()) {
      const broker = this.#broker(node)
      if (broker.notBeforeMs > nowMs) this.#wakeAt(broker.notBeforeMs)
      else this.#send(node, broker, asked)
    }
  }

  #send(node: number, broker: Broker, asked: readonly Asked[]): void {
    const behind = asked.filter(({ wish }) => wish.isBehind)
    const atEnd = asked.filter(({ wish }) => !wish.isBehind)
    if (behind.length > 0 && !broker.busy.has('behind')) void this.#fetch(node, 'behind', behind, 0)
    if (atEnd.length === 0) return
    const isPolling = (broker.busy.get('behind') ?? 0) > 0
    if (!broker.busy.has('tail')) {
      if (!(isPolling && broker.mayGather)) this.#wait(node, broker, 'tail', atEnd)
    } else if (!broker.busy.has('behind')) {
      this.#wait(node, broker, 'behind', atEnd)
    }
  }

  /** Asks for records that are still to come. */
  #wait(node: number, broker: Broker, lane: FetchLane, atEnd: readonly Asked[]): void {
    const nowMs = this.#parts.clock.monotonicMs()
    if (broker.paced[lane] > nowMs) {
      this.#wakeAt(broker.paced[lane])
      return
    }
    broker.paced[lane] = nowMs + PACE_MS
    void this.#fetch(node, lane, atEnd, lane === 'tail' ? LONG_POLL_MS : SHORT_POLL_MS)
  }

  /** Partitions that wait for nothing but a request, by the broker that leads them. */
  #byBroker(): ReadonlyMap<number, Asked[]> {
    const brokers = new Map<number, Asked[]>()
    for (const entry of this.#entries.values()) {
      const wish = entry.isBusy ? undefined : entry.target.wish()
      const leader = wish && this.#leaders.of(entry.target.partition)
      if (wish === undefined || leader === undefined) continue
      const asked = brokers.get(leader.node) ?? []
      asked.push({ entry, wish, leaderEpoch: leader.epoch })
      brokers.set(leader.node, asked)
    }
    for (const asked of brokers.values()) asked.sort((a, b) => a.entry.served - b.entry.served)
    return brokers
  }

  async #fetch(
    node: number,
    lane: FetchLane,
    asked: readonly Asked[],
    waitMs: number,
  ): Promise<void> {
    const broker = this.#broker(node)
    this.#requests += 1
    broker.busy.set(lane, waitMs)
    for (const { entry } of asked) entry.isBusy = true
    try {
      const answer = await this.#ask(node, lane, asked, waitMs)
      if (lane === 'tail')
        broker.mayGather = answer.partitions.every(({ records }) => records.length === 0)
      this.#settle(node, broker, asked, answer)
    } catch (error) {
      this.#noteFailure(node, broker, asked, error)
    } finally {
      broker.busy.delete(lane)
      for (const { entry } of asked) entry.isBusy = false
      this.kick()
    }
  }

  async #ask(
    node: number,
    lane: FetchLane,
    asked: readonly Asked[],
    waitMs: number,
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

  #settle(node: number, broker: Broker, asked: readonly Asked[], response: FetchResponse): void {
    const { reachability, clock } = this.#parts
    const problems = [response.errorCode, ...this.#deliver(asked, response)].filter(
      (code) => code !== KafkaCode.NONE,
    )
    if (response.throttleMs > 0) broker.notBeforeMs = clock.monotonicMs() + response.throttleMs
    if (problems[0] === undefined) {
      broker.backoffMs = 0
      reachability.answered(brokerName(node))
    } else {
      this.#backOff(node, broker, `${brokerName(node)} answers ${codeName(problems[0])}`)
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
        this.#lose(entry, wish)
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

  #lose(entry: Entry, wish: FetchWish): void {
    this.#entries.delete(entry.target)
    entry.target
      .lost(wish)
      .then(
        () => this.#entries.set(entry.target, entry),
        (error: unknown) => {
          entry.target.fail(error)
        },
      )
      .finally(() => {
        this.kick()
      })
      .catch(() => undefined)
  }

  #noteFailure(node: number, broker: Broker, asked: readonly Asked[], error: unknown): void {
    if (this.#closed.signal.aborted) return
    if (error instanceof ConnectionFailure) {
      this.#backOff(node, broker, error.message, error.isSilence)
      this.#leaders.ask()
      return
    }
    for (const { entry } of asked) entry.target.fail(error)
    if (!(error instanceof TidemarkError)) this.#backOff(node, broker, String(error))
  }

  #backOff(node: number, broker: Broker, reason: string, isCertain = false): void {
    const { clock, reachability } = this.#parts
    reachability.failed(brokerName(node), reason, isCertain)
    // The first time at once: a broker closes connections that were idle for long.
    broker.notBeforeMs = clock.monotonicMs() + broker.backoffMs
    broker.backoffMs = Math.min(Math.max(broker.backoffMs * 2, BACKOFF_FIRST_MS), BACKOFF_MAX_MS)
  }

  #broker(node: number): Broker {
    const known = this.#brokers.get(node)
    if (known !== undefined) return known
    const broker: Broker = {
      busy: new Map(),
      paced: { behind: 0, tail: 0 },
      mayGather: false,
      notBeforeMs: 0,
      backoffMs: 0,
    }
    this.#brokers.set(node, broker)
    return broker
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
