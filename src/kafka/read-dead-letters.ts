/**
 * Reads what `dead-letter-topic.ts` wrote, up to where the topic ends now: each (position, reason) once, in the
 * order of its first writing. Letters of other source topics, and records that are no dead letters, are passed over.
 */
import type { KafkaLog } from '../core/definition.ts'
import type { RecordBatch } from '../core/event.ts'
import type { Clock, Log, PartitionReader } from '../engine/ports.ts'
import type { Reject, RejectReason } from '../engine/reject-port.ts'
import { parseDeadLetter } from './dead-letter-record.ts'
import type { RawDeadLetter } from './dead-letter-record.ts'
import { createKafkaLog } from './kafka-log.ts'

export interface ReadDeadLettersParts {
  /** Of the source. */
  readonly definition: KafkaLog
  readonly topic: string
  readonly log: Log
  readonly clock: Clock
}

export interface DeadLetterFilter {
  /** Of the source. */
  readonly partition?: number
  readonly reason?: RejectReason
}

const READ_BYTES = 1024 * 1024
/** Reads in a row that find nothing before the brokers are asked whether they are still there. */
const EMPTY_READS_MAX = 20

/** @throws SOURCE_* where the topic is missing, may not be read, or its brokers do not answer */
export async function* readDeadLetters(
  { definition, topic, log, clock }: ReadDeadLettersParts,
  filter: DeadLetterFilter = {},
): AsyncGenerator<Reject, void, undefined> {
  await using letters = createKafkaLog({ ...definition, topic, start: 'earliest' }, { log, clock })
  const starts = await letters.origins()
  const seen = new Set<string>()
  for (const [partition, start] of starts.entries()) {
    await using reader = await letters.open(partition, start)
    for await (const batch of readToEnd(reader, start)) {
      for (const reject of rejectsIn(batch, definition.topic)) {
        const key = `${reject.partition}.${reject.offset}.${reject.reason}`
        if (seen.has(key)) continue
        seen.add(key)
        if (matches(reject, filter)) yield reject
      }
    }
  }
}

async function* readToEnd(
  reader: PartitionReader,
  start: number,
): AsyncGenerator<RecordBatch, void, undefined> {
  const end = await reader.endOffset()
  let next = start
  let emptyReads = 0
  while (next < end && reader.lag(next) > 0) {
    const batch = await reader.read(READ_BYTES)
    if (batch === undefined) {
      emptyReads += 1
      // Throws where nobody answers.
      if (emptyReads % EMPTY_READS_MAX === 0) await reader.endOffset()
      continue
    }
    emptyReads = 0
    next = batch.nextOffset
    yield batch
  }
}

function* rejectsIn(batch: RecordBatch, sourceTopic: string): Generator<Reject> {
  for (let index = 0; index < batch.count; index++) {
    const letter = parseDeadLetter(recordAt(batch, index))
    if (letter?.sourceTopic === sourceTopic) yield letter.reject
  }
}

function recordAt(batch: RecordBatch, index: number): RawDeadLetter {
  const { bytes, keyStarts, keyEnds, valueStarts, valueEnds, headers } = batch
  return {
    key: slice(bytes, keyStarts[index], keyEnds[index]),
    value: slice(bytes, valueStarts[index], valueEnds[index]),
    headers: headers?.[index] ?? [],
  }
}

/** A copy: the batch's bytes are the fetch's. */
function slice(bytes: Buffer, start = -1, end = 0): Uint8Array | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end))
}

function matches(reject: Reject, { partition, reason }: DeadLetterFilter): boolean {
  return (
    (partition === undefined || reject.partition === partition) &&
    (reason === undefined || reject.reason === reason)
  )
}
