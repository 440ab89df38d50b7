/** What the doctor looks at where the log is a topic: the topic, the dead letters' topic, the group. Reads only; joins nothing. */
import type { KafkaLog, Pipeline } from '../core/definition.ts'
import type { Clock, Log, StateHead } from '../engine/ports.ts'
import { TidemarkError } from '../errors.ts'
import { deadLetterFacts } from '../kafka/dead-letter-facts.ts'
import { describeGroup } from '../kafka/group-description.ts'
import type { GroupDescription } from '../kafka/group-description.ts'
import type { KafkaSource } from '../kafka/kafka-log.ts'
import { TABLE_FAULTS } from '../table/failure.ts'
import { GenerationRecords } from '../storage/generation-records.ts'
import { peekState } from './compose.ts'
import { checkLetterRetention, checkTopic } from './doctor-topic.ts'
import type { Finding } from './finding.ts'
import { groupWords } from './group-words.ts'
import { openStorage } from './open-storage.ts'
import { plural } from './words.ts'

interface KafkaParts {
  readonly log: KafkaLog
  readonly source: KafkaSource
  readonly surroundings: { readonly clock: Clock; readonly log: Log }
}

/** @throws SOURCE_* where the brokers or the topic cannot be reached */
export async function checkKafka(pipeline: Pipeline, parts: KafkaParts): Promise<Finding[]> {
  const { partitions } = await parts.source.topology()
  const heads: StateHead[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    const head = await peekState(pipeline, partition)
    if (head !== undefined) heads.push(head)
  }
  return [
    ...(await checkTopic(pipeline, parts, heads)),
    ...(await checkDeadLetterTopic(pipeline, parts)),
    ...(await checkGroup(pipeline, parts)),
  ]
}

async function checkDeadLetterTopic(
  pipeline: Pipeline,
  { log: definition, source, surroundings }: KafkaParts,
): Promise<Finding[]> {
  const { topic } = pipeline.rejects
  const check = 'dead letters'
  if (topic === undefined) return []
  try {
    const { partitions, settings } = await deadLetterFacts({ definition, topic, ...surroundings })
    const written = `${topic}: ${plural(partitions, 'partition')}, may be written to`
    const found: Finding = { check, verdict: 'ok', detail: written }
    if (settings === 'not allowed') return [found]
    const retention = checkLetterRetention(pipeline, settings, await source.topicFacts())
    return retention === undefined ? [found] : [found, retention]
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return [{ check, verdict: 'problem', detail: error.message }]
  }
}

async function checkGroup(
  pipeline: Pipeline,
  { log, surroundings }: KafkaParts,
): Promise<Finding[]> {
  try {
    return judgeGroup(await describeGroup(log, surroundings), {
      writesTables: pipeline.sinks.offline !== undefined,
      place: await placeOf(pipeline),
    })
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error
    return [{ check: 'group', verdict: 'problem', detail: error.message }]
  }
}

async function placeOf(pipeline: Pipeline): Promise<string | undefined> {
  const { offline } = pipeline.sinks
  if (offline === undefined) return undefined
  await using storage = await openStorage(pipeline, offline.location, TABLE_FAULTS)
  return await new GenerationRecords(storage).knownIdentity()
}

interface OwnPlace {
  readonly writesTables: boolean
  /** Undefined: no run has written here yet. */
  readonly place: string | undefined
}

export function judgeGroup(found: GroupDescription, own: OwnPlace): Finding[] {
  const check = 'group'
  const { group, mayJoin, command, members } = found
  if (!mayJoin) {
    const detail = `access lists do not let us join ${group}`
    return [{ check, verdict: 'problem', detail, advice: `as an administrator: ${command ?? ''}` }]
  }
  const stranger = members.find(({ name }) => name === undefined)
  if (stranger !== undefined) {
    const detail = `another program is in the group ${group}, on ${stranger.host}`
    const advice = 'stop it, or give this pipeline another source.kafka.group'
    return [{ check, verdict: 'problem', detail, advice }]
  }
  const elsewhere = members.find(({ place }) => place !== own.place)
  if (elsewhere !== undefined) return [elsewhereFinding(group, elsewhere, own)]
  return [{ check, verdict: 'ok', detail: groupWords(found) }]
}

/** The run of whoever comes second is refused, so it is said before. */
function elsewhereFinding(
  group: string,
  { name = '', place }: GroupDescription['members'][number],
  own: OwnPlace,
): Finding {
  const theirs = place === undefined ? 'no tables' : `its tables to the place ${place}`
  const ours = !own.writesTables ? 'none' : (own.place ?? 'a place that no run has used yet')
  return {
    check: 'group',
    verdict: 'problem',
    detail: `${name} is in the group ${group} and writes ${theirs}; this pipeline file: ${ours}`,
    advice:
      'all members write to the same sinks.offline, or the second is refused: name the same place, or another source.kafka.group',
  }
}
