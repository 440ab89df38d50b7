/** Kafka's error codes that mean something to us, and what an operator is told about them. */
import kafkajsErrors from 'kafkajs/src/protocol/error.js'
import type { KafkaLog } from '../core/definition.ts'
import { position } from '../core/event.ts'
import { BEGIN_ANEW, regroupOr, TidemarkError } from '../errors.ts'
import type { ConnectionFailure } from './connection-failure.ts'
import { principalOf } from './security.ts'

export const KafkaCode = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER: 6,
  REPLICA_NOT_AVAILABLE: 9,
  INVALID_TOPIC: 17,
  TOPIC_AUTHORIZATION_FAILED: 29,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  OFFSET_NOT_AVAILABLE: 78,
  UNKNOWN_TOPIC_ID: 100,
} as const

/** Another broker may know better, or the same one in a moment. */
const ABOUT_LEADERS: ReadonlySet<number> = new Set([
  KafkaCode.UNKNOWN_TOPIC_OR_PARTITION,
  KafkaCode.LEADER_NOT_AVAILABLE,
  KafkaCode.NOT_LEADER,
  KafkaCode.REPLICA_NOT_AVAILABLE,
  KafkaCode.FENCED_LEADER_EPOCH,
  KafkaCode.UNKNOWN_LEADER_EPOCH,
  KafkaCode.OFFSET_NOT_AVAILABLE,
  KafkaCode.UNKNOWN_TOPIC_ID,
])

export function isAboutLeaders(code: number): boolean {
  return ABOUT_LEADERS.has(code)
}

/** `NOT_CONTROLLER (41)` */
export function codeName(code: number): string {
  const { type } = kafkajsErrors.createErrorFromCode(code)
  return type.startsWith('KAFKAJS') ? `error ${code}` : `${type} (${code})`
}

/** No broker of the list could be talked to. */
export class ClusterUnreachable extends Error {
  override readonly name = 'ClusterUnreachable'
  readonly isRefusal: boolean

  constructor(failures: readonly ConnectionFailure[]) {
    super(failures.map(({ message }) => message).join('; '))
    this.isRefusal = failures.some((failure) => failure.isRefusal)
  }
}

type Source = Pick<KafkaLog, 'brokers' | 'topic' | 'tls' | 'sasl'>

export function refused(source: Source, cause: ClusterUnreachable): TidemarkError {
  return new TidemarkError(
    'SOURCE_REFUSED',
    `Kafka at ${source.brokers.join(', ')} refuses us. ${cause.message}`,
    { cause },
  )
}

/** `wasReached`: earlier in this run, so that waiting will help. */
export function unreachable(source: Source, cause: Error, wasReached: boolean): TidemarkError {
  const brokers = source.brokers.join(', ')
  return wasReached
    ? new TidemarkError(
        'SOURCE_UNAVAILABLE',
        `Kafka at ${brokers} does not answer now. ${cause.message}`,
        { cause },
      )
    : new TidemarkError(
        'SOURCE_UNREADABLE',
        `Kafka at ${brokers} cannot be reached. ${cause.message}. Check source.kafka.brokers (host:port of a listener that clients may use), that the ` +
          'brokers run, and whether the listener expects TLS (source.kafka.tls) or SASL (source.kafka.sasl)',
        { cause },
      )
}

export function brokersTooOld(address: string): TidemarkError {
  return new TidemarkError(
    'SOURCE_UNREADABLE',
    `${address}: this broker is older than Kafka 2.8 and cannot tell a topic's id, by which a topic that was deleted and made again is known. Use newer brokers`,
  )
}

export function garbledAnswer(what: string, cause: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new TidemarkError(
    'SOURCE_UNREADABLE',
    `the broker's answer to ${what} cannot be read: ${why}. Check that source.kafka.brokers names Kafka brokers, and that nothing between rewrites the connection`,
    { cause },
  )
}

