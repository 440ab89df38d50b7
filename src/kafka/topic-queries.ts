/**
 * Questions about the topic that somebody waits for: where its partitions begin and end, what it is. Each is asked again
 * through leader moves and lost connections, for a bounded time; then the caller is told what was wrong.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock } from '../engine/ports.ts'
import { ConnectionFailure } from './connection-failure.ts'
import { decodeAnswer } from './cluster.ts'
import type { KafkaCluster } from './cluster.ts'
import {
  ClusterUnreachable,
  codeName,
  isAboutLeaders,
  KafkaCode,
  refused,
  topicMissing,
  topicRefused,
  unreachable,
} from './kafka-errors.ts'
import { decodeListOffsets, listOffsetsRequest } from './list-offsets.ts'
import type { ClusterMetadata, TopicMetadata } from './metadata.ts'
import { decodeTopicSettings, describeTopicRequest } from './topic-facts.ts'
import type { TopicSettings } from './topic-facts.ts'

export interface TopicQueriesParts {
  readonly definition: KafkaLog
  readonly cluster: KafkaCluster
  readonly clock: Clock
  /** How long a question is repeated before its failure is told. */
  readonly patienceMs: number
  /** Ends the patience. */
  readonly signal: AbortSignal
}

/** `undefined` where no record is as late as the time that was asked for. */
export type Offsets = ReadonlyMap<number, number | undefined>

/** A topic may not be known everywhere in the first moments of its life. */
const MISSING_PATIENCE_MS = 3_000
const PAUSE_FIRST_MS = 50
const PAUSE_MAX_MS = 1_000

export class TopicQueries {
  readonly #parts: TopicQueriesParts
  #wasReached = false

  constructor(parts: TopicQueriesParts) {
    this.#parts = parts
  }

  /**
   * The topic as it is now.
   * @throws SOURCE_REFUSED, SOURCE_UNREADABLE, SOURCE_UNAVAILABLE where it could be reached earlier
   */
  topic(): Promise<TopicMetadata> {
    return this.#untilAnswered(async () => {
      const { topic } = await this.#refresh()
      return { value: topic }
    })
  }

  /** @throws as `topic` does */
  offsets(question: {
    readonly partitions: readonly number[]
    readonly time: number
    readonly undecided: boolean
  }): Promise<Offsets> {
    const found = new Map<number, number | undefined>()
    return this.#untilAnswered(async (attempt) => {
      const known = this.#parts.cluster.metadata
      const { topic } = known === undefined || attempt > 0 ? await this.#refresh() : known
      const missing = question.partitions.filter((partition) => !found.has(partition))
      const problems = await Promise.all(
        [...byLeader(topic, missing)].map(([leader, partitions]) =>
          this.#askLeader(leader, { ...question, partitions }, found),
        ),
      )
      if (question.partitions.every((partition) => found.has(partition))) return { value: found }
      return { problem: problems.find(Boolean) ?? 'partitions without a leader' }
    })
  }

  /** @throws as `topic` does */
  settings<T>(read: (source: KafkaLog, settings: TopicSettings) => T): Promise<T> {
    const { cluster, definition } = this.#parts
    return this.#untilAnswered(async () => {
      const answer = await cluster.sendToAny(describeTopicRequest(definition.topic))
      const settings = decodeAnswer('DescribeConfigs', answer, decodeTopicSettings)
      this.#wasReached = true
      if (settings.errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) throw new TopicMissing()
      return { value: read(definition, settings) }
    })
  }

  /** @returns what kept some of the partitions from being answered */
  async #askLeader(
    leader: number | undefined,
    question: Parameters<TopicQueries['offsets']>[0],
    found: Map<number, number | undefined>,
  ): Promise<string | undefined> {
    if (leader === undefined)
      return `no broker leads partition ${question.partitions.join(', ')} now`
    const { cluster, definition } = this.#parts
    const request = listOffsetsRequest({ ...question, topic: definition.topic })
    const answer = await cluster.send(leader, 'control', request)
    let problem: string | undefined
    for (const { partition, errorCode, offset } of decodeAnswer(
      'ListOffsets',
      answer,
      decodeListOffsets,
    )) {
      if (errorCode === KafkaCode.NONE) found.set(partition, offset)
      else if (isAboutLeaders(errorCode))
        problem = `broker ${leader} answers ${codeName(errorCode)}`
      else throw topicRefused(definition, errorCode)
    }
    return problem
  }

  async #refresh(): Promise<ClusterMetadata> {
    const metadata = await this.#parts.cluster.refresh()
    const { errorCode } = metadata.topic
    this.#wasReached ||= errorCode === KafkaCode.NONE
    if (errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) throw new TopicMissing()
    if (errorCode === KafkaCode.LEADER_NOT_AVAILABLE || errorCode === KafkaCode.NONE)
      return metadata
    throw topicRefused(this.#parts.definition, errorCode)
  }

  async #untilAnswered<T>(attempt: (number: number) => Promise<Outcome<T>>): Promise<T> {
    const { definition, clock, patienceMs, signal } = this.#parts
    const startMs = clock.monotonicMs()
    let pauseMs = PAUSE_FIRST_MS
    for (let number = 0; ; number++) {
      const outcome = await attempt(number).catch(asProblem)
      if ('value' in outcome) return outcome.value
      const { problem } = outcome
      const elapsedMs = clock.monotonicMs() - startMs
      if (problem instanceof ClusterUnreachable && problem.isRefusal)
        throw refused(definition, problem)
      if (problem instanceof TopicMissing && elapsedMs > MISSING_PATIENCE_MS)
        throw topicMissing(definition)
      if (elapsedMs + pauseMs > patienceMs || signal.aborted) {
        const cause = problem instanceof Error ? problem : new Error(problem)
        throw unreachable(definition, cause, this.#wasReached)
      }
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
    }
  }
}

type Outcome<T> = { readonly value: T } | Problem

interface Problem {
  readonly problem: Error | string
}

class TopicMissing extends Error {
  override readonly name = 'TopicMissing'
}

function asProblem(error: unknown): Problem {
  const mayPass =
    error instanceof ConnectionFailure ||
    error instanceof ClusterUnreachable ||
    error instanceof TopicMissing
  if (!mayPass) throw error
  return { problem: error }
}

function byLeader(
  topic: TopicMetadata,
  partitions: readonly number[],
): ReadonlyMap<number | undefined, number[]> {
  const leaders = new Map<number | undefined, number[]>()
  for (const partition of partitions) {
    const leader = topic.partitions[partition]?.leader
    leaders.set(leader, [...(leaders.get(leader) ?? []), partition])
  }
  return leaders
}
