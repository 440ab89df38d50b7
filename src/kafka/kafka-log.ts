/**
 * A Kafka topic as the log of a pipeline: kafkajs holds the sockets, what goes over them is ours. Connects when it is
 * asked first; from then on lost connections, brokers that restart and leaders that move are mended inside, for ever:
 * readers have nothing new meanwhile, and `reachability` says so.
 *
 * A position is never reset: one that the log does not have is an error that names both.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { Clock, Log, PartitionReader, RecordSource, Topology } from '../engine/ports.ts'
import { invariant } from '../errors.ts'
import { KafkaCluster } from './cluster.ts'
import { loadCodecs } from './codecs.ts'
import { FetchLoop } from './fetch-loop.ts'
import { logShorter, offsetGone } from './kafka-errors.ts'
import { EARLIEST, LATEST } from './list-offsets.ts'
import type { TopicMetadata } from './metadata.ts'
import { KafkaPartitionReader } from './partition-reader.ts'
import { Reachability } from './reachability.ts'
import type { ReachabilityState } from './reachability.ts'
import { readTopicFacts, timestampProblem } from './topic-facts.ts'
import type { TopicFacts } from './topic-facts.ts'
import { TopicQueries } from './topic-queries.ts'

export interface KafkaSource extends RecordSource {
  /** Whether brokers and leaders answer those who read. */
  readonly reachability: ReachabilityState
  /** @throws SOURCE_* as `topology` does */
  topicFacts(): Promise<TopicFacts | 'not allowed'>
  /** @throws SOURCE_* as `topology` does */
  topicStanding(): Promise<TopicStanding>
  /** Where each partition begins now. @throws SOURCE_* as `topology` does */
  logStarts(): Promise<readonly number[]>
  /**
   * Whether record timestamps may be trusted to tell an event time that lies in the future.
   * @throws DEFINITION_INVALID, SOURCE_REFUSED where they may not, with the ways on
   */
  checkTimestamps(): Promise<void>
}

export interface TopicStanding {
  /** Of the partition that has the fewest, copies on brokers, and those that are up to date. */
  readonly replicas: number
  readonly replicasInSync: number
  /** Whether access lists let us write to it. */
  readonly mayWrite: boolean
}

export interface KafkaLogParts {
  readonly log: Log
  readonly clock: Clock
  /** How long a question that somebody waits for is repeated: at the start, and when a partition is opened. */
  readonly patienceMs?: number
  /** A broker that says nothing for so long, while an answer is due, is taken for gone. */
  readonly silenceMs?: number
  /** How old what is known of the topic may become: a change of its partitions is noticed within it. */
  readonly metadataAgeMsMax?: number
}

const PATIENCE_MS = 15_000
const SILENCE_MS = 5_000
const METADATA_AGE_MS_MAX = 5_000
/** Waiting to be read: of one partition, and of all together. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024
const BUFFERS_BYTES_MAX = 64 * 1024 * 1024
/** After a leader has moved, the end that the new one tells may lie a little back for a moment. */
const END_CHECKS = 4
const END_CHECK_PAUSE_MS = 300
/** Kafka's number of the operation, as a bit. */
const ALLOWED_WRITE = 1 << 4

export function createKafkaLog(definition: KafkaLog, parts: KafkaLogParts): KafkaSource {
  return new KafkaRecordSource(definition, parts)
}

interface Opened {
  readonly topic: TopicMetadata
  readonly loop: FetchLoop
}

class KafkaRecordSource implements KafkaSource {
  readonly topic: string
  readonly #definition: KafkaLog
  readonly #clock: Clock
  readonly #cluster: KafkaCluster
  readonly #queries: TopicQueries
  readonly #reachability: Reachability
  readonly #metadataAgeMsMax: number
  readonly #closed = new AbortController()
  #opened: Promise<Opened> | undefined

  constructor(definition: KafkaLog, parts: KafkaLogParts) {
    const { log, clock, patienceMs = PATIENCE_MS, silenceMs = SILENCE_MS } = parts
    this.#metadataAgeMsMax = parts.metadataAgeMsMax ?? METADATA_AGE_MS_MAX
    this.topic = definition.topic
    this.#definition = definition
    this.#clock = clock
    const cluster = new KafkaCluster({ definition, log, clock, silenceMs })
    const { signal } = this.#closed
    this.#cluster = cluster
    this.#queries = new TopicQueries({ definition, cluster, clock, patienceMs, signal })
    this.#reachability = new Reachability(definition.topic, { log, clock })
  }

  get reachability(): ReachabilityState {
    return this.#reachability.state
  }

