import { describe, expect, test } from 'vitest'
import type { KafkaLog } from '../../src/core/definition.ts'
import { readTopicFacts, timestampProblem } from '../../src/kafka/topic-facts.ts'
import type { TopicFacts } from '../../src/kafka/topic-facts.ts'

const SOURCE: KafkaLog = {
  kind: 'kafka',
  brokers: ['b1:9092', 'b2:9092'],
  topic: 'clicks',
  start: 'earliest',
  group: 'shop',
  sessionTimeoutMs: 30_000,
  trustProducerClock: false,
  sasl: { mechanism: 'plain', username: 'shop', password: 'x' },
}

function facts(settings: Readonly<Record<string, string>>): TopicFacts {
  const read = readTopicFacts(SOURCE, { errorCode: 0, settings: new Map(Object.entries(settings)) })
  if (read === 'not allowed') throw new Error(read)
  return read
}

const LONG_MAX = '9223372036854775807'

describe('the timestamp firewall', () => {
  test.each([
    { 'message.timestamp.type': 'LogAppendTime', 'message.timestamp.after.max.ms': LONG_MAX },
    { 'message.timestamp.type': 'CreateTime', 'message.timestamp.after.max.ms': '3600000' },
    { 'message.timestamp.type': 'CreateTime', 'message.timestamp.difference.max.ms': '60000' },
  ])('trusts timestamps that the broker sets, or bounds to an hour: %o', (settings) => {
    expect(timestampProblem(SOURCE, facts(settings))).toBeUndefined()
  })

  test.each([
    [{ 'message.timestamp.after.max.ms': '3600001' }, 'accept them up to 3600001 ms'],
    [{ 'message.timestamp.after.max.ms': LONG_MAX }, 'accept them however far'],
    [{}, 'accept them however far'],
  ])('asks for the bound of producers’ timestamps, or for trust: %o', (settings, words) => {
    const problem = timestampProblem(SOURCE, facts({ ...settings }))
    expect(problem?.code).toBe('DEFINITION_INVALID')
    expect(problem?.message).toContain(words)
    expect(problem?.message).toContain(
      'kafka-configs.sh --bootstrap-server b1:9092 --alter --entity-type topics --entity-name clicks --add-config message.timestamp.after.max.ms=3600000',
    )
    expect(problem?.message).toContain('source.kafka.trustProducerClock: true')
  })

  test.each([29, 31])(
    'asks for the right to see the settings, or for trust (code %i)',
    (errorCode) => {
      const read = readTopicFacts(SOURCE, { errorCode, settings: new Map() })
      expect(read).toBe('not allowed')
      const problem = timestampProblem(SOURCE, read)
      expect(problem?.code).toBe('SOURCE_REFUSED')
      expect(problem?.message).toContain(
        'kafka-acls.sh --bootstrap-server b1:9092 --add --allow-principal User:shop --operation DescribeConfigs --topic clicks',
      )
      expect(problem?.message).toContain('source.kafka.trustProducerClock: true')
    },
  )
})

test('limits of -1 and beyond what a number holds are none', () => {
  expect(
    facts({
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.after.max.ms': '3600000',
      'retention.ms': '-1',
      'retention.bytes': '1000',
      'cleanup.policy': 'compact,delete',
      'max.message.bytes': '1048588',
      'min.insync.replicas': '2',
    }),
  ).toEqual({
    timestampType: 'CreateTime',
    timestampAfterMaxMs: 3_600_000,
    retentionMs: undefined,
    retentionBytes: 1000,
    cleanupPolicy: ['compact', 'delete'],
    messageBytesMax: 1_048_588,
    replicasInSyncMin: 2,
  })
})
