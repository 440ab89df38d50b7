/** Why dead letters cannot be written to their topic, with the command that mends it. */
import type { KafkaLog } from '../core/definition.ts'
import { TidemarkError } from '../errors.ts'
import { KafkaCode, codeName } from './kafka-errors.ts'
import { principalOf } from './security.ts'

/** Of the answers to Produce. */
export const ProduceCode = {
  MESSAGE_TOO_LARGE: 10,
  RECORD_LIST_TOO_LARGE: 18,
} as const

/** The definition of the source, and the topic of the dead letters. */
export interface DeadLetterPlace {
  readonly definition: Pick<KafkaLog, 'brokers' | 'tls' | 'sasl'>
  readonly topic: string
}

export function deadLettersRefused(
  place: DeadLetterPlace,
  code: number,
  message: string | undefined,
): TidemarkError {
  const words = code === KafkaCode.TOPIC_AUTHORIZATION_FAILED ? notAllowed(place) : undefined
  const detail = message === undefined ? '' : `: ${message}`
  return unwritable(
    place,
    words ??
      `the brokers answer ${codeName(code)}${detail}. Check rejects.topic and the settings of that topic`,
  )
}

export function deadLetterTopicMissing(place: DeadLetterPlace): TidemarkError {
  return unwritable(
    place,
    `it does not exist at ${place.definition.brokers.join(', ')}. Make it (it is never made by itself), as an administrator:\n` +
      `  kafka-topics.sh --bootstrap-server ${place.definition.brokers[0] ?? ''} --create --topic ${place.topic} ` +
      '--partitions 1 --config retention.ms=-1 --config cleanup.policy=delete',
  )
}

export function deadLetterTooLarge(
  place: DeadLetterPlace,
  { at, bytes }: { readonly at: string; readonly bytes: number },
): TidemarkError {
  return unwritable(
    place,
    `${at} takes ${bytes} bytes with what is said about it, compressed, and the topic takes less. Raise its limit above that of the source, as an administrator:\n` +
      `  kafka-configs.sh --bootstrap-server ${place.definition.brokers[0] ?? ''} --alter --entity-type topics --entity-name ${place.topic} ` +
      `--add-config max.message.bytes=${roundUp(bytes)}`,
  )
}

export function deadLettersUnwritable(place: DeadLetterPlace, cause: Error): TidemarkError {
  return unwritable(place, cause.message, cause)
}

function notAllowed({ definition, topic }: DeadLetterPlace): string {
  const principal = principalOf(definition)
  const name = principal.startsWith('User:') ? principal : 'User:NAME'
  return (
    `an access list must allow ${principal} to Write. As an administrator:\n` +
    `  kafka-acls.sh --bootstrap-server ${definition.brokers[0] ?? ''} --add --allow-principal ${name} --operation Write --topic ${topic}`
  )
}

function unwritable({ topic }: DeadLetterPlace, words: string, cause?: Error): TidemarkError {
  return new TidemarkError(
    'REJECTS_UNWRITABLE',
    `dead letters cannot be written to the topic ${topic}: ${words}\nNothing is lost, the records are still in the log: mend it, then start again.`,
    cause && { cause },
  )
}

/** With room to spare. */
function roundUp(bytes: number): number {
  return Math.ceil((bytes * 1.5) / 2 ** 20) * 2 ** 20
}