  async topology(): Promise<Topology> {
    const { partitions, id } = await this.#queries.topic()
    return { partitions: partitions.length, identity: id }
  }

  async origins(): Promise<readonly number[]> {
    const { start } = this.#definition
    const { partitions } = await this.#queries.topic()
    const all = partitions.map(({ partition }) => partition)
    if (start === 'earliest') return this.#offsets(all, EARLIEST)
    const ends = await this.#offsets(all, LATEST)
    if (start === 'latest') return ends
    const found = await this.#queries.offsets({ partitions: all, time: start, undecided: false })
    return all.map((partition) => found.get(partition) ?? ends[partition] ?? 0)
  }

  async tail(
    partition: number,
    records: number,
  ): Promise<{ readonly offset: number; readonly endOffset: number; readonly records: number }> {
    const [start = 0] = await this.#offsets([partition], EARLIEST)
    const endOffset = await this.#end(partition)
    const offset = Math.max(start, endOffset - records)
    return { offset, endOffset, records: endOffset - offset }
  }

  async open(partition: number, offset: number): Promise<PartitionReader> {
    const { topic, loop } = await this.#open()
    invariant(
      partition < topic.partitions.length,
      `partition ${partition} of a topic that has ${topic.partitions.length}`,
    )
    await this.#checkOffset(partition, offset)
    const reader = new KafkaPartitionReader({
      topic: this.topic,
      partition,
      identity: topic.id,
      offset,
      end: await this.#end(partition),
      bufferBytesMax: () => Math.min(BUFFER_BYTES_MAX, BUFFERS_BYTES_MAX / Math.max(1, loop.size)),
      isReachable: () => this.#reachability.state.reachable,
      changed: () => {
        loop.kick()
      },
      closed: (closed) => {
        loop.remove(closed)
      },
      askEnd: () => this.#end(partition),
      checkOffset: (lost) => this.#checkOffset(partition, lost),
    })
    loop.add(reader)
    return reader
  }

  topicFacts(): Promise<TopicFacts | 'not allowed'> {
    return this.#queries.settings(readTopicFacts)
  }

  async topicStanding(): Promise<TopicStanding> {
    const { partitions, operations } = await this.#queries.topic()
    return {
      replicas: Math.min(...partitions.map(({ replicas }) => replicas)),
      replicasInSync: Math.min(...partitions.map(({ replicasInSync }) => replicasInSync)),
      mayWrite: (operations & ALLOWED_WRITE) !== 0,
    }
  }

  async logStarts(): Promise<readonly number[]> {
    const { partitions } = await this.#queries.topic()
    return this.#offsets(
      partitions.map(({ partition }) => partition),
      EARLIEST,
    )
  }

  async checkTimestamps(): Promise<void> {
    if (this.#definition.trustProducerClock) return
    const problem = timestampProblem(this.#definition, await this.topicFacts())
    if (problem !== undefined) throw problem
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#cluster[Symbol.asyncDispose]()
    const opened = await this.#opened?.catch(() => undefined)
    opened?.loop.close()
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#start().catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    return this.#opened
  }

  async #start(): Promise<Opened> {
    const [topic] = await Promise.all([this.#queries.topic(), loadCodecs()])
    const loop = new FetchLoop({
      definition: this.#definition,
      cluster: this.#cluster,
      clock: this.#clock,
      reachability: this.#reachability,
      metadataAgeMsMax: this.#metadataAgeMsMax,
      topic,
    })
    return { topic, loop }
  }

  /** @throws OFFSET_GONE below the log's start, SOURCE_CHANGED beyond its end */
  async #checkOffset(partition: number, offset: number): Promise<void> {
    for (let left = END_CHECKS; ; left--) {
      const [[start = 0], [end = 0]] = await Promise.all([
        this.#offsets([partition], EARLIEST),
        this.#offsets([partition], LATEST, true),
      ])
      const range = { partition, offset, start, end }
      if (offset < start) throw offsetGone(this.#definition, range)
      if (offset <= end) return
      if (left <= 1) throw logShorter(this.#definition, range)
      await this.#clock.sleep(END_CHECK_PAUSE_MS)
    }
  }

  async #end(partition: number): Promise<number> {
    const [end = 0] = await this.#offsets([partition], LATEST)
    return end
  }

  async #offsets(
    partitions: readonly number[],
    time: number,
    undecided = false,
  ): Promise<readonly number[]> {
    const found = await this.#queries.offsets({ partitions, time, undecided })
    return partitions.map((partition) => found.get(partition) ?? 0)
  }
}
