/**
 * Whether event times far in the future are refused. That takes a timestamp beside the event's own time; where the records
 * have none, the check is off, and every status says so.
 */
import type { KafkaLog, Pipeline } from '../core/definition.ts'
import type { RecordSource } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { isKafka } from './compose.ts'
import { durationWords } from './words.ts'

export interface Firewall {
  readonly future: 'on' | 'off' | 'unknown'
  readonly words: string
}

export async function firewallOf(pipeline: Pipeline, source: RecordSource): Promise<Firewall> {
  const { log } = pipeline.source
  const limit = durationWords(pipeline.time.maxFutureMs)
  const on: Firewall = {
    future: 'on',
    words: `event times more than ${limit} after their record's timestamp are refused (time.maxFuture)`,
  }
  if (log.kind === 'kafka') return topicFirewall(log, source, on)
  if (log.timestamp !== undefined) return on
  const first = await firstTimestamp(source)
  if (first === undefined) return { future: 'unknown', words: 'the log is empty' }
  if (!Number.isNaN(first)) return on
  return {
    future: 'off',
    words:
      'the records have no timestamp of their own, so the `future` check is off: one event time in the far future would move ' +
      'the watermark. Name a field that has one: source.files: { directory, timestamp }',
  }
}

async function topicFirewall(
  { trustProducerClock }: KafkaLog,
  source: RecordSource,
  on: Firewall,
): Promise<Firewall> {
  if (trustProducerClock) {
    return {
      future: 'on',
      words: `${on.words}; producers set those timestamps and their clocks are trusted (source.kafka.trustProducerClock)`,
    }
  }
  try {
    if (isKafka(source)) await source.checkTimestamps()
    return on
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    const isAway = error.code === 'SOURCE_UNREADABLE' || error.code === 'SOURCE_UNAVAILABLE'
    return { future: isAway ? 'unknown' : 'off', words: error.message }
  }
}

/** NaN: it has none. Undefined: no records. */
async function firstTimestamp(source: RecordSource): Promise<number | undefined> {
  const { partitions } = await source.topology()
  for (let partition = 0; partition < partitions; partition += 1) {
    await using reader = await source.open(partition, 0)
    const batch = await reader.read(1)
    if (batch !== undefined) return batch.timestamps[0]
  }
  return undefined
}
