/** What the doctor asks about the topic of the dead letters: is it there, may we write to it, how long does it keep them. */
import { KafkaCluster } from './cluster.ts'
import { deadLettersRefused, deadLetterTopicMissing } from './dead-letter-errors.ts'
import type { DeadLetterParts } from './dead-letter-topic.ts'
import { KafkaCode } from './kafka-errors.ts'
import { createKafkaLog } from './kafka-log.ts'
import type { TopicFacts } from './topic-facts.ts'

export interface DeadLetterFacts {
  readonly partitions: number
  readonly settings: TopicFacts | 'not allowed'
}

const SILENCE_MS = 5_000

/** @throws REJECTS_UNWRITABLE where it is missing or may not be written to, SOURCE_* */
export async function deadLetterFacts(parts: DeadLetterParts): Promise<DeadLetterFacts> {
  const { definition, topic, log, clock, silenceMs = SILENCE_MS } = parts
  const place = { definition, topic }
  const asSource = { ...definition, topic }
  await using cluster = new KafkaCluster({ definition: asSource, log, clock, silenceMs })
  const { topic: found } = await cluster.refresh()
  if (found.errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) throw deadLetterTopicMissing(place)
  if (found.errorCode !== KafkaCode.NONE)
    throw deadLettersRefused(place, found.errorCode, undefined)
  await using letters = createKafkaLog(asSource, { log, clock })
  const { mayWrite } = await letters.topicStanding()
  if (!mayWrite) throw deadLettersRefused(place, KafkaCode.TOPIC_AUTHORIZATION_FAILED, undefined)
  return { partitions: found.partitions.length, settings: await letters.topicFacts() }
}