export function topicMissing({ brokers, topic }: Source): TidemarkError {
  return new TidemarkError(
    'SOURCE_UNREADABLE',
    `the topic ${topic} does not exist at ${brokers.join(', ')}. Check source.kafka.topic; to make it:\n` +
      `  kafka-topics.sh --bootstrap-server ${brokers[0] ?? ''} --create --topic ${topic} --partitions 8`,
  )
}

export function topicDeleted({ topic }: Source): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `the topic ${topic} was deleted while it was being read. What was read is committed. Where it was meant to go, make it again and ${BEGIN_ANEW}`,
  )
}

export function topicRemade({ topic }: Source): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `the topic ${topic} was deleted and made again while it was being read: its offsets mean other records now. What was read of the old one is committed. ` +
      `For what the new one holds, ${BEGIN_ANEW}`,
  )
}

export function partitionsChanged(
  { topic }: Source,
  counts: { readonly was: number; readonly is: number },
): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `the topic ${topic} had ${counts.was} partitions and has ${counts.is} now: keys go to other partitions than their state. What was read is committed. ` +
      regroupOr(`topic with ${counts.is} partitions`),
  )
}

export function topicRefused(source: Source, code: number): TidemarkError {
  if (code === KafkaCode.TOPIC_AUTHORIZATION_FAILED) return notAllowed(source, 'Read')
  return new TidemarkError(
    'SOURCE_UNREADABLE',
    `the brokers answer ${codeName(code)} about the topic ${source.topic}. Check source.kafka.topic`,
  )
}

export function notAllowed(
  source: Source,
  operation: 'Read' | 'DescribeConfigs',
  orElse = '',
): TidemarkError {
  return new TidemarkError(
    'SOURCE_REFUSED',
    `${principalOf(source)} may not ${operation === 'Read' ? 'read' : 'see the settings of'} the topic ${source.topic}: an access list must allow ${operation}. ` +
      `As an administrator:\n  ${aclCommand(source, operation)}${orElse}`,
  )
}

function aclCommand(source: Source, operation: string): string {
  const principal = principalOf(source)
  const name = principal.startsWith('User:') ? principal : 'User:NAME'
  return `kafka-acls.sh --bootstrap-server ${source.brokers[0] ?? ''} --add --allow-principal ${name} --operation ${operation} --topic ${source.topic}`
}

export interface LogRange {
  readonly partition: number
  readonly offset: number
  readonly start: number
  readonly end: number
}

/** Retention, or a person, removed what the state needs next. */
export function offsetGone(
  { brokers, topic }: Source,
  { partition, offset, start }: LogRange,
): TidemarkError {
  return new TidemarkError(
    'OFFSET_GONE',
    `${position(topic, partition, offset)}: the log begins at ${position(topic, partition, start)}: ` +
      `the offsets ${offset} to ${start - 1} (up to ${start - offset} records) were removed by retention or by hand before they were read. ` +
      `Nothing was skipped, nothing was reset. Where a checkpoint beyond them is kept (tidemark checkpoint list), start again: it is restored. ` +
      `Else take what is left and ${BEGIN_ANEW}. To keep it from happening again, raise retention.ms above the longest stop that you allow for:\n` +
      `  kafka-configs.sh --bootstrap-server ${brokers[0] ?? ''} --alter --entity-type topics --entity-name ${topic} --add-config retention.ms=MILLISECONDS`,
  )
}

export function logShorter({ topic }: Source, { partition, offset, end }: LogRange): TidemarkError {
  return new TidemarkError(
    'SOURCE_CHANGED',
    `${position(topic, partition, offset)}: the log ends at ${position(topic, partition, end)}, before the position that was reached in it. ` +
      'The topic was deleted and made again, or the brokers lost its end (an unclean leader election, a disk restored from a copy). Nothing was read. ' +
      `Bring the old log back, or ${BEGIN_ANEW}`,
  )
}
