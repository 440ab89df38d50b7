/**
 * The settings of the topic that matter to a run, and whether its records' timestamps may be trusted: a record's timestamp
 * is what an event time that lies in the future is measured by, so somebody must bound it.
 */
import type { KafkaLog } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import type { WireRequest } from './broker-connection.ts'
import { KafkaCode, notAllowed, topicRefused } from './kafka-errors.ts'
import { WireReader, WireWriter } from './wire.ts'

export interface TopicFacts {
  /** Who sets the records' timestamps: their producers, or the broker when it appends. */
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  /** How far a producer's timestamp may lie ahead of the broker's clock; undefined: however far. */
  readonly timestampAfterMaxMs: number | undefined
  /** Undefined: for ever. */
  readonly retentionMs: number | undefined
  /** Of a partition. Undefined: no limit. */
  readonly retentionBytes: number | undefined
  readonly cleanupPolicy: readonly ('delete' | 'compact')[]
  readonly messageBytesMax: number
  readonly replicasInSyncMin: number
}

/** The default of brokers from 4.0 on; those of 3.x bound nothing unless told to. */
const AFTER_MAX_MS = 3_600_000
const TOPIC = 2

export function describeTopicRequest(topic: string): WireRequest {
  const body = new WireWriter().int32(1).int8(TOPIC).string(topic)
  // All settings, without where else they could have come from.
  body.int32(-1).int8(0)
  return { apiKey: 32, apiName: 'DescribeConfigs', apiVersion: 1, body }
}

export interface TopicSettings {
  readonly errorCode: number
  readonly settings: ReadonlyMap<string, string>
}

export function decodeTopicSettings(answer: Buffer): TopicSettings {
  const reader = new WireReader(answer)
  reader.int32() // Throttle time.
  const [resource] = reader.array(() => {
    const errorCode = reader.int16()
    reader.string() // The error in words.
    reader.int8()
    reader.string()
    return { errorCode, settings: new Map(reader.array(() => readSetting(reader))) }
  })
  if (resource === undefined) throw new RangeError('no topic in an answer about one')
  return resource
}

function readSetting(reader: WireReader): [name: string, value: string] {
  const name = reader.string() ?? ''
  const value = reader.string() ?? ''
  reader.hex(3) // Whether it can be set, where it comes from, whether it is secret.
  reader.array(() => {
    reader.string()
    reader.string()
    reader.int8()
  })
  return [name, value]
}

/** @throws SOURCE_UNREADABLE */
export function readTopicFacts(
  source: KafkaLog,
  { errorCode, settings }: TopicSettings,
): TopicFacts | 'not allowed' {
  if (NOT_ALLOWED.has(errorCode)) return 'not allowed'
  if (errorCode !== KafkaCode.NONE) throw topicRefused(source, errorCode)
  const limit = (name: string): number | undefined => {
    const value = Number(settings.get(name) ?? NaN)
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  }
  return {
    timestampType:
      settings.get('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    // Brokers before 3.6 have one bound for both directions.
    timestampAfterMaxMs:
      limit('message.timestamp.after.max.ms') ?? limit('message.timestamp.difference.max.ms'),
    retentionMs: limit('retention.ms'),
    retentionBytes: limit('retention.bytes'),
    cleanupPolicy: (settings.get('cleanup.policy') ?? 'delete')
      .split(',')
      .filter((policy) => policy === 'delete' || policy === 'compact'),
    messageBytesMax: limit('max.message.bytes') ?? 0,
    replicasInSyncMin: limit('min.insync.replicas') ?? 0,
  }
}

const NOT_ALLOWED: ReadonlySet<number> = new Set([
  KafkaCode.TOPIC_AUTHORIZATION_FAILED,
  KafkaCode.CLUSTER_AUTHORIZATION_FAILED,
])

/** Undefined: timestamps are the broker's, or bounded by it. */
export function timestampProblem(
  source: KafkaLog,
  facts: TopicFacts | 'not allowed',
): TidemarkError | undefined {
  const trust =
    'or, where every producer’s clock is known to be right, set source.kafka.trustProducerClock: true; every status then names it'
  if (facts === 'not allowed') {
    return notAllowed(
      source,
      'DescribeConfigs',
      `\nWithout it nobody knows whether the brokers bound the producers' timestamps, by which event times in the future are refused. Allow it, ${trust}`,
    )
  }
  const { timestampType, timestampAfterMaxMs } = facts
  const isBounded = timestampAfterMaxMs !== undefined && timestampAfterMaxMs <= AFTER_MAX_MS
  if (timestampType === 'LogAppendTime' || isBounded) return undefined
  const { topic, brokers } = source
  return new TidemarkError(
    'DEFINITION_INVALID',
    `source.kafka.topic: the timestamps of ${topic} are set by its producers (CreateTime), and its brokers accept them ` +
      `${timestampAfterMaxMs === undefined ? 'however far' : `up to ${timestampAfterMaxMs} ms`} in the future: one wrong clock could carry a wrong event time past the ` +
      `\`future\` check and move the watermark. Bound them to an hour at most:\n` +
      `  kafka-configs.sh --bootstrap-server ${brokers[0] ?? ''} --alter --entity-type topics --entity-name ${topic} --add-config message.timestamp.after.max.ms=${AFTER_MAX_MS}\n` +
      trust,
  )
}
