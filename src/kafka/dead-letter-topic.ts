/**
 * Rejects in a topic. The partition follows from the source's partition, so that what was rejected is found in the order of
 * the log; written twice (after a crash, or an answer that was lost) it is there twice, and readers take each position
 * and reason once (`read-dead-letters.ts`).
 *
 * `write` resolves when all replicas in sync have the records. Brokers that cannot be reached are tried for ever; what
 * they refuse is an error, with the way to mend it.
 */
import type { KafkaLog } from '../core/definition.ts'
import { position } from '../core/event.ts'
import type { Clock, Log } from '../engine/ports.ts'
import type { Reject, RejectSink } from '../engine/reject-port.ts'
import { decodeAnswer, KafkaCluster } from './cluster.ts'
import { ConnectionFailure } from './connection-failure.ts'
import {
  deadLettersRefused,
  deadLettersUnwritable,
  deadLetterTooLarge,
  deadLetterTopicMissing,
  ProduceCode,
} from './dead-letter-errors.ts'
import type { DeadLetterPlace } from './dead-letter-errors.ts'
import { deadLetterRecord } from './dead-letter-record.ts'
import { ClusterUnreachable, codeName, isAboutLeaders, KafkaCode } from './kafka-errors.ts'
import { decodeProduce, produceRequest } from './produce-request.ts'
import { encodeRecordBatch, recordSize } from './record-batch-writer.ts'
import type { NewRecord } from './record-batch-writer.ts'

export interface DeadLetterParts {
  /** Of the source, whose brokers keep the dead letters too. */
  readonly definition: KafkaLog
  readonly topic: string
  readonly log: Log
  readonly clock: Clock
  /** A broker that says nothing for so long, while an answer is due, is taken for gone. */
  readonly silenceMs?: number
}

const SILENCE_MS = 10_000
const REPLICAS_TIMEOUT_MS = 20_000
/** Of one request, before compression; a batch counts against the topic's limit as a whole, compressed. */
const BATCH_BYTES = 512 * 1024
const PAUSE_FIRST_MS = 50
const PAUSE_MAX_MS = 2_000
/** A broker that starts may not know a topic, or a password, for a moment. */
const MISSING_PATIENCE_MS = 5_000
const REFUSED_PATIENCE_MS = 15_000

export function createDeadLetterTopic(parts: DeadLetterParts): RejectSink {
  return new DeadLetterTopic(parts)
}

interface Letter {
  readonly at: string
  readonly record: NewRecord
}

/** What an attempt came to; `retry` says why. */
type Outcome = 'written' | 'too large' | { readonly retry: string; readonly patienceMs?: number }

class DeadLetterTopic implements RejectSink {
  readonly #parts: DeadLetterParts
  readonly #place: DeadLetterPlace
  readonly #cluster: KafkaCluster
  readonly #closed = new AbortController()
  #hasFailed = false

