/**
 * Who leads each open partition, kept right by asking whenever a broker's answer casts doubt on it, and now and then; and
 * the watch over what must not change under a reader: the topic's id and its number of partitions.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import type { TidemarkError } from '../errors.ts'
import type { KafkaCluster } from './cluster.ts'
import {
  ClusterUnreachable,
  codeName,
  KafkaCode,
  partitionsChanged,
  refused,
  topicDeleted,
  topicRefused,
  topicRemade,
} from './kafka-errors.ts'
import type { TopicMetadata } from './metadata.ts'
import type { Reachability } from './reachability.ts'

export interface Leader {
  readonly node: number
  readonly epoch: number
}

export interface LeadersParts {
  readonly definition: KafkaLog
  readonly cluster: KafkaCluster
  readonly clock: Clock
  readonly reachability: Reachability
  /** The topic as it was when it was opened first. */
  readonly topic: TopicMetadata
  /** After so long it is asked for anew, whether or not anything casts doubt on it. */
  readonly metadataAgeMsMax: number
  /** Partitions that somebody reads. */
  readonly watched: () => Iterable<number>
  readonly changed: () => void
  /** No reader may go on. */
  readonly failed: (error: unknown) => void
}

const PAUSE_FIRST_MS = 20
const PAUSE_MAX_MS = 1_000
/** Without a doubt for so long, the next one is looked into at once. */
const CALM_MS = 3_000
/** A broker that starts may not know a topic, or a password, for a moment. */
const MISSING_PATIENCE_MS = 5_000
const REFUSED_PATIENCE_MS = 30_000

export class Leaders {
  readonly #parts: LeadersParts
  readonly #leaders = new Map<number, Leader>()
  /** Of each partition, the newest epoch that was heard of: metadata of a broker that lags behind says less. */
  readonly #epochs = new Map<number, number>()
  readonly #closed = new AbortController()
  #askedMs: number
  #pauseMs = 0
  #isAsking = false
  #isWanted = false
  #missingSinceMs: number | undefined
  #refusedSinceMs: number | undefined

  constructor(parts: LeadersParts) {
    this.#parts = parts
    this.#askedMs = parts.clock.monotonicMs()
    this.#learn(parts.topic)
  }

  /** Undefined while it is not known. */
  of(partition: number): Leader | undefined {
    if (this.#parts.clock.monotonicMs() - this.#askedMs > this.#parts.metadataAgeMsMax) this.ask()
    const leader = this.#leaders.get(partition)
    if (leader === undefined) this.ask()
    return leader
  }

  /** The broker that we took for the leader says that it is not. */
  doubt(partition: number): void {
    this.#leaders.delete(partition)
    this.ask()
  }

  /** Asks the brokers soon; `changed` is called when they have answered. */
  ask(): void {
    this.#isWanted = true
    if (this.#isAsking || this.#closed.signal.aborted) return
    void this.#askWhileWanted()
  }

  close(): void {
    this.#closed.abort()
  }

  async #askWhileWanted(): Promise<void> {
    const { clock, changed } = this.#parts
    const { signal } = this.#closed
    this.#isAsking = true
    while (this.#isWanted) {
      const sinceMs = clock.monotonicMs() - this.#askedMs
      this.#pauseMs =
        sinceMs > CALM_MS ? 0 : Math.min(this.#pauseMs * 2 + PAUSE_FIRST_MS, PAUSE_MAX_MS)
      await clock.sleep(this.#pauseMs, signal)
      if (signal.aborted) return
      this.#isWanted = false
      this.#askedMs = clock.monotonicMs()
      await this.#askOnce()
      if (!this.#closed.signal.aborted) changed()
    }
    this.#isAsking = false
  }

  async #askOnce(): Promise<void> {
    const { cluster, reachability, failed, definition, clock } = this.#parts
    try {
      const { topic } = await cluster.refresh()
      this.#refusedSinceMs = undefined
      reachability.answered('brokers')
      const problem = this.#problemOf(topic)
      if (problem !== undefined) failed(problem)
      else if (topic.errorCode === KafkaCode.NONE) this.#learn(topic)
      else this.#isWanted = true
    } catch (error) {
      if (this.#closed.signal.aborted) return
      if (!(error instanceof ClusterUnreachable)) {
        failed(error)
        return
      }
      reachability.failed('brokers', error.message)
      this.#isWanted = true
      if (!error.isRefusal) this.#refusedSinceMs = undefined
      else this.#refusedSinceMs ??= clock.monotonicMs()
      if (clock.monotonicMs() - (this.#refusedSinceMs ?? Infinity) > REFUSED_PATIENCE_MS)
        failed(refused(definition, error))
    }
  }

  #learn(topic: TopicMetadata): void {
    for (const { partition, leader, leaderEpoch } of topic.partitions) {
      if (leader === undefined) {
        this.#leaders.delete(partition)
      } else if (leaderEpoch >= (this.#epochs.get(partition) ?? -1)) {
        this.#epochs.set(partition, leaderEpoch)
        this.#leaders.set(partition, { node: leader, epoch: leaderEpoch })
      }
    }
    this.#noteLeaderless()
  }

  #noteLeaderless(): void {
    const { watched, reachability } = this.#parts
    const asked = new Set(['brokers', 'leaders'])
    const leaderless: number[] = []
    for (const partition of watched()) {
      const leader = this.#leaders.get(partition)
      if (leader === undefined) leaderless.push(partition)
      else asked.add(brokerName(leader.node))
    }
    reachability.keepOnly(asked)
    if (leaderless.length === 0) {
      reachability.answered('leaders')
    } else {
      reachability.failed('leaders', `no broker leads partition ${leaderless.join(', ')}`)
      this.#isWanted = true
    }
  }

  #problemOf(topic: TopicMetadata): TidemarkError | undefined {
    const { definition, topic: first, clock, reachability } = this.#parts
    const { errorCode } = topic
    if (errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) {
      this.#missingSinceMs ??= clock.monotonicMs()
      if (clock.monotonicMs() - this.#missingSinceMs > MISSING_PATIENCE_MS)
        return topicDeleted(definition)
    } else {
      this.#missingSinceMs = undefined
    }
    if (errorCode !== KafkaCode.NONE) {
      reachability.failed('leaders', `the brokers answer ${codeName(errorCode)} about the topic`)
      return MAY_PASS.has(errorCode) ? undefined : topicRefused(definition, errorCode)
    }
    if (topic.id !== first.id) return topicRemade(definition)
    const [was, is] = [first.partitions.length, topic.partitions.length]
    return was === is ? undefined : partitionsChanged(definition, { was, is })
  }
}

const MAY_PASS: ReadonlySet<number> = new Set([
  KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaCode.LEADER_NOT_AVAILABLE,
])

export function brokerName(node: number): string {
  return `broker ${node}`
}