  constructor(parts: DeadLetterParts) {
    const { definition, topic, log, clock, silenceMs = SILENCE_MS } = parts
    this.#parts = parts
    this.#place = { definition, topic }
    this.#cluster = new KafkaCluster({
      definition: { ...definition, topic },
      log,
      clock,
      silenceMs,
    })
  }

  async write(rejects: readonly Reject[]): Promise<void> {
    for (const [partition, group] of byPartition(rejects)) {
      for (const batch of this.#batches(group)) await this.#send(partition, batch)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort()
    await this.#cluster[Symbol.asyncDispose]()
  }

  *#batches(rejects: readonly Reject[]): Generator<readonly Letter[]> {
    const { definition, clock } = this.#parts
    let batch: Letter[] = []
    let bytes = 0
    for (const reject of rejects) {
      const record = deadLetterRecord(definition.topic, reject, clock.wallMs())
      const size = recordSize(record)
      if (batch.length > 0 && bytes + size > BATCH_BYTES) {
        yield batch
        batch = []
        bytes = 0
      }
      batch.push({ at: position(definition.topic, reject.partition, reject.offset), record })
      bytes += size
    }
    if (batch.length > 0) yield batch
  }

  /** One request at a time, until it is acknowledged. */
  async #send(sourcePartition: number, letters: readonly Letter[]): Promise<void> {
    const batch = encodeRecordBatch(letters.map(({ record }) => record))
    const outcome = await this.#untilAnswered(() => this.#attempt(sourcePartition, batch))
    if (outcome === 'written') return
    const [first] = letters
    if (letters.length === 1 && first)
      throw deadLetterTooLarge(this.#place, { at: first.at, bytes: batch.length })
    const half = Math.ceil(letters.length / 2)
    await this.#send(sourcePartition, letters.slice(0, half))
    await this.#send(sourcePartition, letters.slice(half))
  }

  async #untilAnswered(attempt: () => Promise<Outcome>): Promise<'written' | 'too large'> {
    const { clock } = this.#parts
    const sinceMs = new Map<string, number>()
    let pauseMs = PAUSE_FIRST_MS
    for (;;) {
      const outcome = await attempt().catch((error: unknown) => this.#outcomeOf(error))
      if (typeof outcome === 'string') {
        this.#noteEnd()
        return outcome
      }
      if (this.#closed.signal.aborted)
        throw deadLettersUnwritable(this.#place, new Error(`closed while trying: ${outcome.retry}`))
      const { retry, patienceMs = Infinity } = outcome
      const firstMs = sinceMs.get(retry) ?? clock.monotonicMs()
      sinceMs.set(retry, firstMs)
      if (clock.monotonicMs() - firstMs > patienceMs) throw this.#impatient(retry)
      this.#noteFailure(retry)
      await clock.sleep(pauseMs, this.#closed.signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)
      await this.#cluster.refresh().catch(() => undefined)
    }
  }

  async #attempt(sourcePartition: number, batch: Buffer): Promise<Outcome> {
    const { topic } = this.#parts
    const { topic: metadata } = this.#cluster.metadata ?? (await this.#cluster.refresh())
    if (metadata.errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION)
      return { retry: MISSING, patienceMs: MISSING_PATIENCE_MS }
    if (metadata.errorCode !== KafkaCode.NONE) return this.#answered(metadata.errorCode, undefined)
    const partition = sourcePartition % metadata.partitions.length
    const leader = metadata.partitions[partition]?.leader
    if (leader === undefined) return { retry: `no broker leads ${topic}[${partition}] now` }
    const timeoutMs = REPLICAS_TIMEOUT_MS
    const request = produceRequest({ topic, partition, batch, timeoutMs })
    const answer = await this.#cluster.send(leader, 'control', request, timeoutMs)
    const { errorCode, message } = decodeAnswer('Produce', answer, decodeProduce)
    return this.#answered(errorCode, message)
  }

  /** @throws REJECTS_UNWRITABLE */
  #answered(code: number, message: string | undefined): Outcome {
    if (code === KafkaCode.NONE) return 'written'
    if (code === ProduceCode.MESSAGE_TOO_LARGE || code === ProduceCode.RECORD_LIST_TOO_LARGE)
      return 'too large'
    if (isAboutLeaders(code) || MAY_PASS.has(code))
      return { retry: `the brokers answer ${codeName(code)}` }
    throw deadLettersRefused(this.#place, code, message)
  }

  #outcomeOf(error: unknown): Outcome {
    const isTrouble = error instanceof ConnectionFailure || error instanceof ClusterUnreachable
    if (!isTrouble) throw error
    const retry = error.message
    return error.isRefusal ? { retry, patienceMs: REFUSED_PATIENCE_MS } : { retry }
  }

  #impatient(retry: string): Error {
    return retry === MISSING
      ? deadLetterTopicMissing(this.#place)
      : deadLettersUnwritable(this.#place, new Error(retry))
  }

  #noteFailure(reason: string): void {
    const { topic, log } = this.#parts
    if (this.#hasFailed) return
    this.#hasFailed = true
    log.warn({ topic, reason }, `${topic}: cannot write dead letters now, trying on: ${reason}`)
  }

  #noteEnd(): void {
    const { topic, log } = this.#parts
    if (this.#hasFailed) log.info({ topic }, `${topic}: dead letters are written again`)
    this.#hasFailed = false
  }
}

const MISSING = 'the topic does not exist'

/** Timed out, too few replicas in sync (before and after), a disk of the broker, a garbled batch on the way. */
const MAY_PASS: ReadonlySet<number> = new Set([2, 7, 8, 13, 19, 20, 56])

function byPartition(rejects: readonly Reject[]): ReadonlyMap<number, Reject[]> {
  const groups = new Map<number, Reject[]>()
  for (const reject of rejects) {
    const group = groups.get(reject.partition)
    if (group) group.push(reject)
    else groups.set(reject.partition, [reject])
  }
  return groups
}
